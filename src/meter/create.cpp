#include <utility>

#include "meter/meter_parts.hpp"
#include "meter/open_energy.hpp"

namespace wattle::meter {

Result<std::unique_ptr<Meter>> Meter::create(const MeterOptions& options, Clock& clock) {
  WATTLE_TRY(OpenEnergy energy, open_energy(options, clock));
  MeterParts parts;
  parts.generate = [](engine::Session& session, std::span<const engine::TokenId> prompt,
                      const engine::GenerateOptions& how, engine::GenerateObserver* observer) {
    return engine::generate(session, prompt, how, observer);
  };
  parts.monitor = std::move(energy.monitor);
  parts.source = std::move(energy.source);
  parts.note = std::move(energy.note);
  return make_meter(std::move(parts), options, clock);
}

}  // namespace wattle::meter
