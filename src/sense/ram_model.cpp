#include "sense/ram_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sense/machine.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kEdac = "/sys/devices/system/edac/mc";
constexpr double kArmModuleW = 1.5, kArmLeastW = 3.0;
constexpr double kX86ModuleW = 5.0, kX86LeastW = 10.0;

// A constant power, as energy since the first reading.
class RamModelSensor final : public PowerSensor {
 public:
  RamModelSensor(SensorInfo info, double power_w, const Clock& clock)
      : info_(std::move(info)), power_w_(power_w), clock_(clock), start_ns_(clock.monotonic_ns()) {}
  [[nodiscard]] const SensorInfo& info() const override { return info_; }
  Result<Reading> read() override {
    const std::int64_t t_ns = clock_.monotonic_ns();
    return Reading{t_ns, power_w_ * static_cast<double>(t_ns - start_ns_) * 1e-9, std::nullopt,
                   std::nullopt};
  }

 private:
  SensorInfo info_;
  double power_w_;
  const Clock& clock_;
  std::int64_t start_ns_;
};

bool covers_memory(const SensorInfo& info) {
  return info.kind != Kind::model &&
         (info.rail == Rail::dram || info.rail == Rail::system || info.rail == Rail::psys ||
          info.rail == Rail::battery || info.board_total || info.group == "pmic");
}

// Slots with a module in them: empty ones have size 0.
int count_modules(const FsRoot& root) {
  int n = 0;
  for (const std::string& controller : root.list(kEdac).value_or(std::vector<std::string>{})) {
    const std::string folder = std::string(kEdac) + "/" + controller;
    for (const std::string& slot : root.list(folder).value_or(std::vector<std::string>{})) {
      if (!slot.starts_with("dimm")) continue;
      if (root.read_int(folder + "/" + slot + "/size").value_or(0) > 0) ++n;
    }
  }
  return n;
}

}  // namespace

RamModel ram_model(bool arm, int n_modules) {
  const double module_w = arm ? kArmModuleW : kX86ModuleW;
  const double least_w = arm ? kArmLeastW : kX86LeastW;
  return {n_modules, std::max(least_w, module_w * n_modules)};
}

void discover_ram_model(const FsRoot& root, const Clock& clock, Inventory& inventory) {
  const bool covered =
      std::any_of(inventory.sensors.begin(), inventory.sensors.end(),
                  [](const auto& sensor) { return covers_memory(sensor->info()); });
  const Machine machine = machine_of(root);
  if (covered || machine == Machine::unknown) return;
  const RamModel model = ram_model(machine == Machine::arm, count_modules(root));
  SensorInfo info;
  info.id = "ram-model";
  info.source = kEdac;
  info.scope =
      model.n_modules > 0
          ? fmt::format("memory, modelled {:g} W for {} modules", model.power_w, model.n_modules)
          : fmt::format("memory, modelled {:g} W: the number of modules is not known",
                        model.power_w);
  info.kind = Kind::model;
  info.rail = Rail::modelled;
  info.update_period_s = 1.0;
  info.default_rate_hz = 1.0;
  inventory.sensors.push_back(
      std::make_unique<RamModelSensor>(std::move(info), model.power_w, clock));
}

}  // namespace wattle::sense
