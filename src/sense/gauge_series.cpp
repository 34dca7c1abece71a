#include "sense/gauge_series.hpp"

#include <algorithm>
#include <utility>

namespace wattle::sense {

GaugeSeries::GaugeSeries(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 2)) {}

const GaugeSeries::Point& GaugeSeries::point(std::size_t i) const {
  return points_[(head_ + i) % points_.size()];
}

void GaugeSeries::append(const Point& p) {
  if (points_.size() < capacity_) {
    points_.push_back(p);
  } else {
    points_[head_] = p;
    head_ = (head_ + 1) % capacity_;
  }
}

void GaugeSeries::add(const GaugeReading& reading) {
  if (!points_.empty() && reading.t_ns < point(points_.size() - 1).t_ns) return;
  problem_.clear();
  append({reading.t_ns, reading.value});
}

void GaugeSeries::add_failure(std::string reason) {
  problem_ = std::move(reason);
  if (points_.empty() || !point(points_.size() - 1).value) return;
  append({point(points_.size() - 1).t_ns, std::nullopt});
}

std::optional<GaugeReading> GaugeSeries::latest() const {
  if (points_.empty()) return std::nullopt;
  const Point& newest = point(points_.size() - 1);
  if (!newest.value) return std::nullopt;
  return GaugeReading{newest.t_ns, *newest.value};
}

GaugeSpan GaugeSeries::between(std::int64_t from_ns, std::int64_t to_ns) const {
  GaugeSpan span;
  span.problem = problem_;
  double weighted = 0.0;
  double weight = 0.0;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const Point& p = point(i);
    const std::int64_t end_ns = i + 1 < points_.size() ? point(i + 1).t_ns : to_ns;
    const bool in_force = p.t_ns < from_ns && end_ns > from_ns;
    if (!p.value || p.t_ns > to_ns || (p.t_ns < from_ns && !in_force)) continue;
    const double value = *p.value;
    if (span.n++ == 0) span.first = value;
    span.last = value;
    span.min = std::min(span.min.value_or(value), value);
    span.max = std::max(span.max.value_or(value), value);
    const auto seconds =
        static_cast<double>(std::min(end_ns, to_ns) - std::max(p.t_ns, from_ns)) * 1e-9;
    weighted += value * seconds;
    weight += seconds;
  }
  if (weight > 0.0) {
    span.mean = weighted / weight;
  } else {
    span.mean = span.last;
  }
  return span;
}

}  // namespace wattle::sense
