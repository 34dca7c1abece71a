#pragma once
// A log through the same path as a live measurement: its readings become sensors of an
// EnergyMonitor on a clock of their own, so wraps, resets, gaps, trapezoids and uncertainty are one
// code (energy_curve.hpp, energy_window.hpp).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "sense/energy_monitor.hpp"
#include "sense/log.hpp"

namespace wattle::sense {

struct ReplayGap {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;  // the log's end, if it never ended
  std::string sensor;
  std::string reason;
};

class LogReplay {
 public:
  // Replays the readings of these sensors of the log (indices into log.power) to its end. The log
  // is not needed afterwards.
  LogReplay(const SensorLog& log, const std::vector<std::size_t>& sensors);

  // From the first moment that all sensors know to the last one; empty if there is none.
  [[nodiscard]] std::optional<std::int64_t> first_ns() const { return first_ns_; }
  [[nodiscard]] std::optional<std::int64_t> last_ns() const { return last_ns_; }

  // As live, but what lies outside the log is unknown and not a reading that is late.
  [[nodiscard]] WindowEnergy between(std::int64_t from_ns, std::int64_t to_ns) const;
  [[nodiscard]] std::optional<double> peak_power_w(std::int64_t from_ns, std::int64_t to_ns) const;
  // Of all sensors together at one moment; empty outside the log and in gaps.
  [[nodiscard]] std::optional<double> mean_power_w(std::int64_t from_ns, std::int64_t to_ns) const;

  // Energy of the pieces of a window that have no gap.
  struct Known {
    double energy_j = 0.0;
    double seconds = 0.0;
  };
  [[nodiscard]] Known known_between(std::int64_t from_ns, std::int64_t to_ns) const;

  [[nodiscard]] const std::vector<ReplayGap>& gaps() const { return gaps_; }
  // Moments of good readings, rising; of the sensor that has the fewest.
  [[nodiscard]] const std::vector<std::int64_t>& reading_times() const { return reading_times_; }
  [[nodiscard]] std::size_t n_readings() const { return n_readings_; }  // good ones, all sensors
  [[nodiscard]] std::size_t n_failed() const { return n_failed_; }
  // Between two readings of the slowest sensor, or how long it takes to change, if that is longer.
  [[nodiscard]] double interval_s() const { return interval_s_; }
  [[nodiscard]] const std::vector<SensorInfo>& infos() const { return monitor_->infos(); }

 private:
  void follow_gaps(std::size_t sensor, std::int64_t t_ns);
  FakeClock clock_;
  std::unique_ptr<EnergyMonitor> monitor_;
  std::optional<std::int64_t> first_ns_;
  std::optional<std::int64_t> last_ns_;
  std::vector<ReplayGap> gaps_;
  std::vector<std::int64_t> reading_times_;
  std::size_t n_readings_ = 0;
  std::size_t n_failed_ = 0;
  double interval_s_ = 0.0;
  struct Progress {
    std::int64_t good_ns = 0;
    std::uint32_t epoch = 0;
    bool started = false;
  };
  std::vector<Progress> progress_;
};

// Indices of the sensors with these ids; an id that the log lacks is `not_found`.
[[nodiscard]] Result<std::vector<std::size_t>> choose_sensors(const SensorLog& log,
                                                              const std::vector<std::string>& ids);

}  // namespace wattle::sense
