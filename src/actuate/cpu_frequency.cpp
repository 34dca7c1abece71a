// CPU clock limits: scaling_min_freq and scaling_max_freq of a cpufreq policy, in kHz. Drivers with
// a table give it in scaling_available_frequencies (boost clocks in scaling_boost_frequencies);
// intel_pstate and amd-pstate have none: any value from cpuinfo_min_freq to cpuinfo_max_freq.
#include <algorithm>
#include <memory>

#include "actuate/clock_limits.hpp"
#include "actuate/knobs.hpp"

namespace wattle::actuate {
namespace {

// Drivers without a table may round to a multiple of the bus clock.
constexpr std::int64_t kBusClockKhz = 100'000;

Result<std::int64_t> read_positive(const FsRoot& root, const std::string& path) {
  WATTLE_TRY(const std::int64_t value, root.read_int(path));
  if (value <= 0) {
    return fail(ErrorCode::invalid_format,
                root.resolve(path).string() + " holds " + std::to_string(value));
  }
  return value;
}

Status find_allowed(const FsRoot& root, const std::string& folder, KnobInfo& info) {
  const std::string table = folder + "/scaling_available_frequencies";
  if (root.exists(table)) {
    WATTLE_TRY(std::string text, root.read_text(table));
    const std::string boost = folder + "/scaling_boost_frequencies";
    if (root.exists(boost)) {
      WATTLE_TRY(const std::string more, root.read_text(boost));
      text += ' ' + more;
    }
    WATTLE_TRY(info.table, parse_table(text, root.resolve(table).string()));
    return {};
  }
  WATTLE_TRY(const std::int64_t min, read_positive(root, folder + "/cpuinfo_min_freq"));
  WATTLE_TRY(const std::int64_t max, read_positive(root, folder + "/cpuinfo_max_freq"));
  if (min > max) {
    return fail(ErrorCode::invalid_format,
                "cpuinfo_min_freq is above cpuinfo_max_freq in " + root.resolve(folder).string());
  }
  info.range = Range{min, max};
  return {};
}

Result<std::unique_ptr<Actuator>> make(const FsRoot& root, const CpuPolicy& policy) {
  KnobInfo info;
  info.id = "cpu" + std::to_string(policy.first_cpu) + ".freq";
  info.group = "cpu.freq";
  info.scope = "cores " + policy.cpus;
  info.source = policy.folder;
  info.unit = Unit::khz;
  info.order = kOrderClock;
  WATTLE_CHECK(find_allowed(root, policy.folder, info));
  const std::int64_t rounding = info.table.empty() ? kBusClockKhz : 0;
  auto actuator = std::make_unique<ClockLimits>(
      root, std::move(info),
      ClockFiles{policy.folder + "/scaling_min_freq", policy.folder + "/scaling_max_freq",
                 policy.folder + "/scaling_cur_freq"},
      rounding);
  WATTLE_CHECK(actuator->read());
  return actuator;
}

}  // namespace

void add_cpu_frequency(const FsRoot& root, Inventory& inventory) {
  const auto policies = find_cpu_policies(root);
  if (policies.empty()) {
    inventory.unavailable.push_back(
        {"cpu.freq",
         "/sys/devices/system/cpu/cpufreq",
         {"the kernel drives no processor clock here",
          "In a virtual machine the host does; on hardware load a cpufreq driver."}});
  }
  for (const CpuPolicy& policy : policies) {
    auto actuator = make(root, policy);
    if (actuator) {
      inventory.actuators.push_back(*std::move(actuator));
      continue;
    }
    inventory.unavailable.push_back({"cpu" + std::to_string(policy.first_cpu) + ".freq",
                                     policy.folder,
                                     {actuator.error().what, actuator.error().remedy}});
  }
}

}  // namespace wattle::actuate
