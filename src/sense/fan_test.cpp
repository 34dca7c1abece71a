#include "sense/test_gauges.hpp"

namespace wattle::sense {
namespace {

GaugeInventory fans(const TestBoard& board, const Clock& clock) {
  return gauges_of(board, clock, discover_fans);
}

TEST(Fan, AJetsonsDutyAndTachometer) {
  const TestBoard board("jetson-agx-orin-jp6");
  const FakeClock clock;
  const GaugeInventory inventory = fans(board, clock);
  // 77 of 255.
  EXPECT_NEAR(value_of(inventory, "fan:pwmfan/pwm1").value(), 0.30196, 1e-5);
  EXPECT_EQ(find(inventory, "fan:pwmfan/pwm1")->info().quantity, Quantity::fan_duty);
  EXPECT_DOUBLE_EQ(value_of(inventory, "fan:pwm_tach/rpm").value(), 1650.0);
  EXPECT_EQ(inventory.gauges.size(), 2U) << "pwm1_enable is no duty";
}

TEST(Fan, TheOldJetPacksFolderIsRead) {
  const TestBoard board("jetson-tx2");
  const FakeClock clock;
  const GaugeInventory inventory = fans(board, clock);
  EXPECT_DOUBLE_EQ(value_of(inventory, "fan:pwm-fan/target_pwm").value(), 60.0 / 255.0);
  EXPECT_DOUBLE_EQ(value_of(inventory, "fan:generic_pwm_tachometer/rpm").value(), 2400.0);
}

TEST(Fan, HwmonFansInRpmAndAStandingFanIsZero) {
  const FakeClock clock;
  const TestBoard pi("raspberry-pi-5");
  EXPECT_DOUBLE_EQ(value_of(fans(pi, clock), "fan:pwmfan/fan1").value(), 2811.0);
  const TestBoard laptop("intel-laptop");
  EXPECT_DOUBLE_EQ(value_of(fans(laptop, clock), "fan:thinkpad/fan1").value(), 2650.0);
  const TestBoard nano("jetson-orin-nano");
  EXPECT_DOUBLE_EQ(value_of(fans(nano, clock), "fan:pwm_tach/rpm").value(), 0.0);
}

TEST(Fan, WhatIsNoSpeedIsAnError) {
  const TestBoard board("raspberry-pi-5");
  const FakeClock clock;
  const GaugeInventory inventory = fans(board, clock);
  const std::string folder = "/sys/devices/platform/cooling_fan/hwmon/hwmon8/";
  for (const char* text : {"-1\n", "256\n", "fast\n", ""}) {
    board.set(folder + "pwm1", text);
    EXPECT_FALSE(value_of(inventory, "fan:pwmfan/pwm1")) << text;
  }
  board.remove(folder + "fan1_input");
  EXPECT_EQ(value_of(inventory, "fan:pwmfan/fan1").error().code, ErrorCode::not_found);
}

TEST(Charge, IsOfTheMachinesBatteryNotOfAMouse) {
  const TestBoard board("virtual-machine");
  const std::string folder = "/sys/class/power_supply/";
  board.set(folder + "BAT0/type", "Battery\n");
  board.set(folder + "BAT0/capacity", "83\n");
  board.set(folder + "hidpp_battery_0/type", "Battery\n");
  board.set(folder + "hidpp_battery_0/scope", "Device\n");
  board.set(folder + "hidpp_battery_0/capacity", "50\n");
  board.set(folder + "AC/type", "Mains\n");
  const FakeClock clock;
  const GaugeInventory inventory = gauges_of(board, clock, discover_charge);
  ASSERT_EQ(inventory.gauges.size(), 1U);
  EXPECT_DOUBLE_EQ(value_of(inventory, "charge:BAT0").value(), 0.83);
  board.set(folder + "BAT0/capacity", "101\n");
  EXPECT_FALSE(value_of(inventory, "charge:BAT0"));
  board.remove(folder + "BAT0");
  EXPECT_EQ(value_of(inventory, "charge:BAT0").error().code, ErrorCode::not_found) << "unplugged";
}

}  // namespace
}  // namespace wattle::sense
