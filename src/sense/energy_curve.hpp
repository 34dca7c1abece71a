#pragma once
// One sensor's cumulative energy over time, E(t), in a bounded ring. Counters and models bring
// energy with them; sampled power is integrated by trapezoids on the monotonic timestamps. A gap (a
// failed read, a reset) starts a new epoch: no energy is known across it, and none is made up.
// Not thread safe.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sense/sensor.hpp"

namespace wattle::sense {

// What is known of one sensor at one moment.
struct CurveState {
  bool known = false;
  double energy_j = 0.0;
  std::uint32_t epoch = 0;      // energies of different epochs cannot be subtracted
  double dt_s = 0.0;            // how old the value may be: the sensor's update and the distance
  double power_w = 0.0;         // around that moment
  std::uint64_t n_updates = 0;  // of the sensor until then
};

class EnergyCurve {
 public:
  // Keeps the last `capacity` points (32 bytes each), at least 2.
  EnergyCurve(SensorInfo info, double rate_hz, std::size_t capacity);

  // Readings not later than the last one are ignored.
  void add(const Reading& reading);
  void add_failure(std::string reason);

  // E at t by linear interpolation. After the newest point its value is taken and the distance goes
  // into dt_s; before the oldest, inside a gap or while the sensor fails, nothing is known.
  [[nodiscard]] CurveState at(std::int64_t t_ns) const;

  [[nodiscard]] std::optional<std::int64_t> oldest_ns() const;
  [[nodiscard]] std::optional<std::int64_t> newest_ns() const;
  [[nodiscard]] const std::string& last_gap() const { return last_gap_; }  // why
  [[nodiscard]] const SensorInfo& info() const { return info_; }
  [[nodiscard]] std::size_t size() const { return points_.size(); }

 private:
  struct Point {
    std::int64_t t_ns = 0;
    double energy_j = 0.0;
    std::uint32_t epoch = 0;
    std::uint64_t n_updates = 0;
  };
  [[nodiscard]] const Point& point(std::size_t i) const;  // 0: oldest
  [[nodiscard]] std::size_t first_after(std::int64_t t_ns) const;
  [[nodiscard]] double power_before(std::size_t i) const;
  void append(const Point& p);
  void new_epoch(std::string reason);
  void count_update(const Reading& reading, bool energy_changed);

  SensorInfo info_;
  std::int64_t longest_step_ns_;  // a trapezoid over more than this would be an invention
  std::size_t capacity_;
  std::vector<Point> points_;
  std::size_t head_ = 0;  // oldest, once the ring is full
  std::uint32_t epoch_ = 0;
  bool failing_ = false;
  double last_power_w_ = 0.0;
  std::uint64_t n_updates_ = 0;
  std::int64_t last_update_ns_ = 0;
  std::string last_gap_;
};

}  // namespace wattle::sense
