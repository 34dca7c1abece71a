#pragma once
// What the machine was like during an answer: temperature, clocks, whether it was held back.

#include <cstdint>
#include <memory>
#include <vector>

#include "meter/inference_record.hpp"
#include "sense/energy_monitor.hpp"
#include "sense/gauge.hpp"

namespace wattle::meter {

// Of all gauges those that a record tells of: one temperature (the processor's or the module's),
// the processor's and GPU's clocks, what throttles.
[[nodiscard]] std::vector<std::unique_ptr<sense::Gauge>> condition_gauges(
    sense::GaugeInventory inventory);

// Fills temperature_start_c, temperature_max_c, cpu_frequency_mhz, gpu_frequency_mhz, throttled;
// what cannot be read stays empty. A record that was throttled is flagged.
void fill_conditions(InferenceRecord& record, const sense::EnergyMonitor& monitor,
                     std::int64_t begin_ns, std::int64_t end_ns);

}  // namespace wattle::meter
