// /proc/stat, /proc/self/status and the counter that energy_uj texts feed: never a crash, energy
// never negative and never more than the machine could take.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/fs_root.hpp"
#include "meter/peak_memory.hpp"
#include "sense/counter.hpp"
#include "sense/hwmon.hpp"
#include "sense/proc_stat.hpp"
#include "sense/utilisation_model.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void fuzz_utilisation(std::string_view text) {
  const auto middle = text.size() / 2;
  const auto first = wattle::sense::parse_proc_stat(text.substr(0, middle), "fuzz");
  const auto second = wattle::sense::parse_proc_stat(text.substr(middle), "fuzz");
  const auto whole = wattle::sense::parse_proc_stat(text, "fuzz");
  wattle::sense::UtilisationCurve curve({5.0, 15.0});
  double last_j = 0.0;
  std::int64_t t_ns = 0;
  for (const auto* times : {&first, &second, &whole}) {
    if (!*times) continue;
    const double energy_j = curve.add(**times, t_ns).energy_j;
    require(energy_j >= last_j && energy_j - last_j <= 15.0 + 1e-9);
    last_j = energy_j;
    t_ns += 1'000'000'000;
  }
}

// Each line as the content of energy_uj, one second apart.
void fuzz_counter(std::string_view text) {
  wattle::sense::CounterUnwrapper counter(262'143'328'850, 1e-6, 2000.0, 1e-3);
  double last_j = 0.0;
  std::int64_t t_ns = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::uint64_t value = 0;
    for (const char c : wattle::trim(text.substr(0, end))) {
      value = value * 31 + static_cast<unsigned char>(c);
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const double energy_j = counter.add(value, t_ns).energy_j;
    require(energy_j >= last_j && energy_j - last_j <= 2000.0 * 1.002);
    last_j = energy_j;
    t_ns += 1'000'000'000;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz_utilisation(text);
  fuzz_counter(text);
  (void)wattle::meter::parse_peak_rss(text);
  (void)wattle::sense::classify_hwmon(text.substr(0, size / 2), text.substr(size / 2));
  return 0;
}
