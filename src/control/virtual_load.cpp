#include "control/virtual_load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sense/proc_stat.hpp"

namespace wattle::control {
namespace {

constexpr int kMostSequences = 1024;
constexpr int kMostTokens = 1 << 20;
constexpr int kPromptTokens = 512;

std::unexpected<Error> unknown_load(std::string_view text) {
  return fail(ErrorCode::invalid_argument, fmt::format("'{}' is no load", text.substr(0, 40)),
              "Loads: idle, busy, prefill[:TOKENS], decode:BATCH, host, or a share from 0 to 1.");
}

std::optional<int> count(std::string_view text, int most) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  if (number < 1 || number > most) return {};
  return number;
}

GpuWork steps(const OrinParameters& p, const Work& work, double gpu_hz, double emc_hz) {
  const StepTime step = step_time(p, work, gpu_hz, emc_hz);
  return {step.busy, step.seconds, work.bytes / step.seconds};
}

}  // namespace

Result<Load> parse_load(std::string_view text) {
  if (text == "idle") return Load{Load::Kind::idle};
  if (text == "busy") return Load{Load::Kind::busy};
  if (text == "host") return Load{Load::Kind::host};
  if (text == "prefill") return Load{Load::Kind::prefill, kPromptTokens};
  const auto colon = text.find(':');
  if (colon != std::string_view::npos) {
    const bool decode = text.substr(0, colon) == "decode";
    if (!decode && text.substr(0, colon) != "prefill") return unknown_load(text);
    const auto n = count(text.substr(colon + 1), decode ? kMostSequences : kMostTokens);
    if (!n) return unknown_load(text);
    return Load{decode ? Load::Kind::decode : Load::Kind::prefill, *n};
  }
  double share = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
  if (error != std::errc{} || end != text.data() + text.size() || !(share >= 0.0 && share <= 1.0)) {
    return unknown_load(text);
  }
  return Load{Load::Kind::fraction, 0, share};
}

std::string load_name(const Load& load) {
  switch (load.kind) {
    case Load::Kind::idle:
      return "idle";
    case Load::Kind::busy:
      return "busy";
    case Load::Kind::prefill:
      return fmt::format("prefill:{}", load.n);
    case Load::Kind::decode:
      return fmt::format("decode:{}", load.n);
    case Load::Kind::fraction:
      return fmt::format("{:g}", load.share);
    case Load::Kind::host:
      break;
  }
  return "host";
}

GpuWork gpu_work(const OrinParameters& p, const Load& load, double gpu_hz, double emc_hz) {
  switch (load.kind) {
    case Load::Kind::busy:
      return {1.0, std::nullopt, 0.0};
    case Load::Kind::prefill:
      return steps(p, prefill(p, load.n), gpu_hz, emc_hz);
    case Load::Kind::decode:
      return steps(p, decode_step(p, load.n), gpu_hz, emc_hz);
    case Load::Kind::fraction:
    case Load::Kind::host:
      return {std::min(1.0, load.share * p.bin_hz.back() / gpu_hz), std::nullopt, 0.0};
    case Load::Kind::idle:
      break;
  }
  return {};
}

double core_busy(const Load& load, int core) {
  switch (load.kind) {
    case Load::Kind::idle:
      return 0.0;
    case Load::Kind::fraction:
    case Load::Kind::host:
      return load.share;
    case Load::Kind::busy:
    case Load::Kind::prefill:
    case Load::Kind::decode:
      break;
  }
  return core == 0 ? 1.0 : 0.0;
}

double HostShare::share() {
  constexpr double kNs = 1e-9;
  constexpr double kLeastS = 0.25;
  const std::int64_t now_ns = clock_->monotonic_ns();
  const double since_s = t_ns_ ? static_cast<double>(now_ns - *t_ns_) * kNs : kLeastS;
  if (since_s < kLeastS) return share_;
  constexpr std::size_t kLargest = 16U << 20;
  const auto text = host_.read_text("/proc/stat", kLargest);
  if (!text) return share_;
  const auto times = sense::parse_proc_stat(*text, "/proc/stat");
  if (!times) return share_;
  if (t_ns_ && times->busy_ticks >= busy_ticks_ && times->n_cores > 0) {
    const auto ticks = static_cast<double>(times->busy_ticks - busy_ticks_);
    share_ = std::min(1.0, ticks * sense::kTickSeconds / (since_s * times->n_cores));
  }
  t_ns_ = now_ns;
  busy_ticks_ = times->busy_ticks;
  return share_;
}

}  // namespace wattle::control
