#include "base/cpu_budget.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

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

int allowed_cores(const FsRoot& root) {
  int cores = 1;
  // Machines with more than CPU_SETSIZE cores need a larger set.
  for (int size = CPU_SETSIZE; size <= 64 * CPU_SETSIZE; size *= 2) {
    cpu_set_t* set = CPU_ALLOC(size);
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(size);
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    if (known) cores = CPU_COUNT_S(bytes, set);
    CPU_FREE(set);
    if (known) break;
  }
  const double quota = cgroup_cpu_quota(root);
  if (std::isfinite(quota)) cores = std::min(cores, static_cast<int>(std::floor(quota)));
  return std::max(cores, 1);
}

}  // namespace wattle
