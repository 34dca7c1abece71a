#include "base/cpu_budget.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace wattle {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// "max 100000" or "150000 100000" → cores.
double quota_v2(const FsRoot& root, const std::string& folder) {
  const auto text = root.read_text(folder + "/cpu.max");
  if (!text) return kNoLimit;
  std::istringstream in(*text);
  double quota = 0;
  double period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return kNoLimit;
  return quota / period;
}

double quota_v1(const FsRoot& root, const std::string& folder) {
  const auto quota = root.read_int(folder + "/cpu.cfs_quota_us");
  const auto period = root.read_int(folder + "/cpu.cfs_period_us");
  if (!quota || !period || *quota <= 0 || *period <= 0) return kNoLimit;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// `read` for mount/path and all its parents. Inside a container the path may be the host's and not
// exist here; the mount itself is then the group.
template <class Read>
double tightest(const FsRoot& root, const std::string& mount, std::string path, Read read) {
  double limit = read(root, mount);
  while (!path.empty() && path != "/") {
    limit = std::min(limit, read(root, mount + path));
    path.resize(path.find_last_of('/'));
  }
  return limit;
}

}  // namespace

double cgroup_cpu_quota(const FsRoot& root) {
  double limit = std::min(quota_v2(root, "/sys/fs/cgroup"), quota_v1(root, "/sys/fs/cgroup/cpu"));
  const auto groups = root.read_text("/proc/self/cgroup");
  if (!groups) return limit;
  std::istringstream lines(*groups);
  for (std::string line; std::getline(lines, line);) {  // "id:controllers:/path"
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
    std::string controllers(",");
    controllers.append(line, first + 1, second - first - 1).append(",");
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      limit = std::min(limit, tightest(root, "/sys/fs/cgroup", path, quota_v2));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      limit = std::min(limit, tightest(root, "/sys/fs/cgroup/cpu", path, quota_v1));
    }
  }
  return limit;
}

namespace {

// The numbers of the logical cores in the affinity mask; empty if the system does not say.
std::vector<int> affinity() {
  std::vector<int> cores;
  // Machines with more than CPU_SETSIZE cores need a larger set.
  for (int size = CPU_SETSIZE; size <= 64 * CPU_SETSIZE; size *= 2) {
    cpu_set_t* set = CPU_ALLOC(size);
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(size);
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    for (int cpu = 0; known && cpu < size; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set)) cores.push_back(cpu);
    }
    CPU_FREE(set);
    if (known) break;
  }
  return cores;
}

int within_quota(std::size_t cores, const FsRoot& root) {
  const double quota = cgroup_cpu_quota(root);
  int n = static_cast<int>(cores);
  if (std::isfinite(quota)) n = std::min(n, static_cast<int>(std::floor(quota)));
  return std::max(n, 1);
}

}  // namespace

int allowed_cores(const FsRoot& root) {
  return within_quota(affinity().size(), root);
}

int allowed_physical_cores(const FsRoot& root) {
  std::set<std::string> cores;
  for (const int cpu : affinity()) {
    const auto siblings = root.read_text("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                                         "/topology/thread_siblings_list");
    cores.insert(siblings ? *siblings : std::to_string(cpu));
  }
  return within_quota(cores.size(), root);
}

}  // namespace wattle
