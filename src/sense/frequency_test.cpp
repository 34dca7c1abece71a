#include <filesystem>

#include "sense/test_gauges.hpp"

namespace wattle::sense {
namespace {

GaugeInventory frequencies(const TestBoard& board, const Clock& clock) {
  return gauges_of(board, clock, discover_frequencies);
}

TEST(Frequency, AJetsonHasCoresGpuAndMemoryInHertz) {
  const TestBoard board("jetson-agx-orin-jp6");
  const FakeClock clock;
  const GaugeInventory inventory = frequencies(board, clock);
  EXPECT_EQ(inventory.gauges.size(), 14U) << "12 cores, GPU, EMC";
  EXPECT_DOUBLE_EQ(value_of(inventory, "freq:cpu0").value(), 2.2016e9);
  EXPECT_DOUBLE_EQ(value_of(inventory, "freq:gpu").value(), 306e6);
  EXPECT_EQ(find(inventory, "freq:gpu")->info().source, "/sys/class/devfreq/17000000.gpu/cur_freq");
  EXPECT_DOUBLE_EQ(value_of(inventory, "freq:emc").value(), 3.199e9);
  board.set("/sys/devices/system/cpu/cpufreq/policy8/scaling_cur_freq", "115200\n");
  EXPECT_DOUBLE_EQ(value_of(inventory, "freq:cpu11").value(), 115.2e6);
}

TEST(Frequency, EveryBoardsGpuIsFound) {
  const FakeClock clock;
  const std::pair<const char*, double> boards[] = {
      {"jetson-agx-orin-jp5", 306e6},  {"jetson-orin-nx", 612e6},      {"jetson-orin-nano", 306e6},
      {"jetson-agx-xavier", 318.75e6}, {"jetson-xavier-nx", 114.75e6}, {"jetson-nano", 76.8e6},
      {"jetson-tx2", 114.75e6},        {"jetson-thor", 315e6}};
  for (const auto& [name, hz] : boards) {
    const TestBoard board(name);
    EXPECT_DOUBLE_EQ(value_of(frequencies(board, clock), "freq:gpu").value_or(0.0), hz) << name;
  }
}

TEST(Frequency, TheHardwaresOwnFileIsTheFallback) {
  const TestBoard board("raspberry-pi-5");
  board.remove("/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq");
  board.set("/sys/devices/system/cpu/cpufreq/policy0/cpuinfo_cur_freq", "2400000\n");
  const FakeClock clock;
  EXPECT_DOUBLE_EQ(value_of(frequencies(board, clock), "freq:cpu3").value(), 2.4e9);
}

TEST(Frequency, ACoreThatGoesOfflineIsAnErrorNotZero) {
  const TestBoard board("jetson-xavier-nx");
  const FakeClock clock;
  const GaugeInventory inventory = frequencies(board, clock);
  board.remove("/sys/devices/system/cpu/cpu5/cpufreq");
  EXPECT_EQ(value_of(inventory, "freq:cpu5").error().code, ErrorCode::not_found);
  EXPECT_TRUE(value_of(inventory, "freq:cpu4"));
  const std::string file = "/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq";
  for (const char* text : {"0\n", "-1\n", "<unknown>\n", "", "99999999999\n"}) {
    board.set(file, text);
    EXPECT_FALSE(value_of(inventory, "freq:cpu0")) << text;
  }
  board.remove(file);
  std::filesystem::create_symlink("/proc/self/mem", board.root().resolve(file));
  EXPECT_EQ(value_of(inventory, "freq:cpu0").error().code, ErrorCode::io);
}

TEST(Frequency, WithoutCpufreqAPhysicalX86StatesItInCpuinfo) {
  const TestBoard board("acpi-server");
  board.set("/proc/cpuinfo",
            "processor\t: 0\ncpu MHz\t\t: 2394.500\nflags\t\t: fpu avx2\n\n"
            "processor\t: 1\ncpu MHz\t\t: 1200.000\nflags\t\t: fpu avx2\n");
  const FakeClock clock;
  const GaugeInventory inventory = frequencies(board, clock);
  EXPECT_EQ(inventory.gauges.size(), 2U);
  EXPECT_DOUBLE_EQ(value_of(inventory, "freq:cpu0").value(), 2.3945e9);
  EXPECT_DOUBLE_EQ(value_of(inventory, "freq:cpu1").value(), 1.2e9);
  for (const char* mhz : {"nan", "-5", "0", "1e99", "x"}) {
    board.set("/proc/cpuinfo", std::string("processor : 0\ncpu MHz : ") + mhz + "\n");
    EXPECT_FALSE(value_of(inventory, "freq:cpu0")) << mhz;
  }
}

TEST(Frequency, AVirtualMachineSaysWhyThereIsNone) {
  const TestBoard board("virtual-machine");
  const FakeClock clock;
  const GaugeInventory inventory = frequencies(board, clock);
  EXPECT_TRUE(inventory.gauges.empty());
  EXPECT_NE(find_unavailable(inventory, "freq:cpu")->reason.find("virtual machine"),
            std::string::npos);
}

TEST(Frequency, TheMemoryClockIsRootOnlyOnAJetsonAndNoMatterElsewhere) {
  const FakeClock clock;
  for (const bool tegra : {true, false}) {
    const TestBoard board("jetson-orin-nano");
    board.set("/proc/device-tree/compatible",
              tegra ? std::string("nvidia,p3768\0nvidia,tegra234\0", 28) : "raspberrypi,5");
    board.forbid("/sys/kernel/debug");
    {
      const OrdinaryUser user;
      const GaugeInventory inventory = frequencies(board, clock);
      const Unavailable* const emc = find_unavailable(inventory, "freq:emc");
      ASSERT_EQ(emc != nullptr, tegra);
      if (tegra) {
        EXPECT_NE(emc->remedy.find("sudo"), std::string::npos);
      }
    }
    std::filesystem::permissions(board.root().resolve("/sys/kernel/debug"),
                                 std::filesystem::perms::owner_all);
  }
}

}  // namespace
}  // namespace wattle::sense
