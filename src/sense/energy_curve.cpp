#include "sense/energy_curve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace wattle::sense {
namespace {
constexpr double kNs = 1e-9;
// Local power is a slope over at least this long: a shorter one is mostly quantisation.
constexpr std::int64_t kSlopeNs = 50'000'000;
constexpr double kLongestStepPeriods = 10.0;
constexpr double kLongestStepS = 1.0;
}  // namespace

EnergyCurve::EnergyCurve(SensorInfo info, double rate_hz, std::size_t capacity)
    : info_(std::move(info)),
      longest_step_ns_(static_cast<std::int64_t>(
          1e9 * std::max(kLongestStepS, rate_hz > 0.0 ? kLongestStepPeriods / rate_hz : 0.0))),
      capacity_(std::max<std::size_t>(capacity, 2)) {}

const EnergyCurve::Point& EnergyCurve::point(std::size_t i) const {
  return points_[(head_ + i) % points_.size()];
}

void EnergyCurve::append(const Point& p) {
  if (points_.size() < capacity_) {
    points_.push_back(p);
  } else {
    points_[head_] = p;
    head_ = (head_ + 1) % capacity_;
  }
}

void EnergyCurve::new_epoch(std::string reason) {
  ++epoch_;
  last_gap_ = std::move(reason);
}

void EnergyCurve::count_update(const Reading& reading, bool energy_changed) {
  constexpr double kAlmost = 0.999;
  const double since_s = static_cast<double>(reading.t_ns - last_update_ns_) * kNs;
  const bool updated =
      info_.kind == Kind::counter ? energy_changed : since_s >= kAlmost * info_.update_period_s;
  if (!updated) return;
  ++n_updates_;
  last_update_ns_ = reading.t_ns;
}

void EnergyCurve::add(const Reading& reading) {
  const bool first = points_.empty();
  const Point last = first ? Point{} : point(points_.size() - 1);
  if (reading.lost && !first) new_epoch(*reading.lost);
  if (!first && reading.t_ns <= last.t_ns) return;
  // The epoch of a failure has begun with it; this point is its first.
  const bool continues = !std::exchange(failing_, false) && !first;
  double energy_j = first ? 0.0 : last.energy_j;
  if (reading.energy_j) {
    energy_j = *reading.energy_j;
  } else if (reading.power_w && continues) {
    const std::int64_t step_ns = reading.t_ns - last.t_ns;
    const double seconds = static_cast<double>(step_ns) * kNs;
    if (step_ns > longest_step_ns_) {
      new_epoch(fmt::format("not sampled for {:.1f} s", seconds));
    } else {
      energy_j += 0.5 * (last_power_w_ + *reading.power_w) * seconds;
    }
  }
  last_power_w_ = reading.power_w.value_or(0.0);
  if (!first) count_update(reading, energy_j != last.energy_j);
  if (first) last_update_ns_ = reading.t_ns;
  append({reading.t_ns, energy_j, epoch_, n_updates_});
}

void EnergyCurve::add_failure(std::string reason) {
  if (failing_) return;
  failing_ = true;
  new_epoch(std::move(reason));
}

std::size_t EnergyCurve::first_after(std::int64_t t_ns) const {
  std::size_t low = 0;
  std::size_t high = points_.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (point(middle).t_ns > t_ns) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

double EnergyCurve::power_before(std::size_t i) const {
  const Point& end = point(i);
  const auto span_ns = std::max(kSlopeNs, static_cast<std::int64_t>(info_.update_period_s / kNs));
  std::size_t k = i;
  while (k > 0 && point(k - 1).epoch == end.epoch && end.t_ns - point(k).t_ns < span_ns) --k;
  const double seconds = static_cast<double>(end.t_ns - point(k).t_ns) * kNs;
  return seconds > 0.0 ? (end.energy_j - point(k).energy_j) / seconds : 0.0;
}

CurveState EnergyCurve::at(std::int64_t t_ns) const {
  if (points_.empty() || t_ns < point(0).t_ns) return {};
  const std::size_t after = first_after(t_ns);
  const Point& before = point(after - 1);
  CurveState state{true, before.energy_j, before.epoch, info_.update_period_s,
                   0.0,  before.n_updates};
  const double since_s = static_cast<double>(t_ns - before.t_ns) * kNs;
  if (after == points_.size()) {  // at the newest point, or after it
    if (failing_ && t_ns > before.t_ns) return {};
    state.dt_s += since_s;
    state.power_w = power_before(after - 1);
    return state;
  }
  if (t_ns == before.t_ns) {
    state.power_w = power_before(after - 1);
    return state;
  }
  const Point& next = point(after);
  if (next.epoch != before.epoch) return {};
  const double step_s = static_cast<double>(next.t_ns - before.t_ns) * kNs;
  state.energy_j += (next.energy_j - before.energy_j) * (since_s / step_s);
  state.dt_s += std::min(since_s, step_s - since_s);
  if (step_s - since_s < since_s) state.n_updates = next.n_updates;
  state.power_w = power_before(after);
  return state;
}

std::optional<std::int64_t> EnergyCurve::oldest_ns() const {
  if (points_.empty()) return std::nullopt;
  return point(0).t_ns;
}

std::optional<std::int64_t> EnergyCurve::newest_ns() const {
  if (points_.empty()) return std::nullopt;
  return point(points_.size() - 1).t_ns;
}

}  // namespace wattle::sense
