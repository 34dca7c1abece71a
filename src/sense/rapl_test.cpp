#include "sense/rapl.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::vector<std::string> ids(const Inventory& inventory) {
  std::vector<std::string> all;
  for (const auto& info : infos(inventory)) all.push_back(info.id);
  return all;
}

const Unavailable* find(const Inventory& inventory, const std::string& id) {
  for (const auto& u : inventory.unavailable) {
    if (u.id.starts_with(id)) return &u;
  }
  return nullptr;
}

Inventory rapl_of(const TestBoard& board, const Clock& clock) {
  Inventory inventory;
  discover_rapl(board.root(), clock, inventory);
  return inventory;
}

TEST(Rapl, NamesZonesByTheirPackageAndLeavesOutTheMmioRepetition) {
  const TestBoard board("intel-laptop");
  const FakeClock clock;
  const Inventory inventory = rapl_of(board, clock);
  EXPECT_EQ(ids(inventory), (std::vector<std::string>{"rapl:package-0", "rapl:package-0/core",
                                                      "rapl:package-0/uncore", "rapl:psys"}));
  const Unavailable* repeated = find(inventory, "rapl:package-0 (intel-rapl-mmio:0)");
  ASSERT_NE(repeated, nullptr);
  EXPECT_NE(repeated->reason.find("repeats"), std::string::npos);
}

TEST(Rapl, KeepsAnMmioZoneThatNoOtherRepeats) {
  const TestBoard board("intel-laptop");
  board.remove("/sys/class/powercap/intel-rapl:0");
  board.remove("/sys/class/powercap/intel-rapl:0:0");
  board.remove("/sys/class/powercap/intel-rapl:0:1");
  const FakeClock clock;
  EXPECT_EQ(ids(rapl_of(board, clock)), (std::vector<std::string>{"rapl:psys", "rapl:package-0"}));
}

TEST(Rapl, ReadsJoulesAcrossTheWrap) {
  // The package counter stands 0.610987 J below its range; 1 J into the next round.
  const TestBoard board("amd-server");
  FakeClock clock;
  const Inventory inventory = rapl_of(board, clock);
  PowerSensor& package = *inventory.sensors.at(0);
  ASSERT_EQ(package.info().id, "rapl:package-0");
  clock.advance_ns(kSecond);
  board.set("/sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n");
  const Reading reading = package.read().value();
  EXPECT_NEAR(*reading.energy_j, 1.610987, 1e-9);
  EXPECT_EQ(reading.t_ns, kSecond);
  EXPECT_FALSE(reading.lost);
}

TEST(Rapl, UnreadableIsUnavailableWithTheRemedyNeverZero) {
  const TestBoard board("dual-package-server");
  board.forbid("/sys/class/powercap/intel-rapl:0/energy_uj");
  const FakeClock clock;
  const OrdinaryUser user;
  const Inventory inventory = rapl_of(board, clock);
  const Unavailable* package = find(inventory, "rapl:package-0");
  ASSERT_NE(package, nullptr);
  EXPECT_NE(package->reason.find("root-only (since CVE-2020-8694)"), std::string::npos);
  EXPECT_NE(package->reason.find("intel-rapl:0/energy_uj"), std::string::npos);
  EXPECT_NE(package->remedy.find("deploy/udev/99-wattle.rules"), std::string::npos);
  EXPECT_EQ(inventory.sensors.size(), 3U);
}

TEST(Rapl, GarbageNegativeEmptyAndMissingFilesAreNamed) {
  for (const char* text :
       {"", "garbage\n", "-5\n", "12 34\n", "99999999999999999999999\n", "1e9"}) {
    const TestBoard board("dual-package-server");
    board.set("/sys/class/powercap/intel-rapl:1/energy_uj", text);
    const FakeClock clock;
    const Inventory inventory = rapl_of(board, clock);
    ASSERT_NE(find(inventory, "rapl:package-1"), nullptr) << text;
    EXPECT_EQ(inventory.sensors.size(), 3U) << text;
  }
  const TestBoard board("dual-package-server");
  board.remove("/sys/class/powercap/intel-rapl:1/energy_uj");
  board.remove("/sys/class/powercap/intel-rapl:0:0/name");
  const FakeClock clock;
  const Inventory inventory = rapl_of(board, clock);
  EXPECT_NE(find(inventory, "rapl:package-1"), nullptr);
  EXPECT_NE(find(inventory, "rapl:intel-rapl:0:0"), nullptr);
  EXPECT_EQ(inventory.sensors.size(), 2U);
}

TEST(Rapl, AFileThatVanishesMidRunIsAnErrorAndItsReturnStartsAfresh) {
  const TestBoard board("dual-package-server");
  FakeClock clock;
  const Inventory inventory = rapl_of(board, clock);
  PowerSensor& package = *inventory.sensors.at(0);
  const std::string file = "/sys/class/powercap/intel-rapl:0/energy_uj";
  board.remove(file);
  clock.advance_ns(kSecond);
  const auto gone = package.read();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::not_found);
  board.set(file, "900000000\n");
  clock.advance_ns(kSecond);
  EXPECT_DOUBLE_EQ(*package.read()->energy_j, 0.0);
}

TEST(Rapl, SaysWhyThereIsNothingToRead) {
  const FakeClock clock;
  const TestBoard guest("virtual-machine");
  const Inventory none = rapl_of(guest, clock);
  ASSERT_EQ(none.unavailable.size(), 1U);
  EXPECT_NE(none.unavailable[0].reason.find("no /sys/class/powercap: inside a virtual machine"),
            std::string::npos);
  EXPECT_FALSE(none.unavailable[0].remedy.empty());

  const TestBoard arm("arm-board-ina");
  EXPECT_NE(rapl_of(arm, clock).unavailable.at(0).reason.find("ARM"), std::string::npos);

  const TestBoard laptop("intel-laptop");
  laptop.remove("/sys/class/powercap");
  EXPECT_NE(rapl_of(laptop, clock).unavailable.at(0).remedy.find("modprobe intel_rapl_msr"),
            std::string::npos);
}

}  // namespace
}  // namespace wattle::sense
