#include "sense/hwmon.hpp"

#include <gtest/gtest.h>

#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

Inventory hwmon_of(const TestBoard& board, const Clock& clock) {
  Inventory inventory;
  discover_hwmon(board.root(), clock, inventory);
  return inventory;
}

TEST(Hwmon, KnowsChannelsByChipAndLabelOnly) {
  EXPECT_EQ(classify_hwmon("amd_energy", "Esocket1").rail, Rail::package);
  EXPECT_EQ(classify_hwmon("amd_energy", "Esocket1").socket, 1);
  EXPECT_EQ(classify_hwmon("amd_energy", "Ecore013").rail, Rail::core);
  EXPECT_EQ(classify_hwmon("power_meter", "").rail, Rail::system);
  EXPECT_EQ(classify_hwmon("amdgpu", "PPT").rail, Rail::gpu);
  EXPECT_EQ(classify_hwmon("ina226", "VDD_IN").rail, Rail::system);
  // One rail among several, though its name begins like a supply's.
  EXPECT_EQ(classify_hwmon("ina3221", "VIN_SYS_5V0").rail, Rail::other);
  EXPECT_EQ(classify_hwmon("ina226", "").rail, Rail::other);
}

TEST(Hwmon, ReadsMicrowattsAndTheChipsOwnPeriod) {
  const TestBoard board("acpi-server");
  FakeClock clock(5);
  const Inventory inventory = hwmon_of(board, clock);
  ASSERT_EQ(inventory.sensors.size(), 1U);
  const SensorInfo& info = inventory.sensors[0]->info();
  EXPECT_EQ(info.id, "hwmon:power_meter/power1");
  EXPECT_EQ(info.kind, Kind::sampled);
  EXPECT_DOUBLE_EQ(info.update_period_s, 1.0);
  EXPECT_DOUBLE_EQ(info.default_rate_hz, 1.0) << "never faster than the sensor updates";
  const Reading reading = inventory.sensors[0]->read().value();
  EXPECT_DOUBLE_EQ(*reading.power_w, 183.0);
  EXPECT_FALSE(reading.energy_j);
}

TEST(Hwmon, IdsSurviveRenumbering) {
  const TestBoard board("arm-board-ina");
  const FakeClock clock;
  const auto ids_of = [&] {
    std::vector<std::string> ids;
    const Inventory inventory = hwmon_of(board, clock);
    for (const auto& info : infos(inventory)) ids.push_back(info.id);
    std::sort(ids.begin(), ids.end());
    return ids;
  };
  const auto before = ids_of();
  EXPECT_EQ(before,
            (std::vector<std::string>{"hwmon:ina226@1-0040/VDD_IN", "hwmon:ina226@1-0041/power1"}));
  const auto folder = board.root().resolve("/sys/class/hwmon");
  std::filesystem::rename(folder / "hwmon5", folder / "hwmon9");
  EXPECT_EQ(ids_of(), before);
}

TEST(Hwmon, EnergyChannelsAreCountersInJoules) {
  const TestBoard board("amd-server");
  FakeClock clock;
  const Inventory inventory = hwmon_of(board, clock);
  ASSERT_EQ(inventory.sensors.size(), 3U);
  PowerSensor& socket = *inventory.sensors[2];
  EXPECT_EQ(socket.info().id, "hwmon:amd_energy/Esocket0");
  EXPECT_EQ(socket.info().scope, "package-0");
  clock.advance_ns(1'000'000'000);
  board.set("/sys/class/hwmon/hwmon2/energy3_input", "34000000\n");
  EXPECT_DOUBLE_EQ(*socket.read()->energy_j, 25.0);
}

TEST(Hwmon, NegativeAndImpossiblePowerIsAnError) {
  const TestBoard board("acpi-server");
  const FakeClock clock;
  const Inventory inventory = hwmon_of(board, clock);
  for (const char* text : {"-1000000", "99000000000000", "x", ""}) {
    board.set("/sys/class/hwmon/hwmon7/power1_average", text);
    EXPECT_FALSE(inventory.sensors.at(0)->read()) << text;
    EXPECT_EQ(hwmon_of(board, clock).unavailable.size(), 1U) << text;
  }
}

TEST(Hwmon, ABatteryIsNotTheSystem) {
  const TestBoard board("acpi-server");
  board.set("/sys/class/hwmon/hwmon7/power1_is_battery", "1\n");
  const FakeClock clock;
  EXPECT_TRUE(hwmon_of(board, clock).sensors.empty());
}

TEST(Hwmon, SaysWhyThereIsNothingToRead) {
  const FakeClock clock;
  const TestBoard laptop("intel-laptop");
  const Inventory chips = hwmon_of(laptop, clock);
  ASSERT_EQ(chips.unavailable.size(), 1U);
  EXPECT_EQ(chips.unavailable[0].reason, "none of the 4 hwmon chips measures power or energy");
  const TestBoard guest("virtual-machine");
  EXPECT_NE(hwmon_of(guest, clock).unavailable.at(0).reason.find("virtual machine"),
            std::string::npos);
}

}  // namespace
}  // namespace wattle::sense
