#pragma once
// The last readings of one gauge, in a bounded ring. Not thread safe.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sense/gauge.hpp"

namespace wattle::sense {

// What a gauge showed in a span of time: the readings within it, and the one in force at its
// beginning. Empty where it could not be read.
struct GaugeSpan {
  std::size_t n = 0;
  std::optional<double> first, last, min, max;
  std::optional<double> mean;  // over the readings, each for as long as it was in force
  std::string problem;         // why it could not be read at the end, or empty
};

class GaugeSeries {
 public:
  explicit GaugeSeries(std::size_t capacity);

  void add(const GaugeReading& reading);  // not before the last one
  void add_failure(std::string reason);   // until the next reading there is no value
  [[nodiscard]] GaugeSpan between(std::int64_t from_ns, std::int64_t to_ns) const;
  // The newest reading, if the one after it did not fail.
  [[nodiscard]] std::optional<GaugeReading> latest() const;
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] std::size_t size() const { return points_.size(); }

 private:
  struct Point {
    std::int64_t t_ns = 0;
    std::optional<double> value;  // empty: from here on it could not be read
  };
  [[nodiscard]] const Point& point(std::size_t i) const;  // 0: oldest
  void append(const Point& point);

  std::size_t capacity_;
  std::vector<Point> points_;
  std::size_t head_ = 0;  // oldest, once the ring is full
  std::string problem_;
};

}  // namespace wattle::sense
