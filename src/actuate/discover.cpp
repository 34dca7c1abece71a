#include <fmt/format.h>

#include <algorithm>

#include "actuate/actuate.hpp"
#include "actuate/knobs.hpp"

namespace wattle::actuate {

Inventory discover(const FsRoot& root, const DiscoverOptions& options) {
  Inventory inventory;
  add_cpu_frequency(root, inventory);
  add_cpu_governor(root, inventory);
  add_cpu_cores(root, inventory);
  add_gpu_frequency(root, inventory);
  add_locked_clocks(root, options, inventory);
  add_nvpmodel(root, inventory);
  add_fan(root, inventory);
  return inventory;
}

Result<std::vector<Actuator*>> find_knobs(const Inventory& inventory,
                                          std::string_view id_or_group) {
  std::vector<Actuator*> found;
  std::vector<std::string> names;
  for (const auto& actuator : inventory.actuators) {
    const KnobInfo& info = actuator->info();
    if (info.id == id_or_group || (!info.group.empty() && info.group == id_or_group)) {
      found.push_back(actuator.get());
    }
    const std::string& name = info.group.empty() ? info.id : info.group;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  if (!found.empty()) return found;
  for (const Unavailable& missing : inventory.unavailable) {
    if (missing.id != id_or_group) continue;
    return fail(ErrorCode::unavailable,
                fmt::format("{} cannot be set here: {}", missing.id, missing.problem.reason),
                missing.problem.remedy);
  }
  return fail(ErrorCode::not_found, fmt::format("there is no knob '{}' here", id_or_group),
              names.empty()
                  ? "Nothing can be set here: see wattle actuate list."
                  : fmt::format("There are: {} (wattle actuate list).", fmt::join(names, ", ")));
}

Result<std::vector<Target>> parse_targets(const Inventory& inventory,
                                          const std::vector<std::string>& assignments) {
  std::vector<Target> targets;
  for (const std::string& assignment : assignments) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == assignment.size()) {
      return fail(ErrorCode::invalid_argument, fmt::format("'{}' is no KNOB=VALUE", assignment),
                  "Write for example cpu.freq=1.2GHz; wattle actuate list names the knobs.");
    }
    const std::string asked = assignment.substr(equals + 1);
    WATTLE_TRY(const auto knobs, find_knobs(inventory, assignment.substr(0, equals)));
    for (Actuator* knob : knobs) {
      WATTLE_TRY(std::string setting, knob->parse(asked));
      std::erase_if(targets, [&](const Target& other) { return other.actuator == knob; });
      targets.push_back({knob, asked, std::move(setting)});
    }
  }
  std::stable_sort(targets.begin(), targets.end(), [](const Target& a, const Target& b) {
    return a.actuator->info().order < b.actuator->info().order;
  });
  return targets;
}

Result<std::vector<Step>> plan_target(const Target& target) {
  if (!target.actuator->info().readable) return target.actuator->plan("", target.setting);
  WATTLE_TRY(const std::string now, target.actuator->read());
  return target.actuator->plan(now, target.setting);
}

}  // namespace wattle::actuate
