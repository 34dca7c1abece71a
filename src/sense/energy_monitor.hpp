#pragma once
// One thread samples every sensor and gauge, each at its own rate, and keeps their curves. Windows
// are opened and closed from any thread through marks (energy_window.hpp).

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "sense/energy_curve.hpp"
#include "sense/energy_window.hpp"
#include "sense/gauge_series.hpp"
#include "sense/sensor.hpp"

namespace wattle::sense {

struct MonitorOptions {
  double rate_hz = 0.0;  // 0: each sensor's default; a sensor is never read faster than it changes
  std::size_t ring_points = std::size_t{1} << 16;  // a sensor: 2 MB, 10 minutes at 100 Hz
  std::size_t gauge_points = 4096;                 // a gauge: 96 kB, an hour at 1 Hz
  bool own_thread = true;                          // false: only sample_now() samples (tests)
};

// Mean power over a short interval around t_ns.
struct PowerPoint {
  std::int64_t t_ns = 0;
  double power_w = 0.0;
};

// CPU time spent reading: by the sampling thread, by the callers of sample_now(), begin(), end(),
// and by programs that a sensor starts for each reading (not by a tegrastats that goes on running).
struct MonitorCost {
  double cpu_seconds = 0.0;
  double wall_seconds = 0.0;
  std::uint64_t n_reads = 0;
};

class EnergyMonitor {
 public:
  // Reads every sensor and gauge once. The clock must outlive the monitor.
  EnergyMonitor(std::vector<std::unique_ptr<PowerSensor>> sensors, Clock& clock,
                const MonitorOptions& options = {},
                std::vector<std::unique_ptr<Gauge>> gauges = {});
  ~EnergyMonitor();
  EnergyMonitor(const EnergyMonitor&) = delete;
  EnergyMonitor& operator=(const EnergyMonitor&) = delete;

  [[nodiscard]] const std::vector<SensorInfo>& infos() const { return infos_; }
  [[nodiscard]] const std::vector<GaugeInfo>& gauge_infos() const { return gauge_infos_; }
  // Of the sensor that is read most often; 0 without sensors.
  [[nodiscard]] double rate_hz() const;

  // Reads every sensor now, on the calling thread, or every gauge. Marks read sensors.
  void sample_now();
  void sample_gauges_now();
  // Reads those whose time has come, and says when the next is due: what the sampling thread does.
  // However long a reading takes, what was missed is not made up for in a burst.
  std::int64_t sample_due();
  // Reads one sensor now (an index into infos()), on the calling thread: a log's readings come one
  // by one (replay.hpp).
  void sample(std::size_t sensor);
  // Opens: reads, then takes the time, so that reading is not inside the window.
  [[nodiscard]] Mark begin();
  // Closes: takes the time, then reads.
  [[nodiscard]] Mark end();
  // A moment in the recent past, from what has been sampled. Exact where sample_now() was called
  // then; otherwise interpolated, and its uncertainty says so.
  [[nodiscard]] Mark mark_at(std::int64_t t_ns) const;
  [[nodiscard]] WindowEnergy between(const Mark& a, const Mark& b) const {
    return energy_between(a, b, infos_);
  }

  // All sensors together, evenly spaced means over at least power_interval_s(), at most
  // `max_points`; pieces with a gap are left out.
  [[nodiscard]] std::vector<PowerPoint> power(std::int64_t from_ns, std::int64_t to_ns,
                                              std::size_t max_points) const;
  // The highest mean over one power_interval_s(); empty for windows shorter than that.
  [[nodiscard]] std::optional<double> peak_power_w(std::int64_t from_ns, std::int64_t to_ns) const;
  // 50 ms, or the update period of the slowest sensor: shorter means are mostly rounding.
  [[nodiscard]] double power_interval_s() const;

  // Of the gauge with that index; `reading` is empty, and `problem` says why, where it cannot be
  // read.
  struct GaugeNow {
    std::optional<GaugeReading> reading;
    std::string problem;
  };
  [[nodiscard]] GaugeNow gauge(std::size_t index) const;
  [[nodiscard]] GaugeSpan gauge_between(std::size_t index, std::int64_t from_ns,
                                        std::int64_t to_ns) const;

  [[nodiscard]] MonitorCost cost() const;

 private:
  struct Channel {
    std::unique_ptr<PowerSensor> sensor;
    EnergyCurve curve;
    std::int64_t period_ns;
    std::int64_t due_ns;
  };
  struct GaugeChannel {
    std::unique_ptr<Gauge> gauge;
    GaugeSeries series;
    std::int64_t period_ns;
    std::int64_t due_ns;
  };
  void run(const std::stop_token& stop);
  void read(Channel& channel);       // mutex held
  void read(GaugeChannel& channel);  // mutex held
  void read_all();                   // mutex held
  void notice_suspension();          // mutex held
  template <class AnyChannel>
  void read_due(AnyChannel& channel, std::int64_t& next_ns);
  template <class Work>
  auto on_callers_time(const Work& work);
  [[nodiscard]] Mark mark_locked(std::int64_t t_ns) const;
  [[nodiscard]] std::optional<double> power_locked(std::int64_t from_ns, std::int64_t to_ns) const;
  [[nodiscard]] std::optional<std::int64_t> oldest_locked() const;

  Clock& clock_;
  std::vector<SensorInfo> infos_;
  std::vector<GaugeInfo> gauge_infos_;
  mutable std::mutex mutex_;  // guards channels_ and gauges_
  std::vector<Channel> channels_;
  std::vector<GaugeChannel> gauges_;
  std::int64_t start_ns_;
  std::int64_t suspended_ns_;
  std::atomic<std::int64_t> thread_cpu_ns_{0};
  std::atomic<std::int64_t> caller_cpu_ns_{0};
  std::atomic<std::int64_t> programs_cpu_ns_{0};
  std::atomic<std::uint64_t> n_reads_{0};
  std::jthread thread_;  // last: stopped before the rest goes
};

}  // namespace wattle::sense
