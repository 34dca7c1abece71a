#include "lab/machine.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"

namespace wattle::lab {
namespace {

TEST(Machine, ReadsWhatIsThere) {
  const TestFolder folder;
  folder.write("proc/cpuinfo",
               "processor\t: 0\nvendor_id\t: X\nmodel name\t: Example CPU @ 2.00GHz\n\n"
               "processor\t: 1\nmodel name\t: Other\n");
  folder.write("proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");
  folder.write("proc/loadavg", "0.12 0.20 0.18 1/312 4711\n");
  folder.write("proc/sys/kernel/osrelease", "6.1.0-test\n");
  folder.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
  folder.write("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
  const Json machine = describe_machine(FsRoot(folder.path()));
  EXPECT_EQ(machine["cpu"], "Example CPU @ 2.00GHz");
  EXPECT_EQ(machine["memory_bytes"], 2048 * 1024);
  EXPECT_EQ(machine["load_average"], "0.12 0.20 0.18");
  EXPECT_EQ(machine["kernel"], "6.1.0-test");
  EXPECT_EQ(machine["governor"], "performance, powersave");
  EXPECT_GE(machine["cores"].get<int>(), 1);
}

TEST(Machine, WhatCannotBeReadIsAbsent) {
  const TestFolder folder;
  const Json machine = describe_machine(FsRoot(folder.path()));
  for (const char* key : {"cpu", "memory_bytes", "load_average", "kernel", "governor"}) {
    EXPECT_FALSE(machine.contains(key)) << key;
  }
}

}  // namespace
}  // namespace wattle::lab
