#pragma once
// How many CPU cores this process may use.

#include "base/fs_root.hpp"

namespace wattle {

// The quota of the process's control group in cores (cgroup v2 cpu.max, v1 cpu.cfs_quota_us, the
// tightest of all parents); infinity if there is none.
[[nodiscard]] double cgroup_cpu_quota(const FsRoot& root);

// Logical cores in the affinity mask, but not more than whole cores in the quota; at least 1.
[[nodiscard]] int allowed_cores(const FsRoot& root = FsRoot());

// Likewise, counting two hardware threads of one core once: for work that keeps the arithmetic
// units or the memory busy, a second thread of a core adds nothing but heat.
[[nodiscard]] int allowed_physical_cores(const FsRoot& root = FsRoot());

}  // namespace wattle
