#include "sense/ina.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "sense/jetson_rails.hpp"
#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kOrin = "/sys/devices/platform/bus@0/c240000.i2c/i2c-1/1-0040/hwmon/hwmon1/";

Inventory ina_of(const TestBoard& board, const Clock& clock) {
  Inventory inventory;
  discover_ina(board.root(), clock, inventory);
  return inventory;
}

std::map<std::string, double> watts_of(Inventory& inventory, bool total_only) {
  std::map<std::string, double> watts;
  for (const auto& sensor : inventory.sensors) {
    if (total_only && !sensor->info().board_total) continue;
    watts[sensor->info().id] = *sensor->read()->power_w;
  }
  return watts;
}

struct Expected {
  const char* board;
  std::size_t n_rails;
  std::map<std::string, double> total;  // worked by hand from the fixture: V·I
};

TEST(Ina, EveryBoardsTotalIsWhatItsGuideSays) {
  const std::map<std::string, double> orin{
      {"ina3221:VDD_GPU_SOC", 8.0}, {"ina3221:VDD_CPU_CV", 5.0}, {"ina3221:VIN_SYS_5V0", 8.53}};
  const Expected boards[] = {
      {"jetson-agx-orin-jp5", 4, orin},
      {"jetson-agx-orin-jp6", 4, orin},
      {"jetson-orin-nx", 3, {{"ina3221:VDD_IN", 7.0}}},
      {"jetson-orin-nano", 3, {{"ina3221:VDD_IN", 7.0}}},
      {"jetson-xavier-nx", 3, {{"ina3221:VDD_IN", 4.5}}},
      {"jetson-agx-xavier",
       6,
       {{"ina3221:GPU", 1.9},
        {"ina3221:CPU", 1.14},
        {"ina3221:SOC", 1.33},
        {"ina3221:CV", 0.0},
        {"ina3221:VDDRQ", 0.38},
        {"ina3221:SYS5V", 2.5}}},
      {"jetson-nano", 3, {{"ina3221:POM_5V_IN", 3.2}}},
      {"jetson-tx2", 12, {{"ina3221:VDD_IN", 3.5}, {"ina3221:VDD_MUX", 2.4}}},
      {"jetson-thor", 1, {{"ina238:VIN", 35.0}}},
  };
  for (const Expected& expected : boards) {
    const TestBoard board(expected.board);
    const FakeClock clock;
    Inventory inventory = ina_of(board, clock);
    EXPECT_EQ(inventory.sensors.size(), expected.n_rails) << expected.board;
    EXPECT_TRUE(inventory.unavailable.empty()) << expected.board;
    const auto watts = watts_of(inventory, true);
    ASSERT_EQ(watts.size(), expected.total.size()) << expected.board;
    for (const auto& [id, power_w] : expected.total) {
      ASSERT_TRUE(watts.contains(id)) << expected.board << " " << id;
      EXPECT_NEAR(watts.at(id), power_w, 1e-9) << expected.board << " " << id;
    }
  }
}

TEST(Ina, OneRailInsideAnotherSaysSo) {
  const TestBoard board("jetson-agx-orin-jp6");
  const FakeClock clock;
  const Inventory inventory = ina_of(board, clock);
  const SensorInfo& memory = inventory.sensors.at(3)->info();
  EXPECT_EQ(memory.id, "ina3221:VDDQ_VDD2_1V8AO");
  EXPECT_EQ(memory.inside, std::vector<std::string>{"ina3221:VIN_SYS_5V0"});
  EXPECT_FALSE(memory.board_total);
}

TEST(Ina, TheChipsReadingsASecondAreSharedByItsRails) {
  const TestBoard board("jetson-agx-orin-jp6");
  const FakeClock clock;
  double readings_per_second = 0.0;
  for (const SensorInfo& info : infos(ina_of(board, clock))) {
    readings_per_second += info.default_rate_hz;
    EXPECT_NEAR(info.update_period_s, 4.0 / 77.0, 1e-12);
  }
  EXPECT_NEAR(readings_per_second, 77.0, 1e-9);
  // A chip that says it converts more slowly is believed.
  board.set(std::string(kOrin) + "update_interval", "200\n");
  EXPECT_NEAR(ina_of(board, clock).sensors.at(0)->info().update_period_s, 0.2, 1e-12);
}

TEST(Ina, LabelsDecideNotNumbers) {
  const TestBoard board("jetson-agx-orin-jp6");
  const FakeClock clock;
  // The channels of one chip swapped, and the chip without its driver folder: found by its class.
  board.set(std::string(kOrin) + "in1_label", "VIN_SYS_5V0\n");
  board.set(std::string(kOrin) + "in3_label", "VDD_GPU_SOC\n");
  board.remove("/sys/bus");
  Inventory inventory = ina_of(board, clock);
  const auto watts = watts_of(inventory, true);
  EXPECT_NEAR(watts.at("ina3221:VDD_GPU_SOC"), 8.53, 1e-9);
  EXPECT_NEAR(watts.at("ina3221:VIN_SYS_5V0"), 8.0, 1e-9);
}

TEST(Ina, HwmonDoesNotListTheSameChannelsAgain) {
  const FakeClock clock;
  for (const char* name : {"jetson-thor", "jetson-agx-orin-jp6"}) {
    const TestBoard board(name);
    const Inventory inventory = discover(board.root(), clock);
    for (const SensorInfo& info : infos(inventory)) {
      EXPECT_FALSE(info.id.starts_with("hwmon:")) << info.id;
    }
    for (const Unavailable& u : inventory.unavailable) EXPECT_NE(u.id, "hwmon");
  }
}

TEST(Ina, WhatThePartsOfATotalLackIsNamed) {
  const TestBoard board("jetson-agx-orin-jp6");
  const FakeClock clock;
  board.set(std::string(kOrin) + "in2_enable", "0\n");
  Inventory inventory = ina_of(board, clock);
  ASSERT_EQ(inventory.unavailable.size(), 1U);
  EXPECT_EQ(inventory.unavailable[0].id, "ina3221:VDD_CPU_CV");
  EXPECT_TRUE(inventory.unavailable[0].board_total);
  EXPECT_NE(inventory.unavailable[0].reason.find("switched off"), std::string::npos);
  board.set(std::string(kOrin) + "in2_label", "NC\n");
  inventory = ina_of(board, clock);
  ASSERT_EQ(inventory.unavailable.size(), 1U);
  EXPECT_NE(inventory.unavailable[0].reason.find("none was found"), std::string::npos);
}

TEST(Ina, FaultsAreErrorsAndNeverZero) {
  const TestBoard board("jetson-agx-orin-jp6");
  const FakeClock clock;
  Inventory inventory = ina_of(board, clock);
  PowerSensor& gpu = *inventory.sensors.at(0);
  const std::string volt = std::string(kOrin) + "in1_input";
  const std::string ampere = std::string(kOrin) + "curr1_input";
  for (const char* text : {"", "x", "-5000", "5000000"}) {
    board.set(volt, text);
    EXPECT_FALSE(gpu.read()) << text;
  }
  board.set(volt, "20000\n");
  for (const char* text : {"", "-", "-400", "99999999999999999999"}) {
    board.set(ampere, text);
    EXPECT_FALSE(gpu.read()) << text;
  }
  // The chip's own zero error (5 mΩ: 8 mA a step) is no fault and is not cut off.
  board.set(ampere, "-8\n");
  EXPECT_NEAR(*gpu.read()->power_w, -0.16, 1e-9);
  board.remove(ampere);
  EXPECT_EQ(gpu.read().error().code, ErrorCode::not_found);
  std::filesystem::create_symlink("/proc/self/mem", board.root().resolve(ampere));
  EXPECT_EQ(gpu.read().error().code, ErrorCode::io);
  board.remove(ampere);
  board.set(ampere, "400\n");
  EXPECT_NEAR(*gpu.read()->power_w, 8.0, 1e-9) << "and works again afterwards";
}

TEST(Ina, RootOnlyFilesSayWhatToDo) {
  const TestBoard board("jetson-nano");
  board.forbid("/sys/devices/7000c400.i2c/i2c-6/6-0040/iio:device0/in_power0_input");
  const FakeClock clock;
  const OrdinaryUser user;
  const Inventory inventory = ina_of(board, clock);
  ASSERT_EQ(inventory.unavailable.size(), 1U);
  EXPECT_TRUE(inventory.unavailable[0].board_total);
  EXPECT_NE(inventory.unavailable[0].remedy.find("sudo"), std::string::npos);
}

TEST(JetsonRails, UnknownLabelsAreInNoTotal) {
  const BoardRails rails = plan_rails({"VDD_SOMETHING", "VDD_IN"});
  EXPECT_EQ(rails.rails.at(0).rail, Rail::other);
  EXPECT_FALSE(rails.rails.at(0).board_total);
  EXPECT_TRUE(rails.rails.at(1).board_total);
  EXPECT_TRUE(plan_rails({}).rails.empty());
}

}  // namespace
}  // namespace wattle::sense
