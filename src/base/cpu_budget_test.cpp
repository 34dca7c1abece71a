#include "base/cpu_budget.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/test_folder.hpp"

namespace wattle {
namespace {

TEST(CpuBudget, NoControlGroupMeansNoQuota) {
  const TestFolder folder;
  EXPECT_TRUE(std::isinf(cgroup_cpu_quota(FsRoot(folder.path()))));
  EXPECT_GE(allowed_cores(FsRoot(folder.path())), 1);
}

TEST(CpuBudget, HardwareThreadsOfOneCoreCountOnce) {
  const TestFolder folder;
  EXPECT_EQ(allowed_physical_cores(FsRoot(folder.path())), allowed_cores(FsRoot(folder.path())));
  for (int cpu = 0; cpu < 1024; ++cpu) {
    folder.write(
        "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
        "0-1023\n");
  }
  EXPECT_EQ(allowed_physical_cores(FsRoot(folder.path())), 1);
}

TEST(CpuBudget, Version2TakesTheTightestOfAllParents) {
  const TestFolder folder;
  folder.write("proc/self/cgroup", "0::/a/b\n");
  folder.write("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
  folder.write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  folder.write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota(FsRoot(folder.path())), 1.5);
  EXPECT_EQ(allowed_cores(FsRoot(folder.path())), 1);
}

TEST(CpuBudget, InAContainerTheMountItselfIsTheGroup) {
  const TestFolder folder;
  folder.write("proc/self/cgroup", "0::/not/visible/here\n");
  folder.write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota(FsRoot(folder.path())), 0.5);
  EXPECT_EQ(allowed_cores(FsRoot(folder.path())), 1);
}

TEST(CpuBudget, Version1AndDamagedFiles) {
  const TestFolder folder;
  folder.write("proc/self/cgroup", "nonsense\n4:cpu,cpuacct:/x\n1:name=systemd:/\n");
  folder.write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "250000\n");
  folder.write("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
  folder.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  folder.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  folder.write("sys/fs/cgroup/cpu.max", "what\n");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota(FsRoot(folder.path())), 2.5);
}

}  // namespace
}  // namespace wattle
