#include <utility>

#include "meter/meter_parts.hpp"
#include "sense/discover.hpp"

namespace wattle::meter {
namespace {

// Keeps the sensors of the total and lets the others go: only what is used is sampled.
std::vector<std::unique_ptr<sense::PowerSensor>> take(sense::Inventory& inventory,
                                                      const sense::TotalSet& total) {
  std::vector<std::unique_ptr<sense::PowerSensor>> chosen;
  for (const std::size_t i : total.members) chosen.push_back(std::move(inventory.sensors[i]));
  return chosen;
}

std::string why_none(const sense::Inventory& inventory) {
  std::string reasons;
  for (const auto& missing : inventory.unavailable) {
    reasons += (reasons.empty() ? "" : "; ") + missing.reason;
  }
  return reasons.empty() ? "no sensor found" : reasons;
}

}  // namespace

Result<std::unique_ptr<Meter>> Meter::create(const MeterOptions& options, Clock& clock) {
  MeterParts parts;
  parts.generate = [](engine::Session& session, std::span<const engine::TokenId> prompt,
                      const engine::GenerateOptions& how, engine::GenerateObserver* observer) {
    return engine::generate(session, prompt, how, observer);
  };
  if (!options.energy) {
    parts.note = "energy measurement is switched off";
    return make_meter(std::move(parts), options, clock);
  }
  sense::Inventory inventory =
      sense::discover(options.root, clock, {.model = {options.model_idle_w, options.model_max_w}});
  const auto all = sense::infos(inventory);
  const sense::TotalSet total = sense::choose_total(all, inventory.unavailable);
  if (total.members.empty()) {
    parts.note = why_none(inventory);
    return make_meter(std::move(parts), options, clock);
  }
  parts.source = EnergySource{total.id, sense::kind_name(total.kind), total.scope};
  parts.note = total.note;
  parts.monitor = std::make_unique<sense::EnergyMonitor>(
      take(inventory, total), clock, sense::MonitorOptions{.rate_hz = options.sample_rate_hz});
  return make_meter(std::move(parts), options, clock);
}

}  // namespace wattle::meter
