#pragma once
// The kinds of knobs, one source file each; every function adds what it finds to the inventory.

#include <string>
#include <string_view>
#include <vector>

#include "actuate/actuate.hpp"

namespace wattle::actuate {

// Orders of setting; put back in reverse. Cores last, because a policy whose cores are all off has
// no files; the power mode before everything, because it sets clocks and cores itself.
inline constexpr int kOrderMode = 0;
inline constexpr int kOrderGovernor = 1;
inline constexpr int kOrderClock = 2;
inline constexpr int kOrderFan = 3;
inline constexpr int kOrderCores = 4;

void add_cpu_frequency(const FsRoot& root, Inventory& inventory);
void add_cpu_governor(const FsRoot& root, Inventory& inventory);
void add_cpu_cores(const FsRoot& root, Inventory& inventory);
void add_gpu_frequency(const FsRoot& root, Inventory& inventory);
void add_locked_clocks(const FsRoot& root, const DiscoverOptions& options, Inventory& inventory);
void add_nvpmodel(const FsRoot& root, Inventory& inventory);
void add_fan(const FsRoot& root, Inventory& inventory);

// One cpufreq policy.
struct CpuPolicy {
  std::string folder;  // "/sys/devices/system/cpu/cpufreq/policy0" or ".../cpu0/cpufreq"
  int first_cpu = 0;
  std::string cpus;  // "0-3"
};
[[nodiscard]] std::vector<CpuPolicy> find_cpu_policies(const FsRoot& root);

// Process number and name of a running program of that name, from /proc/*/comm below the root.
[[nodiscard]] std::optional<int> find_process(const FsRoot& root, std::string_view name);

}  // namespace wattle::actuate
