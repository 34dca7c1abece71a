// Texts that other processes write into the knobs of a virtual device, and loads from the command
// line: what is accepted is accepted again unchanged, and within its bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/virtual_knob.hpp"
#include "control/virtual_load.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void fuzz_knobs(std::string_view text) {
  constexpr std::uint64_t kLow = 306'000'000;
  constexpr std::uint64_t kHigh = 1'300'500'000;
  using wattle::control::accept_number;
  if (const auto limit = accept_number(text, kLow, kHigh, true)) {
    const auto number = std::strtoull(limit->c_str(), nullptr, 10);
    require(number >= kLow && number <= kHigh);
    require(accept_number(*limit, kLow, kHigh, false) == limit);
  }
  if (const auto duty = accept_number(text, 0, 255, false)) {
    require(std::strtoull(duty->c_str(), nullptr, 10) <= 255);
    require(accept_number(text, 0, 255, true) == duty);
  }
  if (const auto word = wattle::control::accept_word(text, {"performance", "powersave"})) {
    require(text.find(*word) != std::string_view::npos);
  }
}

void fuzz_load(std::string_view text) {
  const auto load = wattle::control::parse_load(text);
  if (!load) return;
  const wattle::control::OrinParameters model;
  for (const double hz : model.bin_hz) {
    const auto work = wattle::control::gpu_work(model, *load, hz, 3199e6);
    require(work.busy >= 0.0 && work.busy <= 1.0);
    require(!work.step_s || *work.step_s > 0.0);
    require(wattle::control::power_w(model, hz, work.busy, 64.0) >= model.idle_w);
  }
  const auto again = wattle::control::parse_load(wattle::control::load_name(*load));
  require(again.has_value() && again->kind == load->kind && again->n == load->n);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz_knobs(text);
  fuzz_load(text);
  return 0;
}
