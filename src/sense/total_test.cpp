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

SensorInfo sensor(const std::string& id, const std::string& group, Rail rail,
                  Kind kind = Kind::counter) {
  SensorInfo info;
  info.id = id;
  info.scope = id;
  info.group = group;
  info.rail = rail;
  info.kind = kind;
  return info;
}

TEST(Total, OfEveryBoard) {
  const std::pair<const char*, const char*> boards[] = {
      {"jetson-agx-orin-jp5", "ina3221:VDD_GPU_SOC+ina3221:VDD_CPU_CV+ina3221:VIN_SYS_5V0"},
      {"jetson-agx-orin-jp6", "ina3221:VDD_GPU_SOC+ina3221:VDD_CPU_CV+ina3221:VIN_SYS_5V0"},
      {"jetson-orin-nx", "ina3221:VDD_IN"},
      {"jetson-orin-nano", "ina3221:VDD_IN"},
      {"jetson-agx-xavier",
       "ina3221:GPU+ina3221:CPU+ina3221:SOC+ina3221:CV+ina3221:VDDRQ+ina3221:SYS5V"},
      {"jetson-xavier-nx", "ina3221:VDD_IN"},
      {"jetson-nano", "ina3221:POM_5V_IN"},
      {"jetson-tx2", "ina3221:VDD_IN+ina3221:VDD_MUX"},
      {"jetson-thor", "ina238:VIN"},
      {"raspberry-pi-4", "utilisation-model"},
      {"raspberry-pi-5", "pmic:sum"},
  };
  for (const auto& [name, id] : boards) EXPECT_EQ(total_of(TestBoard(name)).id, id) << name;
}

TEST(Total, AnExternalMeterComesFirst) {
  const TestBoard board("intel-laptop");
  board.set("/meter.csv", "time,power_w\n0,30\n1,31\n");
  const FakeClock clock;
  const Inventory inventory =
      discover(board.root(), clock, {.meter_csv = board.root().resolve("/meter.csv")});
  EXPECT_EQ(choose_total(infos(inventory)).id, "meter:meter");
}

TEST(Total, GpusThatNvmlCountsAreAddedToThePackages) {
  const std::vector<SensorInfo> sensors{
      sensor("rapl:package-0", "rapl", Rail::package),          sensor("nvml:0", "nvml", Rail::gpu),
      sensor("nvml:0/power", "nvml", Rail::gpu, Kind::sampled), sensor("nvml:1", "nvml", Rail::gpu),
      sensor("perf:energy-pkg", "perf", Rail::package),
  };
  EXPECT_EQ(choose_total(sensors).id, "rapl:package-0+nvml:0+nvml:1");
  const std::vector<Unavailable> missing{{"nvml:2", "", "", ""}, {"nvml", "", "", ""}};
  EXPECT_NE(choose_total(sensors, missing).note.find("nvml:2"), std::string::npos);
}

TEST(Total, AGpuWithoutACounterIsNamedBesideTheProcessors) {
  const std::vector<SensorInfo> sensors{
      sensor("rapl:package-0", "rapl", Rail::package),
      sensor("nvml:0", "nvml", Rail::gpu, Kind::sampled),
  };
  EXPECT_EQ(choose_total(sensors).id, "rapl:package-0");
  EXPECT_NE(choose_total(sensors).note.find("nvml:0"), std::string::npos);
}

TEST(Total, PerfOnlyWherePowercapHasNoPackage) {
  const std::vector<SensorInfo> sensors{
      sensor("rapl:psys", "rapl", Rail::psys),
      sensor("perf:energy-pkg", "perf", Rail::package),
      sensor("perf:energy-ram", "perf", Rail::dram),
      sensor("perf:energy-cores", "perf", Rail::core),
      sensor("nvml:0", "nvml", Rail::gpu),
  };
  EXPECT_EQ(choose_total(sensors).id, "perf:energy-pkg+perf:energy-ram+nvml:0");
}

TEST(Total, AGpuAloneIsNotTheMachine) {
  const std::vector<SensorInfo> sensors{
      sensor("nvml:0", "nvml", Rail::gpu),
      sensor("utilisation-model", "", Rail::modelled, Kind::model),
  };
  const TotalSet total = choose_total(sensors);
  EXPECT_EQ(total.id, "utilisation-model");
  EXPECT_NE(total.note.find("nvml:0"), std::string::npos);
  EXPECT_TRUE(choose_total(std::span(sensors).first(1)).members.empty());
}

TEST(Total, AnIncompleteBoardGivesWayToACompleteOneAndElseSaysWhatIsMissing) {
  std::vector<SensorInfo> sensors{
      sensor("ina3221:VDD_GPU_SOC", "ina", Rail::gpu, Kind::sampled),
      sensor("tegrastats:VDD_IN", "tegrastats", Rail::system, Kind::sampled)};
  for (SensorInfo& s : sensors) s.board_total = true;
  EXPECT_EQ(choose_total(sensors).id, "ina3221:VDD_GPU_SOC");
  std::vector<Unavailable> missing{{"ina3221:VDD_CPU_CV", "", "", "", true}};
  EXPECT_EQ(choose_total(sensors, missing).id, "tegrastats:VDD_IN");
  missing.push_back({"tegrastats:VDD_MUX", "", "", "", true});
  const TotalSet total = choose_total(sensors, missing);
  EXPECT_EQ(total.id, "ina3221:VDD_GPU_SOC");
  EXPECT_EQ(total.note, "not in the total, because it cannot be read: ina3221:VDD_CPU_CV");
}

TEST(Total, ABatteryWhileItDischargesAndNothingElseMeasures) {
  const TestBoard board("intel-laptop");
  board.remove("/sys/class/powercap");
  EXPECT_EQ(total_of(board).id, "battery:BAT0");
  EXPECT_NE(total_of(board).note.find("discharges"), std::string::npos);
  board.set("/sys/class/power_supply/BAT0/status", "Charging\n");
  EXPECT_EQ(total_of(board).kind, Kind::model);
}

constexpr const char* kBoards[] = {"intel-laptop",        "dual-package-server", "amd-server",
                                   "acpi-server",         "arm-board-ina",       "virtual-machine",
                                   "jetson-agx-orin-jp5", "jetson-agx-orin-jp6", "jetson-orin-nx",
                                   "jetson-orin-nano",    "jetson-agx-xavier",   "jetson-xavier-nx",
                                   "jetson-nano",         "jetson-tx2",          "jetson-thor",
                                   "raspberry-pi-4",      "raspberry-pi-5"};

// Properties over every board: what is summed does not overlap, choosing it by hand gives the same,
// and no further sensor of the board can be added to it.
TEST(Total, NothingOverlapsInATotalAndNothingCanBeAddedToIt) {
  for (const char* name : kBoards) {
    const TestBoard board(name);
    const FakeClock clock;
    const auto all = infos(discover(board.root(), clock));
    const TotalSet total = choose_total(all);
    std::vector<std::string> ids;
    for (const std::size_t i : total.members) ids.push_back(all[i].id);
    const auto same = select_total(all, {}, ids);
    ASSERT_TRUE(same) << name << ": " << same.error().message();
    EXPECT_EQ(same->id, total.id) << name;
    EXPECT_EQ(same->kind, total.kind) << name;
    ids.emplace_back();
    for (const SensorInfo& other : all) {
      ids.back() = other.id;
      const auto more = select_total(all, {}, ids);
      ASSERT_FALSE(more) << name << ": " << other.id;
      EXPECT_EQ(more.error().code, ErrorCode::invalid_argument);
    }
  }
}

TEST(SelectTotal, AnUnknownOrUnreadableIdSaysWhatThereIs) {
  const std::vector<SensorInfo> sensors{sensor("rapl:package-0", "rapl", Rail::package)};
  const std::vector<Unavailable> missing{{"rapl:psys", "/x", "root-only", "Run with sudo."}};
  const auto unknown = select_total(sensors, missing, std::vector<std::string>{"rapl:package-9"});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().remedy.find("rapl:package-0"), std::string::npos);
  const auto unreadable = select_total(sensors, missing, std::vector<std::string>{"rapl:psys"});
  EXPECT_EQ(unreadable.error().remedy, "Run with sudo.");
  EXPECT_FALSE(select_total(sensors, missing, {}));
}

}  // namespace
}  // namespace wattle::sense
