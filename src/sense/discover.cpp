#include "sense/discover.hpp"

#include "sense/battery.hpp"
#include "sense/hwmon.hpp"
#include "sense/ina.hpp"
#include "sense/meter_csv.hpp"
#include "sense/nvml_power.hpp"
#include "sense/perf_energy.hpp"
#include "sense/pmic.hpp"
#include "sense/ram_model.hpp"
#include "sense/rapl.hpp"
#include "sense/tegrastats.hpp"
#include "sense/utilisation_model.hpp"

namespace wattle::sense {

Inventory discover(const FsRoot& root, const Clock& clock, const DiscoverOptions& options) {
  Inventory inventory;
  discover_meter_csv(clock, options, inventory);
  discover_rapl(root, clock, inventory);
  discover_ina(root, clock, inventory);
  discover_tegrastats(root, clock, options, inventory);
  discover_hwmon(root, clock, inventory);
  const auto perf = root.root() == "/" ? system_perf_events() : nullptr;
  discover_perf_energy(root, clock, perf.get(), inventory);
  discover_nvml_power(root, clock, options.nvml_library, inventory);
  discover_pmic(root, clock, inventory);
  discover_batteries(root, clock, inventory);
  discover_utilisation_model(root, clock, options.model, inventory);
  discover_ram_model(root, clock, inventory);
  return inventory;
}

std::vector<SensorInfo> infos(const Inventory& inventory) {
  std::vector<SensorInfo> all;
  all.reserve(inventory.sensors.size());
  for (const auto& sensor : inventory.sensors) all.push_back(sensor->info());
  return all;
}

}  // namespace wattle::sense
