#include "sense/pmic.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "sense/energy_monitor.hpp"
#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

void set_tool(const TestBoard& board, const std::string& script) {
  board.set("/usr/bin/vcgencmd", "#!/bin/sh\n" + script);
  ::chmod(board.root().resolve("/usr/bin/vcgencmd").c_str(), 0755);
}

TEST(Pmic, PairsByNameNotByNumber) {
  const auto rails = parse_pmic(
      "     VDD_CORE_A current(7)=2.00000000A\n"
      "     HDMI_A current(22)=0.50000000A\n"
      "     HDMI_V volt(23)=5.00000000V\n"
      "     VDD_CORE_V volt(15)=0.75000000V\n"
      "     EXT5V_V volt(24)=5.15000000V\n"
      "      BATT_V volt(25)=0.00000000V\n");
  ASSERT_TRUE(rails) << rails.error().message();
  EXPECT_EQ(*rails, (std::vector<PmicRail>{{"HDMI", 5.0, 0.5}, {"VDD_CORE", 0.75, 2.0}}));
  EXPECT_DOUBLE_EQ(pmic_sum_w(*rails), 4.0);
}

TEST(Pmic, GarbageIsAnErrorAndNotAZero) {
  for (const char* text : {"", "error=1 error_msg=\"Command not registered\"",
                           "VDD_CORE_A current(7)=2.0A\n",                           // no voltage
                           "VDD_CORE_A current(7)=xA\nVDD_CORE_V volt(15)=0.75V\n",  //
                           "VDD_CORE_A current(7)=-2.0A\nVDD_CORE_V volt(15)=0.75V\n",   //
                           "VDD_CORE_A current(7)=nanA\nVDD_CORE_V volt(15)=0.75V\n",    //
                           "VDD_CORE_A current(7)=2.0V\nVDD_CORE_V volt(15)=0.75V\n",    //
                           "VDD_CORE_A current(7)=1e300A\nVDD_CORE_V volt(15)=0.75V\n",  //
                           "VDD_CORE_A\nVDD_CORE_V volt(15)=0.75V\n", "EXT5V_V volt(24)=5.1V\n"}) {
    EXPECT_FALSE(parse_pmic(text)) << text;
  }
}

// 0.1·3.7 + 0.2·3.3 + 0.25·1.8 + 0.1·1.1 + 0.2·1.1 + 0.5·0.8 + 2·0.75 + 0.01·5 = 3.76 W.
TEST(Pmic, TheSumIsMeasuredAndTheWallModelled) {
  const TestBoard board("raspberry-pi-5");
  FakeClock clock(1'000'000'000);
  Inventory inventory;
  discover_pmic(board.root(), clock, inventory);
  ASSERT_EQ(inventory.sensors.size(), 2U);
  PowerSensor& sum = *inventory.sensors[0];
  PowerSensor& wall = *inventory.sensors[1];
  EXPECT_EQ(sum.info().kind, Kind::sampled);
  EXPECT_NEAR(*sum.read()->power_w, 3.76, 1e-9);
  EXPECT_EQ(wall.info().kind, Kind::model);
  EXPECT_NEAR(*wall.read()->power_w, 1.1451 * 3.76 + 0.5879, 1e-9);
  EXPECT_LE(sum.info().default_rate_hz, 10.0);
}

TEST(Pmic, OneRunOfTheProgramFeedsBothSensors) {
  const TestBoard board("raspberry-pi-5");
  set_tool(board,
           "echo x >> $WATTLE_ROOT/runs\n"
           "echo 'A_A current(0)=1.0A'; echo 'A_V volt(1)=2.0V'\n");
  FakeClock clock;
  Inventory inventory;
  discover_pmic(board.root(), clock, inventory);
  ASSERT_EQ(inventory.sensors.size(), 2U);
  for (int k = 0; k < 3; ++k) {
    clock.advance_ns(100'000'000);
    for (const auto& sensor : inventory.sensors) EXPECT_TRUE(sensor->read());
  }
  EXPECT_EQ(board.root().read_text("/runs").value(), "x\nx\nx\nx\n") << "once when discovered";
  // Asked again at once, as at the end of a phase: measured again, not repeated.
  EXPECT_TRUE(inventory.sensors[0]->read());
  EXPECT_EQ(board.root().read_text("/runs").value().size(), 10U);
}

TEST(Pmic, WhatTheProgramCostsCountsAsOurs) {
  const TestBoard board("raspberry-pi-5");
  // Counts to a hundred thousand in the shell: milliseconds of its processor time, none of ours.
  set_tool(board,
           "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done\n"
           "echo 'A_A current(0)=1.0A'; echo 'A_V volt(1)=2.0V'\n");
  SystemClock clock;
  Inventory inventory;
  discover_pmic(board.root(), clock, inventory);
  EnergyMonitor monitor(std::move(inventory.sensors), clock, {.own_thread = false});
  const double before_s = monitor.cost().cpu_seconds;
  monitor.sample_now();
  EXPECT_GT(monitor.cost().cpu_seconds - before_s, 0.005);
}

TEST(Pmic, AProgramThatFailsOrVanishesIsAnError) {
  const TestBoard board("raspberry-pi-5");
  FakeClock clock;
  Inventory inventory;
  discover_pmic(board.root(), clock, inventory);
  ASSERT_EQ(inventory.sensors.size(), 2U);
  clock.advance_ns(1'000'000'000);
  set_tool(board, "echo 'VCHI initialization failed' >&2; exit 255");
  const auto failed = inventory.sensors[0]->read();
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().what.find("VCHI"), std::string::npos);
  EXPECT_NE(failed.error().remedy.find("video"), std::string::npos);
  board.remove("/usr/bin/vcgencmd");
  EXPECT_FALSE(inventory.sensors[0]->read());
  Inventory none;
  discover_pmic(board.root(), clock, none);
  ASSERT_EQ(none.unavailable.size(), 1U);
  EXPECT_FALSE(none.unavailable[0].remedy.empty());
}

TEST(Pmic, ARaspberryPi4SaysThatItMeasuresNothing) {
  const TestBoard board("raspberry-pi-4");
  const FakeClock clock;
  Inventory inventory;
  discover_pmic(board.root(), clock, inventory);
  EXPECT_TRUE(inventory.sensors.empty());
  ASSERT_EQ(inventory.unavailable.size(), 1U);
  Inventory pc;
  discover_pmic(TestBoard("intel-laptop").root(), clock, pc);
  EXPECT_TRUE(pc.unavailable.empty());
}

}  // namespace
}  // namespace wattle::sense
