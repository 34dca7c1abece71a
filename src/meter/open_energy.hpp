#pragma once
// From what there is on a machine to the sensors whose sum is its energy, being sampled.

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "meter/measure.hpp"
#include "sense/energy_monitor.hpp"

namespace wattle::meter {

struct OpenEnergy {
  std::unique_ptr<sense::EnergyMonitor> monitor;  // null: no energy
  std::optional<EnergySource> source;
  std::string note;  // why there is none, or what the sensors leave out; may be empty
};

// Only what is used is sampled. The clock must outlive the monitor. Fails only if the options name
// sensors that are not there or overlap.
[[nodiscard]] Result<OpenEnergy> open_energy(const MeterOptions& options, Clock& clock);

}  // namespace wattle::meter
