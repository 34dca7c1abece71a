#include "meter/open_energy.hpp"

#include <utility>

#include "base/board.hpp"
#include "meter/conditions.hpp"
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

Result<OpenEnergy> open_energy(const MeterOptions& options, Clock& clock) {
  OpenEnergy open;
  if (!options.energy) {
    open.note = "energy measurement is switched off";
    return open;
  }
  sense::Inventory inventory =
      sense::discover(options.root, clock,
                      {.model = {options.model_idle_w, options.model_max_w},
                       .tegrastats_log = options.tegrastats_log,
                       .meter_csv = options.meter_csv});
  const auto all = sense::infos(inventory);
  sense::TotalSet total = sense::choose_total(all, inventory.unavailable);
  if (!options.sensors.empty()) {
    WATTLE_TRY(total, sense::select_total(all, inventory.unavailable, options.sensors));
  }
  if (total.members.empty()) {
    open.note = why_none(inventory);
    return open;
  }
  open.source = EnergySource{total.id, sense::kind_name(total.kind), total.scope};
  open.note = total.note;
  if (is_simulated_board(options.root)) {
    open.source->kind = sense::kind_name(sense::Kind::model);
    open.source->scope += ", of a simulated board";
  }
  open.monitor = std::make_unique<sense::EnergyMonitor>(
      take(inventory, total), clock, sense::MonitorOptions{.rate_hz = options.sample_rate_hz},
      condition_gauges(sense::discover_gauges(options.root, clock)));
  return open;
}

}  // namespace wattle::meter
