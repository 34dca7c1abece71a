#include "sense/ram_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

PowerSensor* ram_of(const Inventory& inventory) {
  const auto found = std::find_if(inventory.sensors.begin(), inventory.sensors.end(),
                                  [](const auto& s) { return s->info().id == "ram-model"; });
  return found == inventory.sensors.end() ? nullptr : found->get();
}

TEST(RamModel, FollowsTheFormulaWithItsLeast) {
  EXPECT_DOUBLE_EQ(ram_model(true, 0).power_w, 3.0);
  EXPECT_DOUBLE_EQ(ram_model(true, 4).power_w, 6.0);
  EXPECT_DOUBLE_EQ(ram_model(false, 1).power_w, 10.0);
  EXPECT_DOUBLE_EQ(ram_model(false, 8).power_w, 40.0);
}

TEST(RamModel, IsListedOnlyWhereNoRailCoversTheMemory) {
  const FakeClock clock;
  for (const char* board : {"dual-package-server", "acpi-server", "jetson-agx-orin-jp6",
                            "raspberry-pi-5", "intel-laptop"}) {
    EXPECT_EQ(ram_of(discover(TestBoard(board).root(), clock)), nullptr) << board;
  }
  for (const char* board : {"amd-server", "raspberry-pi-4", "virtual-machine"}) {
    const Inventory inventory = discover(TestBoard(board).root(), clock);
    ASSERT_NE(ram_of(inventory), nullptr) << board;
    EXPECT_EQ(ram_of(inventory)->info().kind, Kind::model);
    const TotalSet total = choose_total(infos(inventory), inventory.unavailable);
    EXPECT_EQ(total.id.find("ram-model"), std::string::npos) << "never part of a total";
  }
}

TEST(RamModel, CountsModulesWhereTheControllersDriverDoes) {
  const TestBoard board("amd-server");
  for (const char* dimm : {"mc0/dimm0", "mc0/dimm4", "mc1/dimm0"}) {
    board.set("/sys/devices/system/edac/mc/" + std::string(dimm) + "/size", "32768\n");
  }
  board.set("/sys/devices/system/edac/mc/mc0/dimm1/size", "0\n");
  FakeClock clock;
  const Inventory inventory = discover(board.root(), clock);
  PowerSensor* const ram = ram_of(inventory);
  ASSERT_NE(ram, nullptr);
  EXPECT_NE(ram->info().scope.find("15 W for 3 modules"), std::string::npos) << ram->info().scope;
  const double before_j = *ram->read()->energy_j;
  clock.advance_ns(2'000'000'000);
  EXPECT_DOUBLE_EQ(*ram->read()->energy_j - before_j, 30.0);
}

}  // namespace
}  // namespace wattle::sense
