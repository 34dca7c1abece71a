#pragma once
// The energy between two moments. A Mark is one moment with every sensor's E(t); windows are
// differences of marks, so windows that share a mark add up exactly, may nest and overlap, and need
// nothing from the monitor while they are open.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sense/energy_curve.hpp"

namespace wattle::sense {

class EnergyMonitor;

struct Mark {
  std::int64_t t_ns = 0;
  std::vector<CurveState> states;     // one a sensor
  std::vector<std::string> problems;  // one a sensor: the last gap it had, or empty
};

struct WindowEnergy {
  double seconds = 0.0;
  // All sensors together; empty if any of them failed, was reset or cannot tell. Never 0 for that.
  std::optional<double> energy_j;
  std::vector<std::optional<double>> per_sensor_j;
  // One standard deviation. Boundary: at each end a value may be Δt old, uniformly: P·Δt/√12.
  // Sensor: each end is rounded to the resolution: step/√12.
  double boundary_j = 0.0;
  double sensor_j = 0.0;
  std::uint64_t n_updates = 0;  // sensor updates in the window, of the sensor with the fewest
  std::string problem;          // why energy_j is empty

  [[nodiscard]] double uncertainty_j() const;
  [[nodiscard]] std::optional<double> avg_power_w() const;
};

// `infos` are the monitor's; a and b must be its marks, a not after b.
[[nodiscard]] WindowEnergy energy_between(const Mark& a, const Mark& b,
                                          std::span<const SensorInfo> infos);

// For a single window: opened by the constructor, which reads every sensor, then closed once or
// many times (each time the energy since opening). The monitor must outlive it. Any thread.
class EnergyWindow {
 public:
  explicit EnergyWindow(EnergyMonitor& monitor);
  [[nodiscard]] WindowEnergy close() const;

 private:
  EnergyMonitor& monitor_;
  Mark open_;
};

}  // namespace wattle::sense
