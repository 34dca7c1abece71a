#include "sense/sampling.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wattle::sense {
namespace {

constexpr double kLeastHz = 0.01;
constexpr double kMostHz = 1000.0;
// The two clocks whose difference the time asleep is are not read at the same moment.
constexpr std::int64_t kShortestSuspensionNs = 100'000'000;

}  // namespace

double sampling_rate_hz(const SensorInfo& info, double wanted_hz) {
  const double fastest = info.update_period_s > 0.0 ? 1.0 / info.update_period_s : kMostHz;
  return std::max(kLeastHz, std::min(wanted_hz > 0.0 ? wanted_hz : info.default_rate_hz, fastest));
}

std::int64_t next_due_ns(std::int64_t due_ns, std::int64_t period_ns, std::int64_t now_ns) {
  return due_ns + period_ns > now_ns ? due_ns + period_ns : now_ns + period_ns;
}

std::optional<std::string> suspension(const Clock& clock, std::int64_t& last_ns) {
  const std::int64_t suspended_ns = clock.suspended_ns();
  const std::int64_t slept_ns = suspended_ns - last_ns;
  if (slept_ns < kShortestSuspensionNs) return std::nullopt;
  last_ns = suspended_ns;
  return fmt::format("the machine was suspended for {:.1f} s",
                     static_cast<double>(slept_ns) * 1e-9);
}

}  // namespace wattle::sense
