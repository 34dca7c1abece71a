#pragma once
// What a Meter is made of; Meter::create() chooses the real parts, tests bring their own.

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "meter/measure.hpp"
#include "sense/energy_monitor.hpp"

namespace wattle::meter {

using GenerateFunction = std::function<Result<engine::GenerateResult>(
    engine::Session&, std::span<const engine::TokenId>, const engine::GenerateOptions&,
    engine::GenerateObserver*)>;

struct MeterParts {
  std::unique_ptr<sense::EnergyMonitor> monitor;  // of the chosen sensors; null: no energy
  std::optional<EnergySource> source;
  std::string note;  // why there is no energy, or what the chosen sensors leave out
  GenerateFunction generate;
};

[[nodiscard]] std::unique_ptr<Meter> make_meter(MeterParts parts, const MeterOptions& options,
                                                Clock& clock);

}  // namespace wattle::meter
