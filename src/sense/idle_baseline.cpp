#include "sense/idle_baseline.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/interrupt.hpp"

namespace wattle::sense {
namespace {

constexpr double kPartS = 0.25;
constexpr int kFewestParts = 4;
constexpr int kMostParts = 40;
constexpr std::int64_t kSliceNs = 50'000'000;

bool wait_until(Clock& clock, std::int64_t t_ns) {
  while (clock.monotonic_ns() < t_ns) {
    if (interrupted()) return false;
    clock.sleep_ns(std::min(t_ns - clock.monotonic_ns(), kSliceNs));
  }
  return !interrupted();
}

double standard_error(const std::vector<double>& values, double mean) {
  double sum2 = 0.0;
  for (const double v : values) sum2 += (v - mean) * (v - mean);
  const auto n = static_cast<double>(values.size());
  return std::sqrt(sum2 / (n - 1.0) / n);
}

}  // namespace

Result<IdlePower> measure_idle_power(EnergyMonitor& monitor, Clock& clock, double seconds) {
  if (!std::isfinite(seconds) || seconds <= 0.0) {
    return fail(ErrorCode::invalid_argument, "the idle baseline needs a duration above 0 s",
                "Give 5 s or more.");
  }
  const int n_parts =
      std::clamp(static_cast<int>(std::min(seconds / kPartS, 1e6)), kFewestParts, kMostParts);
  const Mark first = monitor.begin();
  Mark previous = first;
  std::vector<double> parts;
  for (int k = 1; k <= n_parts; ++k) {
    const auto until_ns = first.t_ns + static_cast<std::int64_t>(seconds * 1e9 * k / n_parts);
    if (!wait_until(clock, until_ns)) {
      return fail(ErrorCode::cancelled, "the idle baseline was interrupted");
    }
    Mark now = monitor.end();
    const auto power_w = monitor.between(previous, now).avg_power_w();
    if (power_w) parts.push_back(*power_w);
    previous = std::move(now);
  }
  const WindowEnergy whole = monitor.between(first, previous);
  if (!whole.energy_j || whole.seconds <= 0.0 || static_cast<int>(parts.size()) != n_parts) {
    return fail(ErrorCode::unavailable, "cannot measure idle power: " + whole.problem,
                "See `wattle sense list`.");
  }
  const double mean_w = *whole.energy_j / whole.seconds;
  return IdlePower{mean_w,
                   std::hypot(standard_error(parts, mean_w), whole.uncertainty_j() / whole.seconds),
                   whole.seconds, n_parts};
}

}  // namespace wattle::sense
