#pragma once
// All that can be read on a machine, being sampled: what `wattle sense list`, `read` and `watch`
// show.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "cli/energy_options.hpp"
#include "sense/energy_monitor.hpp"
#include "sense/gauge.hpp"
#include "sense/total.hpp"

namespace wattle::cli {

struct SenseView {
  std::unique_ptr<sense::EnergyMonitor> monitor;
  sense::TotalSet total;
  bool simulated = false;
  std::string board;  // its name in the device tree, which says so where it is simulated; or empty
  std::vector<sense::Unavailable> unavailable;  // sensors
  std::vector<sense::Unavailable> unavailable_gauges;
};
// Every sensor, not only those of the total. `pid`: whose memory and processor time; 0: our own.
[[nodiscard]] Result<SenseView> open_view(const EnergyOptions& options, int pid, Clock& clock);

// A sensor between two marks; without power where it did not change or cannot be read.
struct PowerRow {
  sense::SensorInfo info;
  bool in_total = false;
  std::optional<double> power_w, energy_j;
  std::string problem;
};
[[nodiscard]] std::vector<PowerRow> power_rows(const SenseView& view, const sense::Mark& begin,
                                               const sense::Mark& end);
// The sensors of the total together.
[[nodiscard]] std::optional<double> total_energy_j(const SenseView& view,
                                                   const std::vector<PowerRow>& rows);

// "1300.5 MHz", "52.3 °C", "87 %", "1.2 GB"
[[nodiscard]] std::string gauge_text(sense::Quantity quantity, double value);
[[nodiscard]] Json row_json(const PowerRow& row);
[[nodiscard]] Json gauge_json(const SenseView& view, std::size_t index);
[[nodiscard]] Json total_json(const SenseView& view);
[[nodiscard]] Json unavailable_json(const std::vector<sense::Unavailable>& unavailable);

// Waits on the clock until t_ns; false after Ctrl-C.
[[nodiscard]] bool wait_until(Clock& clock, std::int64_t t_ns);

}  // namespace wattle::cli
