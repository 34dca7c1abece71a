#include "sense/battery.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "sense/hwmon.hpp"
#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

const std::string kBattery = "/sys/class/power_supply/BAT0";

class Battery : public testing::Test {
 protected:
  Inventory find() const {
    Inventory inventory;
    discover_batteries(board_.root(), clock_, inventory);
    return inventory;
  }
  TestBoard board_{"intel-laptop"};
  FakeClock clock_;
};

TEST_F(Battery, OnlyTheMachinesOwnIsListed) {
  const Inventory inventory = find();  // beside mains, a mouse and a USB-C port
  ASSERT_EQ(inventory.sensors.size(), 1U);
  EXPECT_TRUE(inventory.unavailable.empty());
  EXPECT_EQ(inventory.sensors[0]->info().id, "battery:BAT0");
  EXPECT_DOUBLE_EQ(*inventory.sensors[0]->read()->power_w, 12.4);
}

TEST_F(Battery, WithoutPowerVoltageTimesCurrentOfEitherSign) {
  const Inventory inventory = find();
  board_.remove(kBattery + "/power_now");
  for (const char* current : {"1000000\n", "-1000000\n"}) {
    board_.set(kBattery + "/current_now", current);
    EXPECT_NEAR(*inventory.sensors.at(0)->read()->power_w, 12.1, 1e-9);
  }
  board_.set(kBattery + "/power_now", "-9000000\n");
  EXPECT_DOUBLE_EQ(*inventory.sensors.at(0)->read()->power_w, 9.0);
}

TEST_F(Battery, WhatTheChargerDoesIsNotTheMachinesPower) {
  const Inventory inventory = find();
  for (const char* status : {"Charging", "Full", "Not charging", "Unknown", ""}) {
    board_.set(kBattery + "/status", status);
    const auto reading = inventory.sensors.at(0)->read();
    ASSERT_FALSE(reading) << status;
    EXPECT_EQ(reading.error().code, ErrorCode::unavailable);
    EXPECT_NE(reading.error().remedy.find("Unplug"), std::string::npos);
    EXPECT_EQ(find().unavailable.at(0).id, "battery:BAT0") << status;
  }
  board_.set(kBattery + "/status", "Discharging\n");
  EXPECT_TRUE(inventory.sensors.at(0)->read());
}

TEST_F(Battery, UnpluggedInTheMiddleAndPutBack) {
  const Inventory inventory = find();
  const auto folder = board_.root().resolve(kBattery);
  std::filesystem::rename(folder, board_.root().resolve("/away"));
  const auto gone = inventory.sensors.at(0)->read();
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().what.find("is gone"), std::string::npos);
  std::filesystem::rename(board_.root().resolve("/away"), folder);
  EXPECT_TRUE(inventory.sensors.at(0)->read());
}

TEST_F(Battery, FaultsAreErrorsAndNeverZero) {
  const Inventory inventory = find();
  for (const char* text : {"", "x", "0", "99000000000"}) {
    board_.set(kBattery + "/power_now", text);
    EXPECT_FALSE(inventory.sensors.at(0)->read()) << text;
  }
  board_.remove(kBattery + "/power_now");
  EXPECT_NE(inventory.sensors.at(0)->read().error().what.find("neither"), std::string::npos);
  std::filesystem::create_symlink("/proc/self/mem", board_.root().resolve(kBattery + "/power_now"));
  EXPECT_EQ(inventory.sensors.at(0)->read().error().code, ErrorCode::io);
}

TEST_F(Battery, ItsHwmonTwinIsNotListedAgain) {
  board_.set("/sys/class/hwmon/hwmon1/power1_input", "12400000\n");
  Inventory inventory;
  discover_hwmon(board_.root(), clock_, inventory);
  EXPECT_TRUE(inventory.sensors.empty());
}

}  // namespace
}  // namespace wattle::sense
