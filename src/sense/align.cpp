#include "sense/align.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sense/overlap.hpp"

namespace wattle::sense {
namespace {

constexpr double kNs = 1e-9;
constexpr double kCovered = 0.999;

// Of [begin, end], the share within `tolerance_ns` of one of the rising `times`.
double coverage(const std::vector<std::int64_t>& times, std::int64_t begin_ns, std::int64_t end_ns,
                std::int64_t tolerance_ns) {
  auto it = std::lower_bound(times.begin(), times.end(), begin_ns - tolerance_ns);
  std::int64_t covered_ns = 0;
  std::int64_t until_ns = begin_ns;
  for (; it != times.end() && *it - tolerance_ns < end_ns; ++it) {
    const std::int64_t from_ns = std::max(until_ns, *it - tolerance_ns);
    const std::int64_t to_ns = std::min(end_ns, *it + tolerance_ns);
    if (to_ns > from_ns) covered_ns += to_ns - from_ns;
    until_ns = std::max(until_ns, to_ns);
  }
  return static_cast<double>(covered_ns) / static_cast<double>(end_ns - begin_ns);
}

std::optional<std::int64_t> nearest(const std::vector<std::int64_t>& times, std::int64_t t_ns,
                                    std::int64_t tolerance_ns) {
  const auto after = std::lower_bound(times.begin(), times.end(), t_ns);
  std::optional<std::int64_t> best;
  if (after != times.end()) best = *after;
  if (after != times.begin() && (!best || t_ns - *(after - 1) <= *best - t_ns)) best = *(after - 1);
  if (best && std::abs(*best - t_ns) > tolerance_ns) best.reset();
  return best;
}

// What moving the window by the offset's uncertainty would change.
double clock_uncertainty_j(const LogReplay& replay, std::int64_t begin_ns, std::int64_t end_ns,
                           double uncertainty_s) {
  const auto shift_ns = static_cast<std::int64_t>(std::llround(uncertainty_s * 1e9));
  if (shift_ns <= 0) return 0.0;
  const auto later = replay.between(begin_ns + shift_ns, end_ns + shift_ns).energy_j;
  const auto earlier = replay.between(begin_ns - shift_ns, end_ns - shift_ns).energy_j;
  if (!later || !earlier) return 0.0;
  return 0.5 * std::abs(*later - *earlier);
}

}  // namespace

std::int64_t log_time(std::int64_t run_ns, const ClockOffset& offset, std::int64_t wall_offset_ns) {
  double offset_s = offset.offset_s;
  const bool drifts =
      offset.drift_ppm && std::abs(*offset.drift_ppm) > 3.0 * offset.drift_uncertainty_ppm;
  if (drifts) {
    offset_s += *offset.drift_ppm * 1e-6 * static_cast<double>(run_ns - offset.drift_at_ns) * kNs;
  }
  return run_ns - static_cast<std::int64_t>(std::llround(offset_s * 1e9)) - wall_offset_ns;
}

JoinedRun join(const LogReplay& replay, const RunWindow& run, const ClockOffset& offset,
               std::int64_t wall_offset_ns, const JoinOptions& options) {
  JoinedRun joined;
  std::int64_t begin_ns = log_time(run.begin_ns, offset, wall_offset_ns);
  std::int64_t end_ns = log_time(run.end_ns, offset, wall_offset_ns);
  const double tolerance_s =
      options.tolerance_s > 0.0 ? options.tolerance_s : 2.0 * replay.interval_s();
  const auto tolerance_ns = static_cast<std::int64_t>(std::llround(tolerance_s * 1e9));
  const auto& times = replay.reading_times();
  joined.coverage = coverage(times, begin_ns, end_ns, tolerance_ns);
  if (options.nearest) {
    const auto first = nearest(times, begin_ns, tolerance_ns);
    const auto last = nearest(times, end_ns, tolerance_ns);
    if (!first || !last) {
      joined.flag =
          fmt::format("no reading within {:g} s of its {}", tolerance_s, first ? "end" : "begin");
      return joined;
    }
    if (*first >= *last) {
      joined.flag = "shorter than the log's steps";
      return joined;
    }
    begin_ns = *first;
    end_ns = *last;
  }
  const WindowEnergy window = replay.between(begin_ns, end_ns);
  if (!window.energy_j) {
    joined.flag = window.problem;
    return joined;
  }
  joined.energy_j = window.energy_j;
  joined.mean_power_w = window.avg_power_w();
  joined.peak_power_w = replay.peak_power_w(begin_ns, end_ns);
  joined.uncertainty_j = std::hypot(
      window.uncertainty_j(), clock_uncertainty_j(replay, begin_ns, end_ns, offset.uncertainty_s));
  if (joined.coverage < kCovered) {
    joined.flag = fmt::format("readings cover {:.0f} % of it", 100.0 * joined.coverage);
  } else if (window.n_updates == 0) {
    joined.flag = "no reading of its own lies in it";
  }
  return joined;
}

CombinedRun combine(std::span<const JoinedRun> logs, double seconds) {
  CombinedRun sum;
  double energy_j = 0.0;
  double variance_j2 = 0.0;
  for (const JoinedRun& log : logs) {
    if (!log.energy_j) return sum;
    energy_j += *log.energy_j;
    variance_j2 += log.uncertainty_j * log.uncertainty_j;
  }
  if (logs.empty()) return sum;
  sum.energy_j = energy_j;
  sum.uncertainty_j = std::sqrt(variance_j2);
  if (seconds > 0.0) sum.mean_power_w = energy_j / seconds;
  sum.edp_js = energy_j * seconds;
  return sum;
}

std::optional<std::string> why_not_add(std::span<const LogSensors> logs) {
  for (std::size_t i = 0; i < logs.size(); ++i) {
    for (std::size_t k = i + 1; k < logs.size(); ++k) {
      if (!logs[i].host.empty() && !logs[k].host.empty() && logs[i].host != logs[k].host) continue;
      for (const SensorInfo& a : logs[i].infos) {
        for (const SensorInfo& b : logs[k].infos) {
          if (auto why = overlap(a, b)) return why;
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace wattle::sense
