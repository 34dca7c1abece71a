#include "sense/total.hpp"

#include <gtest/gtest.h>

#include "sense/discover.hpp"
#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

TotalSet total_of(const TestBoard& board) {
  const FakeClock clock;
  const Inventory inventory = discover(board.root(), clock);
  const auto all = infos(inventory);
  return choose_total(all, inventory.unavailable);
}

TEST(Total, PackagesWithoutTheirPartsAndWithoutPsys) {
  const TotalSet total = total_of(TestBoard("intel-laptop"));
  EXPECT_EQ(total.id, "rapl:package-0");
  EXPECT_EQ(total.kind, Kind::counter);
}

TEST(Total, SeveralPackagesAreSummedWithTheirDram) {
  const TotalSet total = total_of(TestBoard("dual-package-server"));
  EXPECT_EQ(total.id, "rapl:package-0+rapl:package-1+rapl:package-0/dram+rapl:package-1/dram");
  EXPECT_EQ(total.scope, "package-0 + package-1 + dram of package-0 + dram of package-1");
}

TEST(Total, TwoCountersOfOneSocketAreNotAdded) {
  EXPECT_EQ(total_of(TestBoard("amd-server")).id, "rapl:package-0");
}

TEST(Total, WithoutRaplTheSocketCounterOfHwmonIsTaken) {
  const TestBoard board("amd-server");
  board.remove("/sys/class/powercap");
  EXPECT_EQ(total_of(board).id, "hwmon:amd_energy/Esocket0");
}

TEST(Total, PsysAloneWhereThereIsNoPackage) {
  const TestBoard board("intel-laptop");
  for (const char* zone :
       {"intel-rapl:0", "intel-rapl:0:0", "intel-rapl:0:1", "intel-rapl-mmio:0"}) {
    board.remove(std::string("/sys/class/powercap/") + zone);
  }
  EXPECT_EQ(total_of(board).id, "rapl:psys");
}

TEST(Total, AMissingPackageIsNamed) {
  const TestBoard board("dual-package-server");
  board.set("/sys/class/powercap/intel-rapl:1/energy_uj", "garbage");
  const TotalSet total = total_of(board);
  EXPECT_EQ(total.id.find("package-1+"), std::string::npos);
  EXPECT_NE(total.note.find("rapl:package-1"), std::string::npos);
}

TEST(Total, SystemPowerBeforeTheModel) {
  const TotalSet total = total_of(TestBoard("acpi-server"));
  EXPECT_EQ(total.id, "hwmon:power_meter/power1");
  EXPECT_EQ(total.kind, Kind::sampled);
}

TEST(Total, OnlyTheLabelledSupplyCounts) {
  EXPECT_EQ(total_of(TestBoard("arm-board-ina")).id, "hwmon:ina226@1-0040/VDD_IN");
}

TEST(Total, TheModelIsTheLastResort) {
  const TotalSet total = total_of(TestBoard("virtual-machine"));
  EXPECT_EQ(total.id, "utilisation-model");
  EXPECT_EQ(total.kind, Kind::model);
}

TEST(Total, NothingAtAllIsAnEmptySet) {
  const TestBoard board("virtual-machine");
  board.remove("/proc/stat");
  EXPECT_TRUE(total_of(board).members.empty());
}

// Property over every board: no member of a total contains another, no socket is counted twice.
TEST(Total, NeverCountsARailTwice) {
  for (const char* name : {"intel-laptop", "dual-package-server", "amd-server", "acpi-server",
                           "arm-board-ina", "virtual-machine"}) {
    const TestBoard board(name);
    const FakeClock clock;
    const auto all = infos(discover(board.root(), clock));
    const TotalSet total = choose_total(all);
    for (const std::size_t i : total.members) {
      EXPECT_NE(all[i].rail, Rail::core);
      EXPECT_NE(all[i].rail, Rail::uncore);
      for (const std::size_t j : total.members) {
        if (i == j) continue;
        EXPECT_FALSE(all[i].rail == all[j].rail && all[i].socket == all[j].socket) << name;
        EXPECT_NE(all[i].rail, Rail::psys);
        EXPECT_NE(all[i].rail, Rail::system);
      }
    }
  }
}

}  // namespace
}  // namespace wattle::sense
