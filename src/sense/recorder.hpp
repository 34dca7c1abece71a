#pragma once
// Samples sensors and gauges, each at its own rate, on the calling thread, into a log.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "sense/discover.hpp"
#include "sense/energy_curve.hpp"
#include "sense/gauge.hpp"
#include "sense/log_writer.hpp"

namespace wattle::sense {

struct RecorderOptions {
  double rate_hz = 0.0;  // of the sensors; 0: each its default. Never faster than it changes.
};

// Not thread safe. Clock and writer must outlive it.
class Recorder {
 public:
  Recorder(Inventory inventory, GaugeInventory gauges, Clock& clock, LogWriter& writer,
           const RecorderOptions& options = {});

  // Writes the header: what is sampled, and which sensors make up the total.
  [[nodiscard]] Status begin(const std::string& host, const std::string& version);
  // Reads everything that is due, writes it, and flushes once a second. Gives the time at which the
  // next is due.
  [[nodiscard]] Result<std::int64_t> step();
  // What was not yet flushed, and the trailer with the cost.
  [[nodiscard]] Status finish();

  // Of the total over about the last second; empty where that is not known.
  [[nodiscard]] std::optional<double> power_w() const;
  // Processor time of the calling thread since begin() as a share of one core.
  [[nodiscard]] double cost() const;
  [[nodiscard]] std::size_t n_sensors() const { return sensors_.size(); }
  [[nodiscard]] std::size_t n_gauges() const { return gauges_.size(); }
  [[nodiscard]] const TotalSet& total() const { return total_; }

 private:
  struct Sensor {
    std::unique_ptr<PowerSensor> sensor;
    SensorInfo info;
    EnergyCurve curve;
    std::int64_t period_ns;
    std::int64_t due_ns;
    std::string failing;  // the reason written last: the same one is written once
    bool is_energy = false;
  };
  struct GaugeChannel {
    std::unique_ptr<Gauge> gauge;
    std::int64_t period_ns;
    std::int64_t due_ns;
    std::string failing;
  };
  [[nodiscard]] Status read(Sensor& sensor);
  [[nodiscard]] Status read(GaugeChannel& gauge);
  [[nodiscard]] Status write_lost(Sensor& sensor, const std::string& reason);
  [[nodiscard]] Status write(const std::string& id, const char* quantity, std::int64_t t_ns,
                             std::optional<double> value, const std::string& reason);

  Clock& clock_;
  LogWriter& writer_;
  std::vector<Sensor> sensors_;
  std::vector<GaugeChannel> gauges_;
  std::vector<Unavailable> unavailable_;
  TotalSet total_;
  std::int64_t start_ns_ = 0;
  std::int64_t suspended_ns_ = 0;
  std::int64_t start_cpu_ns_ = 0;
  std::int64_t flushed_ns_ = 0;
};

}  // namespace wattle::sense
