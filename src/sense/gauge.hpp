#pragma once
// What is read beside power: temperatures, clocks, utilisation, memory, fans. A gauge has one
// number at a time; as with power, what cannot be read is an Error with a remedy, never 0.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "base/result.hpp"
#include "sense/sensor.hpp"

namespace wattle::sense {

enum class Quantity {
  temperature_c,
  frequency_hz,
  utilisation,  // [0, 1] of what the scope names, since the reading before
  memory_bytes,
  page_faults,  // since the process began
  fan_rpm,
  fan_duty,        // [0, 1]
  throttled,       // 1: held back now (by heat, power or current), else 0
  throttle_count,  // events since the machine started
  was_throttled,   // 1: held back at some time since the machine started, else 0
  charge,          // [0, 1] of a battery
};
[[nodiscard]] const char* quantity_name(Quantity quantity);  // "temperature_c"
[[nodiscard]] const char* quantity_unit(Quantity quantity);  // "°C", "Hz", "bytes", "rpm", ""

struct TripPoint {
  std::string type;  // "passive", "active", "hot", "critical"
  double temperature_c = 0.0;
};

struct GaugeInfo {
  std::string id;      // "temp:tj-thermal", "freq:cpu0", stable over boots
  std::string source;  // path below the root
  std::string scope;   // for people: "tj-thermal", "core 0", "this process"
  Quantity quantity = Quantity::temperature_c;
  double default_rate_hz = 1.0;
  std::vector<TripPoint> trips;  // thermal zones only, in rising order
};

struct GaugeReading {
  std::int64_t t_ns = 0;  // monotonic, the middle of the read
  double value = 0.0;     // in the unit of the quantity
};

// Not thread safe: one caller at a time.
class Gauge {
 public:
  virtual ~Gauge() = default;
  [[nodiscard]] virtual const GaugeInfo& info() const = 0;
  // A utilisation compares with the reading before; where less than a tick of the clock it is
  // counted in has passed since then, the value is still that reading's. After a failed reading the
  // next one only begins the interval: `unavailable`.
  virtual Result<GaugeReading> read() = 0;
};

struct GaugeInventory {
  std::vector<std::unique_ptr<Gauge>> gauges;
  std::vector<Unavailable> unavailable;
};

struct GaugeOptions {
  int pid = 0;  // whose memory and processor time; 0: this process
  // The library to load for NVML; empty: libnvidia-ml.so.1, and only where the root is "/".
  std::filesystem::path nvml_library;
};

// Everything there is below `root`, each read once. `clock` must outlive the gauges.
[[nodiscard]] GaugeInventory discover_gauges(const FsRoot& root, const Clock& clock,
                                             const GaugeOptions& options = {});

}  // namespace wattle::sense
