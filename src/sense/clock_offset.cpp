#include "sense/clock_offset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace wattle::sense {
namespace {

constexpr double kNs = 1e-9;
constexpr double kLeastCorrelation = 0.3;
constexpr double kMostAmbiguous = 0.95;
constexpr double kLeastCovered = 0.5;  // of the runs, or of the log where that is shorter
constexpr std::size_t kMostCells = 1U << 19;
constexpr std::size_t kMostReferenceCells = 20'000;
constexpr double kMostSteps = 200'000.0;  // of the search
constexpr double kZoneS = 900.0;
constexpr int kMostZones = 4 * 38;  // a day and the furthest zone, in quarters of an hour
constexpr std::size_t kGroups = 10;
constexpr double kDriftSpanS = 600.0;
constexpr std::size_t kDriftRuns = 8;
constexpr double kMostDriftPpm = 1000.0;

// Correlation at an offset; −1 where too little overlaps. `group`: what to leave out, −1 nothing.
using Score = std::function<double(double offset_s, int group)>;

struct Range {
  double low_s;
  double high_s;
};

struct Peak {
  double offset_s = 0.0;
  double score = -1.0;
};

// The maximum between low and high, which holds one.
Peak golden(const Score& score, int group, double low, double high, double resolution) {
  const double ratio = (std::sqrt(5.0) - 1.0) / 2.0;
  double a = high - ratio * (high - low);
  double b = low + ratio * (high - low);
  double at_a = score(a, group);
  double at_b = score(b, group);
  while (high - low > resolution) {
    if (at_a >= at_b) {
      high = b;
      b = a;
      at_b = at_a;
      a = high - ratio * (high - low);
      at_a = score(a, group);
    } else {
      low = a;
      a = b;
      at_a = at_b;
      b = low + ratio * (high - low);
      at_b = score(b, group);
    }
  }
  return {0.5 * (low + high), score(0.5 * (low + high), group)};
}

// Where the score has fallen to a level, going from `from` in steps.
double falls_at(const Score& score, int group, double from, double step, double level,
                double resolution) {
  constexpr int kFarthest = 500;
  double inside = from;
  double outside = from + step;
  for (int i = 0; i < kFarthest && score(outside, group) >= level; ++i) {
    inside = outside;
    outside += step;
  }
  while (std::abs(outside - inside) > resolution) {
    const double middle = 0.5 * (inside + outside);
    (score(middle, group) >= level ? inside : outside) = middle;
  }
  return 0.5 * (inside + outside);
}

// The middle of the peak a little below its top: between two readings of sampled power the top
// itself is flat.
Peak middle_of_peak(const Score& score, int group, double low, double high, double resolution) {
  constexpr double kBelowTop = 0.9;
  const Peak top = golden(score, group, low, high, resolution);
  if (top.score <= 0.0) return top;
  const double step = 0.5 * (high - low);
  const double level = kBelowTop * top.score;
  const double left = falls_at(score, group, top.offset_s, -step, level, resolution);
  const double right = falls_at(score, group, top.offset_s, step, level, resolution);
  return {0.5 * (left + right), top.score};
}

struct Scan {
  std::vector<Peak> maxima;  // best first
  double lobe_low = 0.0;     // around the best: where the score has fallen to half
  double lobe_high = 0.0;
  bool at_edge = false;
};

// All local maxima within the ranges, and the lobe of the best of them.
Scan scan(const Score& score, std::span<const Range> ranges, double step) {
  Scan found;
  for (const Range& range : ranges) {
    const auto n = static_cast<std::size_t>(std::ceil((range.high_s - range.low_s) / step)) + 1;
    std::vector<double> values(n);
    for (std::size_t i = 0; i < n; ++i) {
      values[i] = score(range.low_s + static_cast<double>(i) * step, -1);
    }
    for (std::size_t i = 0; i < n; ++i) {
      const bool left = i == 0 || values[i] >= values[i - 1];
      const bool right = i + 1 == n || values[i] > values[i + 1];
      if (!left || !right || values[i] <= 0.0) continue;
      const double at = range.low_s + static_cast<double>(i) * step;
      if (!found.maxima.empty() && values[i] <= found.maxima.front().score) {
        found.maxima.push_back({at, values[i]});
        continue;
      }
      found.maxima.insert(found.maxima.begin(), {at, values[i]});
      std::size_t low = i;
      std::size_t high = i;
      while (low > 0 && values[low] > 0.5 * values[i]) --low;
      while (high + 1 < n && values[high] > 0.5 * values[i]) ++high;
      found.lobe_low = range.low_s + static_cast<double>(low) * step;
      found.lobe_high = range.low_s + static_cast<double>(high) * step;
      found.at_edge = i == 0 || i + 1 == n;
    }
  }
  return found;
}

double jackknife_s(const Score& score, std::size_t n_groups, double low, double high,
                   double resolution) {
  if (n_groups < 4) return 0.0;
  std::vector<double> offsets;
  for (std::size_t g = 0; g < n_groups; ++g) {
    offsets.push_back(middle_of_peak(score, static_cast<int>(g), low, high, resolution).offset_s);
  }
  double mean = 0.0;
  for (const double offset : offsets) mean += offset / static_cast<double>(n_groups);
  double sum = 0.0;
  for (const double offset : offsets) sum += (offset - mean) * (offset - mean);
  const auto n = static_cast<double>(n_groups);
  return std::sqrt((n - 1.0) / n * sum);
}

struct Search {
  Score score;
  std::vector<Range> ranges;
  double coarse_s;
  double interval_s;     // of the slower log
  std::size_t n_groups;  // for the jackknife; below 4: none
};

double best_elsewhere(const Scan& found, const Search& search, double resolution, double& where_s) {
  constexpr std::size_t kMostRefined = 32;
  std::vector<Peak> others;
  for (const Peak& peak : found.maxima) {
    const bool elsewhere = peak.offset_s < found.lobe_low || peak.offset_s > found.lobe_high;
    if (elsewhere) others.push_back(peak);
  }
  std::sort(others.begin(), others.end(),
            [](const Peak& a, const Peak& b) { return a.score > b.score; });
  if (others.size() > kMostRefined) others.resize(kMostRefined);
  double best = 0.0;
  for (const Peak& peak : others) {
    const Peak refined = golden(search.score, -1, peak.offset_s - search.coarse_s,
                                peak.offset_s + search.coarse_s, resolution);
    const Peak& better = refined.score > peak.score ? refined : peak;
    if (better.score <= best) continue;
    best = better.score;
    where_s = better.offset_s;
  }
  return best;
}

ClockOffset estimate(const Search& search) {
  ClockOffset result;
  const double resolution = std::max(1e-6, search.interval_s * 1e-3);
  const Scan found = scan(search.score, search.ranges, search.coarse_s);
  if (found.maxima.empty()) {
    result.problem = "cannot tell: within the offsets looked at the log shows nothing of it";
    return result;
  }
  const double low = found.maxima.front().offset_s - search.coarse_s;
  const double high = found.maxima.front().offset_s + search.coarse_s;
  const Peak peak = middle_of_peak(search.score, -1, low, high, resolution);
  result.offset_s = peak.offset_s;
  result.correlation = peak.score;
  double other_s = 0.0;
  const double other = best_elsewhere(found, search, resolution, other_s);
  result.runner_up = peak.score > 0.0 ? other / peak.score : 1.0;
  if (peak.score < kLeastCorrelation) {
    result.problem = fmt::format(
        "cannot tell: too flat (the best offset, {:+.3f} s, correlates by {:.2f}; {:.1f} "
        "are needed)",
        peak.offset_s, peak.score, kLeastCorrelation);
  } else if (result.runner_up > kMostAmbiguous) {
    result.problem = fmt::format("cannot tell: ambiguous ({:+.3f} s and {:+.3f} s fit alike)",
                                 peak.offset_s, other_s);
  } else if (found.at_edge) {
    result.problem = fmt::format(
        "cannot tell: {:+.3f} s is at the edge of what was looked at; allow more (--max-offset)",
        peak.offset_s);
  } else {
    const double scatter_s = jackknife_s(search.score, search.n_groups, low, high, resolution);
    const double steps_s =
        search.n_groups < 4 ? search.interval_s : search.interval_s / std::sqrt(12.0);
    result.uncertainty_s = std::hypot(scatter_s, steps_s);
    result.known = true;
  }
  return result;
}

struct Span {
  double begin_s;
  double end_s;
};

// Runs that overlap are one piece of time with high power.
std::vector<Span> merged(std::span<const RunWindow> runs, std::int64_t origin_ns) {
  std::vector<Span> spans;
  for (const RunWindow& run : runs) {
    spans.push_back({static_cast<double>(run.begin_ns - origin_ns) * kNs,
                     static_cast<double>(run.end_ns - origin_ns) * kNs});
  }
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.begin_s < b.begin_s; });
  std::vector<Span> whole;
  for (const Span& span : spans) {
    if (!whole.empty() && span.begin_s <= whole.back().end_s) {
      whole.back().end_s = std::max(whole.back().end_s, span.end_s);
    } else {
      whole.push_back(span);
    }
  }
  return whole;
}

// Half the shortest run or pause decides how finely to look; a correlation is a triangle that wide.
double finest_s(const std::vector<Span>& spans) {
  double finest = spans.front().end_s - spans.front().begin_s;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    finest = std::min(finest, spans[i].end_s - spans[i].begin_s);
    if (i > 0) finest = std::min(finest, spans[i].begin_s - spans[i - 1].end_s);
  }
  return finest;
}

double correlation(const PowerTrace& trace, double energy_j, double inside_s) {
  const double share = inside_s / trace.known_s();
  if (inside_s <= 0.0 || share >= 0.999 || trace.deviation_w() <= 0.0) return -1.0;
  return (energy_j / inside_s - trace.mean_w()) / trace.deviation_w() *
         std::sqrt(share / (1.0 - share));
}

Score score_of_runs(const PowerTrace& trace, std::vector<Span> spans, std::size_t n_groups) {
  double runs_s = 0.0;
  for (const Span& span : spans) runs_s += span.end_s - span.begin_s;
  return [&trace, spans = std::move(spans), n_groups, runs_s](double offset_s, int group) {
    double energy_j = 0.0;
    double inside_s = 0.0;
    double wanted_s = runs_s;
    for (std::size_t i = 0; i < spans.size(); ++i) {
      if (group >= 0 && i * n_groups / spans.size() == static_cast<std::size_t>(group)) {
        wanted_s -= spans[i].end_s - spans[i].begin_s;
        continue;
      }
      const auto begin = trace.until(spans[i].begin_s - offset_s);
      const auto end = trace.until(spans[i].end_s - offset_s);
      energy_j += end.energy_j - begin.energy_j;
      inside_s += end.known_s - begin.known_s;
    }
    if (inside_s < kLeastCovered * std::min(wanted_s, trace.known_s())) return -1.0;
    return correlation(trace, energy_j, inside_s);
  };
}

std::vector<Range> ranges_of(const OffsetOptions& options, double low_s, double high_s) {
  std::vector<Range> ranges;
  const auto add = [&](double center_s) {
    const double low = std::max(center_s - options.max_offset_s, low_s);
    const double high = std::min(center_s + options.max_offset_s, high_s);
    if (low >= high) return;
    if (!ranges.empty() && low <= ranges.back().high_s) {
      ranges.back().high_s = high;
    } else {
      ranges.push_back({low, high});
    }
  };
  const int zones = options.any_zone ? kMostZones : 0;
  for (int zone = -zones; zone <= zones; ++zone) add(zone * kZoneS);
  return ranges;
}

double total_s(const std::vector<Range>& ranges) {
  double total = 0.0;
  for (const Range& range : ranges) total += range.high_s - range.low_s;
  return total;
}

// Each half by itself: the clocks' rates differ by what lies between their offsets.
void estimate_drift(const PowerTrace& trace, const std::vector<Span>& spans, double finest,
                    std::int64_t origin_ns, ClockOffset& result) {
  const double span_s = spans.back().end_s - spans.front().begin_s;
  if (spans.size() < kDriftRuns || span_s < kDriftSpanS) return;
  struct Half {
    double offset_s;
    double uncertainty_s;
    double center_s;
  };
  const double reach_s =
      std::max(2.0 * trace.interval_s(), 0.25 * finest) + 0.5 * span_s * kMostDriftPpm * 1e-6;
  const double resolution = std::max(1e-6, trace.interval_s() * 1e-3);
  const auto measure = [&](std::size_t begin, std::size_t end) {
    const std::vector<Span> half(spans.begin() + static_cast<std::ptrdiff_t>(begin),
                                 spans.begin() + static_cast<std::ptrdiff_t>(end));
    const std::size_t n_groups = std::min(kGroups, half.size());
    const Score score = score_of_runs(trace, half, n_groups);
    const double low = result.offset_s - reach_s;
    const double high = result.offset_s + reach_s;
    const double scatter_s = jackknife_s(score, n_groups, low, high, resolution);
    return Half{middle_of_peak(score, -1, low, high, resolution).offset_s,
                std::hypot(scatter_s, trace.interval_s() / std::sqrt(12.0)),
                0.5 * (half.front().begin_s + half.back().end_s)};
  };
  const std::size_t middle = spans.size() / 2;
  const Half first = measure(0, middle);
  const Half second = measure(middle, spans.size());
  const double apart_s = second.center_s - first.center_s;
  const double uncertainty_ppm =
      1e6 * std::hypot(first.uncertainty_s, second.uncertainty_s) / apart_s;
  if (uncertainty_ppm > kMostDriftPpm) return;
  result.drift_ppm = 1e6 * (second.offset_s - first.offset_s) / apart_s;
  result.drift_uncertainty_ppm = uncertainty_ppm;
  result.drift_at_ns =
      origin_ns + static_cast<std::int64_t>(0.5 * (first.center_s + second.center_s) / kNs);
  if (std::abs(*result.drift_ppm) > 3.0 * uncertainty_ppm) {
    result.offset_s = 0.5 * (first.offset_s + second.offset_s);
    result.uncertainty_s = 0.5 * std::hypot(first.uncertainty_s, second.uncertainty_s);
  }
}

ClockOffset refused(std::string problem) {
  ClockOffset result;
  result.problem = std::move(problem);
  return result;
}

}  // namespace

PowerTrace::PowerTrace(const LogReplay& replay, std::int64_t wall_offset_ns)
    : interval_s_(replay.interval_s()) {
  const auto first_ns = replay.first_ns();
  const auto last_ns = replay.last_ns();
  if (!first_ns || *last_ns <= *first_ns || interval_s_ <= 0.0) return;
  begin_ns_ = *first_ns + wall_offset_ns;
  const double span_s = static_cast<double>(*last_ns - *first_ns) * kNs;
  step_s_ = std::max(0.5 * interval_s_, span_s / static_cast<double>(kMostCells));
  n_ = static_cast<std::size_t>(std::max(1.0, std::floor(span_s / step_s_)));
  step_s_ = span_s / static_cast<double>(n_);
  energy_j_.assign(n_ + 1, 0.0);
  known_s_.assign(n_ + 1, 0.0);
  double square = 0.0;
  std::int64_t from_ns = *first_ns;
  for (std::size_t i = 0; i < n_; ++i) {
    const std::int64_t to_ns =
        *first_ns + static_cast<std::int64_t>(static_cast<double>(i + 1) * step_s_ / kNs);
    const auto power_w = replay.mean_power_w(from_ns, std::min(to_ns, *last_ns));
    energy_j_[i + 1] = energy_j_[i] + power_w.value_or(0.0) * step_s_;
    known_s_[i + 1] = known_s_[i] + (power_w ? step_s_ : 0.0);
    square += power_w ? *power_w * *power_w * step_s_ : 0.0;
    from_ns = to_ns;
  }
  if (known_s() <= 0.0) {
    n_ = 0;
    return;
  }
  mean_w_ = energy_j_.back() / known_s();
  deviation_w_ = std::sqrt(std::max(0.0, square / known_s() - mean_w_ * mean_w_));
  if (deviation_w_ < 1e-9 * std::abs(mean_w_)) deviation_w_ = 0.0;
}

PowerTrace::Sum PowerTrace::until(double t_s) const {
  if (t_s <= 0.0 || n_ == 0) return {};
  const double cell = t_s / step_s_;
  if (cell >= static_cast<double>(n_)) return {energy_j_.back(), known_s_.back()};
  const auto i = static_cast<std::size_t>(cell);
  const double part = cell - static_cast<double>(i);
  return {energy_j_[i] + part * (energy_j_[i + 1] - energy_j_[i]),
          known_s_[i] + part * (known_s_[i + 1] - known_s_[i])};
}

ClockOffset offset_to_runs(const PowerTrace& trace, std::span<const RunWindow> runs,
                           const OffsetOptions& options) {
  if (trace.empty() || runs.empty()) return refused("cannot tell: there is no power to go by");
  if (trace.deviation_w() <= 0.0) return refused("cannot tell: too flat (the power never changes)");
  const std::vector<Span> spans = merged(runs, trace.begin_ns());
  const double finest = finest_s(spans);
  Search search;
  search.n_groups = std::min(kGroups, spans.size());
  search.score = score_of_runs(trace, spans, search.n_groups);
  search.interval_s = trace.interval_s();
  // Where log and runs do not touch, there is nothing to see.
  search.ranges = ranges_of(options, spans.front().begin_s - trace.seconds(), spans.back().end_s);
  search.coarse_s = std::max(
      {0.5 * trace.interval_s(), std::min(finest / 8.0, 1.0), total_s(search.ranges) / kMostSteps});
  ClockOffset result = estimate(search);
  if (result.known) estimate_drift(trace, spans, finest, trace.begin_ns(), result);
  return result;
}

ClockOffset offset_to_trace(const PowerTrace& trace, const PowerTrace& reference,
                            const OffsetOptions& options) {
  if (trace.empty() || reference.empty()) return refused("cannot tell: there is no power to go by");
  if (trace.deviation_w() <= 0.0 || reference.deviation_w() <= 0.0) {
    return refused("cannot tell: too flat (the power never changes)");
  }
  const double ahead_s = static_cast<double>(reference.begin_ns() - trace.begin_ns()) * kNs;
  Search search;
  search.interval_s = std::max(trace.interval_s(), reference.interval_s());
  search.ranges = ranges_of(options, ahead_s - trace.seconds(), ahead_s + reference.seconds());
  search.coarse_s = std::max(0.5 * search.interval_s, total_s(search.ranges) / 2000.0);
  search.n_groups = kGroups;
  const double cell_s =
      std::max(search.interval_s, reference.seconds() / static_cast<double>(kMostReferenceCells));
  const auto n = static_cast<std::size_t>(std::max(1.0, reference.seconds() / cell_s));
  const double shorter_s = std::min(trace.known_s(), reference.known_s());
  search.score = [&trace, &reference, ahead_s, cell_s, n, shorter_s](double offset_s, int group) {
    double count = 0.0;
    double sum_x = 0.0;
    double sum_y = 0.0;
    double sum_xx = 0.0;
    double sum_yy = 0.0;
    double sum_xy = 0.0;
    auto r0 = reference.until(0.0);
    auto t0 = trace.until(ahead_s - offset_s);
    for (std::size_t i = 0; i < n; ++i) {
      const double at_s = static_cast<double>(i + 1) * cell_s;
      const auto r1 = reference.until(at_s);
      const auto t1 = trace.until(at_s + ahead_s - offset_s);
      const double r_s = r1.known_s - r0.known_s;
      const double t_s = t1.known_s - t0.known_s;
      const bool left_out = group >= 0 && i * kGroups / n == static_cast<std::size_t>(group);
      if (!left_out && r_s > 0.9 * cell_s && t_s > 0.9 * cell_s) {
        const double x = (r1.energy_j - r0.energy_j) / r_s;
        const double y = (t1.energy_j - t0.energy_j) / t_s;
        count += 1.0;
        sum_x += x;
        sum_y += y;
        sum_xx += x * x;
        sum_yy += y * y;
        sum_xy += x * y;
      }
      r0 = r1;
      t0 = t1;
    }
    const double wanted = kLeastCovered * shorter_s / cell_s * (group >= 0 ? 0.8 : 1.0);
    if (count < 4.0 || count < wanted) return -1.0;
    const double var_x = sum_xx - sum_x * sum_x / count;
    const double var_y = sum_yy - sum_y * sum_y / count;
    if (var_x <= 0.0 || var_y <= 0.0) return -1.0;
    return (sum_xy - sum_x * sum_y / count) / std::sqrt(var_x * var_y);
  };
  return estimate(search);
}

}  // namespace wattle::sense
