// cpufreq policies: cores that share a clock. Kernels since 4.3 list them in cpufreq/policyN;
// cpuN/cpufreq links to the same folder (Documentation/admin-guide/pm/cpufreq.rst).
#include <charconv>
#include <set>

#include "actuate/knobs.hpp"
#include "actuate/setting.hpp"

namespace wattle::actuate {
namespace {

constexpr const char* kCpus = "/sys/devices/system/cpu";

std::optional<int> number_after(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return {};
  name.remove_prefix(prefix.size());
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size() || number < 0) return {};
  return number;
}

// related_cpus holds those that are off too; it separates by spaces.
std::vector<int> cores_of(const FsRoot& root, const std::string& folder) {
  for (const char* file : {"/related_cpus", "/affected_cpus"}) {
    auto text = root.read_text(folder + file);
    if (!text) continue;
    std::string list(trim(*text));
    for (char& c : list) {
      if (c == ' ') c = ',';
    }
    if (auto cpus = parse_cpu_list(list); cpus && !cpus->empty()) return *std::move(cpus);
  }
  return {};
}

}  // namespace

std::vector<CpuPolicy> find_cpu_policies(const FsRoot& root) {
  std::vector<CpuPolicy> policies;
  std::set<int> seen;
  const auto add = [&](const std::string& folder, int number) {
    if (!root.exists(folder + "/scaling_max_freq") || seen.contains(number)) return;
    std::vector<int> cpus = cores_of(root, folder);
    if (cpus.empty()) cpus = {number};
    seen.insert(number);
    seen.insert(cpus.begin(), cpus.end());
    policies.push_back({folder, cpus.front(), cpu_list_text(cpus)});
  };
  const std::string by_policy = std::string(kCpus) + "/cpufreq";
  for (const auto& name : root.list(by_policy).value_or(std::vector<std::string>{})) {
    if (const auto number = number_after(name, "policy")) add(by_policy + "/" + name, *number);
  }
  for (const auto& name : root.list(kCpus).value_or(std::vector<std::string>{})) {
    if (const auto number = number_after(name, "cpu")) {
      add(std::string(kCpus) + "/" + name + "/cpufreq", *number);
    }
  }
  return policies;
}

}  // namespace wattle::actuate
