#include "sense/tegrastats.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "sense/ina.hpp"
#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

TEST(TegrastatsLine, OfJetPack7) {
  const auto stats = parse_tegrastats(
      "07-25-2026 09:08:28 RAM 20642/62817MB (lfb 1x2MB) CPU [23%@2201,off,4%@729] "
      "EMC_FREQ 3%@3199 GR3D_FREQ 12%@[1300,1299] NVDEC_FREQ @1190 APE 174 "
      "cpu@52.968C/52.968C cv1@-256C/-256C VDD_GPU_SOC 5139mW/5000mW/5200mW "
      "VDD_CPU_CV 3268mW/3268mW/3268mW VIN_SYS_5V0 5500mW/5500mW/5500mW");
  ASSERT_TRUE(stats) << stats.error().message();
  EXPECT_EQ(stats->timestamp, "07-25-2026 09:08:28");
  EXPECT_EQ(stats->ram_used_mb, 20642.0);
  EXPECT_EQ(stats->ram_total_mb, 62817.0);
  EXPECT_FALSE(stats->swap_total_mb);
  ASSERT_EQ(stats->cores.size(), 3U);
  EXPECT_EQ(stats->cores[0].load.utilisation, 0.23);
  EXPECT_EQ(stats->cores[0].load.mhz, std::vector<double>{2201.0});
  EXPECT_FALSE(stats->cores[1].online);
  EXPECT_EQ(stats->emc->mhz, std::vector<double>{3199.0});
  EXPECT_EQ(stats->gr3d->utilisation, 0.12);
  EXPECT_EQ(stats->gr3d->mhz, (std::vector<double>{1300.0, 1299.0}));
  ASSERT_EQ(stats->temperatures.size(), 2U);
  EXPECT_EQ(stats->temperatures[0].name, "cpu");
  EXPECT_EQ(stats->temperatures[0].temperature_c, 52.968);
  EXPECT_FALSE(stats->temperatures[1].temperature_c) << "an offline zone has no temperature";
  ASSERT_EQ(stats->rails.size(), 3U);
  EXPECT_EQ(stats->rails[0].label, "VDD_GPU_SOC");
  EXPECT_DOUBLE_EQ(stats->rails[0].power_w, 5.139) << "the first of three is instantaneous";
}

TEST(TegrastatsLine, OfJetPack4AndOfXavierWhoseRailsAreCalledCpuAndGpu) {
  const auto nano = parse_tegrastats(
      "RAM 1024/3964MB (lfb 5x4MB) SWAP 3/1982MB (cached 0MB) IRAM 0/252kB(lfb 252kB) "
      "CPU [12%@1428,off] EMC_FREQ 1%@1600 GR3D_FREQ 10%@921 APE 25 PLL@27.5C CPU@31C "
      "POM_5V_IN 1895/1900 POM_5V_GPU 0/0");
  ASSERT_TRUE(nano);
  EXPECT_EQ(nano->swap_used_mb, 3.0);
  EXPECT_EQ(nano->gr3d->mhz, std::vector<double>{921.0});
  ASSERT_EQ(nano->rails.size(), 2U);
  EXPECT_DOUBLE_EQ(nano->rails[0].power_w, 1.895);
  EXPECT_DOUBLE_EQ(nano->rails[1].power_w, 0.0) << "a rail that is off is measured to be 0";
  const auto xavier = parse_tegrastats(
      "RAM 1/2MB CPU [2%@1190] GR3D_FREQ @[318,0] MTS fg 0% bg 0% CPU@38C GPU 1900/1910 "
      "CPU 1140/1140 NC 0/0");
  ASSERT_TRUE(xavier);
  EXPECT_EQ(xavier->cores.size(), 1U);
  EXPECT_FALSE(xavier->gr3d->utilisation);
  EXPECT_EQ(xavier->gr3d->mhz, (std::vector<double>{318.0, 0.0}));
  ASSERT_EQ(xavier->rails.size(), 2U);
  EXPECT_EQ(xavier->rails[1].label, "CPU");
  EXPECT_DOUBLE_EQ(xavier->rails[1].power_w, 1.14);
}

TEST(TegrastatsLine, WhatIsNoneIsAnErrorAndABadPartIsAbsent) {
  for (const char* line : {"", "hello", "CPU [1%@2]", "RAM x/yMB", "VDD_IN 5000", "VDD_IN -5/-5",
                           "VDD_IN 1e300mW/1mW", "VDD_IN nanmW/1mW"}) {
    EXPECT_FALSE(parse_tegrastats(line)) << line;
  }
  const auto stats = parse_tegrastats("RAM 1/2MB CPU [1%@2,x] GR3D_FREQ 400%@1 VDD_IN -3mW/1mW");
  ASSERT_TRUE(stats);
  EXPECT_TRUE(stats->cores.empty());
  EXPECT_FALSE(stats->gr3d);
  EXPECT_TRUE(stats->rails.empty());
}

// Every recorded-style line of the boards' own tools.
TEST(TegrastatsLine, OfEveryBoardGivesItsRails) {
  const std::pair<const char*, std::size_t> boards[] = {
      {"jetson-agx-orin-jp5", 4}, {"jetson-agx-orin-jp6", 4}, {"jetson-orin-nx", 3},
      {"jetson-orin-nano", 3},    {"jetson-agx-xavier", 6},   {"jetson-xavier-nx", 3},
      {"jetson-nano", 3},         {"jetson-tx2", 6},          {"jetson-thor", 4}};
  for (const auto& [name, n_rails] : boards) {
    const std::string script = TestBoard(name).root().read_text("/usr/bin/tegrastats").value();
    const auto begin = script.find("echo '") + 6;
    const auto stats = parse_tegrastats(script.substr(begin, script.find('\'', begin) - begin));
    ASSERT_TRUE(stats) << name;
    EXPECT_EQ(stats->rails.size(), n_rails) << name;
    EXPECT_FALSE(stats->cores.empty()) << name;
    EXPECT_TRUE(stats->gr3d) << name;
  }
}

std::string line(const std::string& second, int milliwatt) {
  return "07-25-2026 09:08:" + second + " RAM 1/2MB VDD_IN " + std::to_string(milliwatt) +
         "mW/1mW VDD_CPU_GPU_CV 500mW/1mW VDD_SOC 100mW/1mW\n";
}

class TegrastatsLog : public testing::Test {
 protected:
  TegrastatsLog() { append(line("01", 5000) + line("03", 6000) + line("05", 7000)); }
  void append(const std::string& text) const {
    std::ofstream(log_, std::ios::binary | std::ios::app) << text;
  }
  Inventory find() {
    Inventory inventory;
    discover_tegrastats(FsRoot(folder_.path()), clock_, {.tegrastats_log = log_}, inventory);
    return inventory;
  }
  TestFolder folder_;
  std::filesystem::path log_ = folder_.path() / "log";
  FakeClock clock_{0, 0};  // no file is older than its present
};

TEST_F(TegrastatsLog, FeedsAllRailsAndTellsItsOwnPace) {
  const Inventory inventory = find();
  ASSERT_EQ(inventory.sensors.size(), 3U);
  const SensorInfo& in = inventory.sensors[0]->info();
  EXPECT_EQ(in.id, "tegrastats:VDD_IN");
  EXPECT_TRUE(in.board_total);
  EXPECT_DOUBLE_EQ(in.update_period_s, 2.0);
  EXPECT_EQ(inventory.sensors[2]->info().inside, std::vector<std::string>{"tegrastats:VDD_IN"});
  EXPECT_DOUBLE_EQ(*inventory.sensors[0]->read()->power_w, 7.0);
  clock_.advance_ns(2'000'000'000);
  append(line("07", 8000) + "07-25-2026 09:08:09 RAM 1/2MB VDD_IN 90");
  const Reading reading = inventory.sensors[0]->read().value();
  EXPECT_DOUBLE_EQ(*reading.power_w, 8.0) << "the half line is not read yet";
  EXPECT_EQ(reading.t_ns, 2'000'000'000);
  EXPECT_DOUBLE_EQ(*inventory.sensors[1]->read()->power_w, 0.5);
}

TEST_F(TegrastatsLog, ThatStopsGrowingIsAnErrorAndNotTheOldPower) {
  const Inventory inventory = find();
  clock_.advance_ns(10'000'000'000);
  EXPECT_TRUE(inventory.sensors.at(0)->read()) << "five of its periods";
  clock_.advance_ns(1'000'000'000);
  EXPECT_FALSE(inventory.sensors.at(0)->read());
  append(line("20", 4000));
  EXPECT_DOUBLE_EQ(*inventory.sensors.at(0)->read()->power_w, 4.0);
}

TEST_F(TegrastatsLog, GarbageRotationAndRemoval) {
  const Inventory inventory = find();
  append("garbage\n");
  EXPECT_FALSE(inventory.sensors.at(0)->read());
  EXPECT_FALSE(inventory.sensors.at(1)->read()) << "every rail of that line is unknown";
  append("07-25-2026 09:08:07 RAM 1/2MB VDD_SOC 200mW/1mW\n");
  EXPECT_FALSE(inventory.sensors.at(0)->read()) << "not in the newest line";
  EXPECT_DOUBLE_EQ(*inventory.sensors.at(2)->read()->power_w, 0.2);
  std::filesystem::rename(log_, folder_.path() / "log.1");
  EXPECT_FALSE(inventory.sensors.at(0)->read());
  append(line("09", 3000));
  EXPECT_DOUBLE_EQ(*inventory.sensors.at(0)->read()->power_w, 3.0);
}

TEST_F(TegrastatsLog, OldOrMissingIsUnavailableWithTheWayToStartIt) {
  FakeClock later(0, std::int64_t{4'000'000'000} * 1'000'000'000);
  Inventory inventory;
  discover_tegrastats(FsRoot(folder_.path()), later, {.tegrastats_log = log_}, inventory);
  ASSERT_EQ(inventory.unavailable.size(), 1U);
  EXPECT_NE(inventory.unavailable[0].remedy.find("--logfile"), std::string::npos);
  std::filesystem::remove(log_);
  EXPECT_EQ(find().unavailable.size(), 1U);
}

TEST(TegrastatsProcess, IsNotStartedWhereTheRailsAreReadDirectly) {
  const TestBoard board("jetson-orin-nx");
  board.set("/usr/bin/tegrastats", "#!/bin/sh\ntouch $WATTLE_ROOT/started\n");
  const FakeClock clock;
  Inventory inventory;
  discover_ina(board.root(), clock, inventory);
  discover_tegrastats(board.root(), clock, {}, inventory);
  EXPECT_EQ(inventory.sensors.size(), 3U);
  ASSERT_EQ(inventory.unavailable.size(), 1U);
  EXPECT_NE(inventory.unavailable[0].reason.find("repeats"), std::string::npos);
  EXPECT_FALSE(board.root().exists("/started"));
}

TEST(TegrastatsProcess, FeedsTheRailsWhereTheMonitorCannotBeRead) {
  const TestBoard board("jetson-orin-nx");
  board.remove("/sys");
  const FakeClock clock;
  Inventory inventory;
  discover_ina(board.root(), clock, inventory);
  discover_tegrastats(board.root(), clock, {}, inventory);
  ASSERT_EQ(inventory.sensors.size(), 3U);
  EXPECT_EQ(inventory.sensors[0]->info().id, "tegrastats:VDD_IN");
  EXPECT_DOUBLE_EQ(*inventory.sensors[0]->read()->power_w, 7.0);
  EXPECT_DOUBLE_EQ(inventory.sensors[0]->info().update_period_s, 0.1);
}

TEST(TegrastatsProcess, ThatEndsOrIsNotThereIsSaid) {
  const TestBoard board("jetson-orin-nx");
  board.remove("/sys");
  board.set("/usr/bin/tegrastats", "#!/bin/sh\nexit 1\n");
  const FakeClock clock;
  Inventory inventory;
  discover_tegrastats(board.root(), clock, {}, inventory);
  ASSERT_EQ(inventory.unavailable.size(), 1U);
  EXPECT_NE(inventory.unavailable[0].reason.find("has ended"), std::string::npos);
  board.remove("/usr/bin/tegrastats");
  discover_tegrastats(board.root(), clock, {}, inventory);
  ASSERT_EQ(inventory.unavailable.size(), 2U);
  EXPECT_NE(inventory.unavailable[1].reason.find("not installed"), std::string::npos);
  Inventory pc;
  discover_tegrastats(TestBoard("intel-laptop").root(), clock, {}, pc);
  EXPECT_TRUE(pc.unavailable.empty());
}

}  // namespace
}  // namespace wattle::sense
