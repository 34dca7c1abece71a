#include <filesystem>

#include "sense/test_gauges.hpp"

namespace wattle::sense {
namespace {

GaugeInventory temperatures(const TestBoard& board, const Clock& clock) {
  return gauges_of(board, clock, discover_temperatures);
}

TEST(Temperature, ZonesAreNamedByTypeWithTheirTripPoints) {
  const TestBoard board("jetson-agx-orin-jp6");
  FakeClock clock(7);
  const GaugeInventory inventory = temperatures(board, clock);
  Gauge* const junction = find(inventory, "temp:tj-thermal");
  ASSERT_NE(junction, nullptr);
  EXPECT_EQ(junction->info().scope, "tj-thermal");
  EXPECT_EQ(junction->info().quantity, Quantity::temperature_c);
  const GaugeReading reading = junction->read().value();
  EXPECT_DOUBLE_EQ(reading.value, 52.968);
  EXPECT_EQ(reading.t_ns, 7);
  const auto& trips = junction->info().trips;
  ASSERT_EQ(trips.size(), 4U);
  EXPECT_EQ(trips[0].type, "active");
  EXPECT_DOUBLE_EQ(trips[0].temperature_c, 51.0);
  EXPECT_EQ(trips[1].type, "hot");
  EXPECT_EQ(trips[3].type, "critical");
  EXPECT_DOUBLE_EQ(trips[3].temperature_c, 104.5);
}

TEST(Temperature, AZoneThatIsSwitchedOffIsUnavailableAndNotMinus256) {
  const TestBoard board("jetson-agx-orin-jp5");
  const FakeClock clock;
  const GaugeInventory inventory = temperatures(board, clock);
  EXPECT_EQ(inventory.gauges.size(), 6U);
  const Unavailable* const off = find_unavailable(inventory, "temp:cv0-thermal");
  ASSERT_NE(off, nullptr);
  EXPECT_NE(off->reason.find("switched off"), std::string::npos);
  EXPECT_NE(find_unavailable(inventory, "temp:cv1-thermal"), nullptr) << "an empty file";
}

TEST(Temperature, AZoneThatIsSwitchedOffMidRunIsAnErrorUntilItReturns) {
  const TestBoard board("jetson-orin-nx");
  const FakeClock clock;
  const GaugeInventory inventory = temperatures(board, clock);
  const std::string file = "/sys/class/thermal/thermal_zone1/temp";
  for (const char* text : {"-256000\n", "", "hot\n", "999999999\n", "-300000\n"}) {
    board.set(file, text);
    EXPECT_FALSE(value_of(inventory, "temp:gpu-thermal")) << text;
  }
  board.remove(file);
  EXPECT_EQ(value_of(inventory, "temp:gpu-thermal").error().code, ErrorCode::not_found);
  std::filesystem::create_symlink("/proc/self/mem", board.root().resolve(file));
  EXPECT_EQ(value_of(inventory, "temp:gpu-thermal").error().code, ErrorCode::io);
  board.remove(file);
  board.set(file, "-5500\n");
  EXPECT_DOUBLE_EQ(value_of(inventory, "temp:gpu-thermal").value(), -5.5) << "a winter's day";
}

TEST(Temperature, ARootOnlyZoneComesWithTheRemedy) {
  const TestBoard board("raspberry-pi-5");
  board.forbid("/sys/class/thermal/thermal_zone0/temp");
  const FakeClock clock;
  const OrdinaryUser user;
  const GaugeInventory inventory = temperatures(board, clock);
  const Unavailable* const zone = find_unavailable(inventory, "temp:cpu-thermal");
  ASSERT_NE(zone, nullptr);
  EXPECT_NE(zone->remedy.find("sudo"), std::string::npos);
}

TEST(Temperature, AHwmonChipIsTakenWhereNoZoneCoversIt) {
  const FakeClock clock;
  const TestBoard server("amd-server");
  const GaugeInventory k10 = temperatures(server, clock);
  EXPECT_DOUBLE_EQ(value_of(k10, "temp:k10temp/Tctl").value(), 46.25);
  EXPECT_DOUBLE_EQ(value_of(k10, "temp:k10temp/Tccd1").value(), 44.0);

  const TestBoard laptop("intel-laptop");
  const GaugeInventory zones = temperatures(laptop, clock);
  EXPECT_DOUBLE_EQ(value_of(zones, "temp:x86_pkg_temp").value(), 58.0);
  EXPECT_EQ(zones.gauges.size(), 2U) << "neither coretemp nor acpitz a second time";
  ASSERT_EQ(find(zones, "temp:x86_pkg_temp")->info().trips.size(), 1U) << "0 °C is not set";

  laptop.remove("/sys/class/thermal/thermal_zone1");
  const GaugeInventory chip = temperatures(laptop, clock);
  EXPECT_DOUBLE_EQ(value_of(chip, "temp:coretemp/Package id 0").value(), 58.0);
  EXPECT_EQ(find(chip, "temp:coretemp/Core 0"), nullptr);
}

TEST(Temperature, TwoZonesOfOneTypeAreToldApart) {
  const TestBoard board("raspberry-pi-4");
  board.set("/sys/class/thermal/thermal_zone1/type", "cpu-thermal\n");
  board.set("/sys/class/thermal/thermal_zone1/temp", "50000\n");
  const FakeClock clock;
  const GaugeInventory inventory = temperatures(board, clock);
  EXPECT_DOUBLE_EQ(value_of(inventory, "temp:cpu-thermal").value(), 48.199);
  EXPECT_DOUBLE_EQ(value_of(inventory, "temp:cpu-thermal/2").value(), 50.0);
}

TEST(Temperature, AMachineWithoutAnyListsNothing) {
  const TestBoard board("virtual-machine");
  const FakeClock clock;
  const GaugeInventory inventory = temperatures(board, clock);
  EXPECT_TRUE(inventory.gauges.empty());
  EXPECT_TRUE(inventory.unavailable.empty());
}

}  // namespace
}  // namespace wattle::sense
