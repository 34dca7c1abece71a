#include "sense/meter_csv.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.hpp"
#include "sense/energy_monitor.hpp"
#include "sense/meter_format.hpp"

namespace wattle::sense {
namespace {

struct Case {
  const char* header;
  const char* row;
  double time_s;
  double value;
};

TEST(MeterFormat, KnowsTimesColumnsAndUnits) {
  const Case cases[] = {
      {"time,power_w", "12.5,30.25", 12.5, 30.25},
      {"Timestamp;Power (mW)", "1700000000,5;30250", 1700000000.5, 30.25},
      {"epoch_ms\tW", "1700000000500\t30.25", 1700000000.5, 30.25},
      {"time,watts", "1700000000500,30.25", 1700000000.5, 30.25},
      {"time,note,w", "1700000000500000000,\"a,b\",3", 1700000000.5, 3.0},
      {"date,W", "2023-11-14T22:13:20.5Z,1", 1700000000.5, 1.0},
      {"date,W", "2023-11-15 00:13:20.5+02:00,1", 1700000000.5, 1.0},
      {"date,W", "2023-11-14T22:13:20,1", 1700000000.0, 1.0},
      {"elapsed_s,voltage_v,current_ma", "3,5,1500", 3.0, 7.5},
      {"\xEF\xBB\xBFt,V,A", "3,5,1.5", 3.0, 7.5},
      {"time,energy_j", "3,100.5", 3.0, 100.5},
      {"time,kWh", "3,0.001", 3.0, 3600.0},
      {"time,Wh,energy_j", "3,7,8", 3.0, 8.0},  // joules miss nothing
      {"time,Wh,power_w", "3,7,8", 3.0, 8.0},   // a plug's watt hours are coarse
  };
  for (const Case& c : cases) {
    const auto format = parse_meter_header(c.header);
    ASSERT_TRUE(format) << c.header << ": " << format.error().message();
    const auto row = parse_meter_row(*format, c.row);
    ASSERT_TRUE(row) << c.row << ": " << row.error().message();
    EXPECT_NEAR(row->time_s, c.time_s, 1e-6) << c.row;
    EXPECT_NEAR(row->value, c.value, 1e-9) << c.row;
  }
}

TEST(MeterFormat, WhatIsMissingOrWrongIsSaid) {
  for (const char* header : {"", "power_w", "time", "time,voltage", "time,current_a", "1,2,3"}) {
    EXPECT_FALSE(parse_meter_header(header)) << header;
  }
  const auto format = parse_meter_header("time,power_w").value();
  for (const char* row : {"", "1", "1,", "x,1", "1,x", "1,-5", "1,nan", "1,inf", "1,1e9", "1,5 W",
                          "1e300,5", "2023-13-01T00:00:00,5", "2023-01-01T25:00:00,5", "garbage"}) {
    EXPECT_FALSE(parse_meter_row(format, row)) << row;
  }
  EXPECT_DOUBLE_EQ(parse_meter_row(format, "1,5.25")->step, 0.01);
}

TEST(MeterClock, TheShortestDelayIsTheOffset) {
  MeterClock clock;
  const auto map_s = [&](double time_s, double arrival_s) {
    clock.add(time_s, static_cast<std::int64_t>(arrival_s * 1e9));
    return static_cast<double>(clock.last_row_ns()) * 1e-9;
  };
  EXPECT_NEAR(map_s(100.0, 10.0), 10.0, 1e-6);
  // Half a second late, then on time, then early: it cannot arrive before it was measured.
  EXPECT_NEAR(map_s(101.0, 11.5), 11.0, 1e-6);
  EXPECT_NEAR(map_s(102.0, 12.0), 12.0, 1e-6);
  EXPECT_NEAR(map_s(103.0, 12.5), 12.5, 1e-6);
  EXPECT_FALSE(clock.add(50.0, 14'000'000'000)) << "set back";
  EXPECT_NEAR(static_cast<double>(clock.last_row_ns()), 14e9, 1e3);
  // Drift is followed: after 128 rows that are all 1 s later, the old offset is forgotten.
  double last_s = 0.0;
  for (int i = 1; i <= 130; ++i) last_s = map_s(50.0 + i, 15.0 + i);
  EXPECT_NEAR(last_s, 145.0, 1e-6);
}

class MeterCsv : public testing::Test {
 protected:
  static constexpr std::int64_t kSecond = 1'000'000'000;
  void append(const std::string& text) const {
    std::ofstream(path_, std::ios::binary | std::ios::app) << text;
  }
  Inventory find() {
    Inventory inventory;
    discover_meter_csv(clock_, {.meter_csv = path_}, inventory);
    return inventory;
  }
  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "plug.csv";
  FakeClock clock_{1'000 * kSecond, 0};  // no file is older than its present
};

TEST_F(MeterCsv, IsTheWholeSystemAtItsOwnPace) {
  append("time,power_w\n0.0,10.0\n0.5,10.0\n1.0,12.0\n");
  const Inventory inventory = find();
  ASSERT_EQ(inventory.sensors.size(), 1U);
  const SensorInfo& info = inventory.sensors[0]->info();
  EXPECT_EQ(info.id, "meter:plug");
  EXPECT_EQ(info.rail, Rail::system);
  EXPECT_EQ(info.kind, Kind::sampled);
  EXPECT_DOUBLE_EQ(info.update_period_s, 0.5);
  EXPECT_DOUBLE_EQ(info.resolution_w, 0.1);
  EXPECT_DOUBLE_EQ(*inventory.sensors[0]->read()->power_w, 12.0);
}

// 12 → 20 W over 0.5 s, 20 → 20 over 0.5 s, 20 → 10 over 0.5 s: 8 + 10 + 7.5 J, in one batch.
TEST_F(MeterCsv, ABatchOfRowsLosesNothing) {
  append("time,power_w\n0.5,10\n1.0,12\n");
  const Inventory inventory = find();
  EXPECT_DOUBLE_EQ(*inventory.sensors.at(0)->read()->energy_j, 0.0);
  clock_.advance_ns(kSecond * 3 / 2);
  append("1.5,20\n2.0,20\n2.5,10\n3.0,1");
  const Reading reading = inventory.sensors.at(0)->read().value();
  EXPECT_DOUBLE_EQ(*reading.energy_j, 25.5);
  EXPECT_DOUBLE_EQ(*reading.power_w, 10.0) << "the half row is not 1 W";
  EXPECT_EQ(reading.t_ns, 1'001 * kSecond + kSecond / 2);
  append("5\n");
  clock_.advance_ns(kSecond / 2);
  EXPECT_DOUBLE_EQ(*inventory.sensors.at(0)->read()->power_w, 15.0);
}

TEST_F(MeterCsv, CountersAreReadAsCountersAndTheirResetsTold) {
  append("time,Wh\n0,1.00\n1,1.01\n");
  const Inventory inventory = find();
  EXPECT_EQ(inventory.sensors.at(0)->info().kind, Kind::counter);
  EXPECT_NEAR(inventory.sensors.at(0)->info().resolution_j, 36.0, 1e-9);
  clock_.advance_ns(kSecond);
  append("2,1.03\n");
  Reading reading = inventory.sensors.at(0)->read().value();
  EXPECT_NEAR(*reading.energy_j, 72.0, 1e-9);
  EXPECT_FALSE(reading.power_w);
  append("3,0.00\n");
  reading = inventory.sensors.at(0)->read().value();
  ASSERT_TRUE(reading.lost);
  EXPECT_NE(reading.lost->find("reset"), std::string::npos);
  EXPECT_NEAR(*reading.energy_j, 72.0, 1e-9);
}

TEST_F(MeterCsv, AGarbageRowIsAnErrorOnceAndNeverZero) {
  append("time,power_w\n0,10\n1,10\n");
  const Inventory inventory = find();
  PowerSensor& meter = *inventory.sensors.at(0);
  append("2,oops\n");
  EXPECT_FALSE(meter.read());
  EXPECT_FALSE(meter.read()) << "still the newest";
  append("3,11\n");
  EXPECT_DOUBLE_EQ(*meter.read()->power_w, 11.0);
  append("4,oops\n5,12\n");
  EXPECT_FALSE(meter.read()) << "energy across it is unknown";
  EXPECT_DOUBLE_EQ(*meter.read()->power_w, 12.0);
}

TEST_F(MeterCsv, AFileThatStopsGrowingOrVanishesIsAnError) {
  append("time,power_w\n0,10\n1,10\n");
  const Inventory inventory = find();
  PowerSensor& meter = *inventory.sensors.at(0);
  clock_.advance_ns(5 * kSecond);
  EXPECT_TRUE(meter.read());
  clock_.advance_ns(kSecond);
  const auto stale = meter.read();
  ASSERT_FALSE(stale);
  EXPECT_NE(stale.error().what.find("not grown for 6 s"), std::string::npos);
  append("7,20\n");
  EXPECT_TRUE(meter.read());
  std::filesystem::remove(path_);
  EXPECT_EQ(meter.read().error().code, ErrorCode::not_found);
  append("time,power_w\n8,20\n");
  const auto again = meter.read();
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_DOUBLE_EQ(*again->power_w, 20.0);
}

TEST_F(MeterCsv, GapsAndClockStepsAreUnknownEnergy) {
  append("time,power_w\n0,10\n1,10\n");
  const Inventory inventory = find();
  PowerSensor& meter = *inventory.sensors.at(0);
  append("12.5,10\n");
  EXPECT_TRUE(meter.read()->lost) << "no trapezoid over 11.5 s of a meter that writes every second";
  append("5,10\n");
  EXPECT_TRUE(meter.read()->lost) << "its clock was set back";
  append("6,10\n");
  const Reading reading = meter.read().value();
  EXPECT_FALSE(reading.lost);
  EXPECT_DOUBLE_EQ(*reading.energy_j, 10.0);
}

TEST_F(MeterCsv, RotationGoesOnWithOrWithoutItsHeader) {
  append("time,power_w\n0,10\n1,10\n");
  const Inventory inventory = find();
  PowerSensor& meter = *inventory.sensors.at(0);
  std::filesystem::rename(path_, folder_.path() / "old");
  append("time,power_w\n2,10\n");
  EXPECT_DOUBLE_EQ(*meter.read()->energy_j, 10.0);
  std::filesystem::rename(path_, folder_.path() / "old");
  append("3,10\n");
  EXPECT_DOUBLE_EQ(*meter.read()->energy_j, 20.0);
  std::filesystem::rename(path_, folder_.path() / "old");
  append("time,power_mw\n4,30000\n");
  const Reading other = meter.read().value();
  EXPECT_TRUE(other.lost);
  EXPECT_DOUBLE_EQ(*other.power_w, 30.0);
  std::filesystem::rename(path_, folder_.path() / "old");
  append("time,energy_j\n5,1\n");
  EXPECT_FALSE(meter.read()) << "power cannot become a counter";
}

TEST_F(MeterCsv, WhatIsThereBeforeIsJudgedWithItsReason) {
  EXPECT_NE(find().unavailable.at(0).reason.find("plug.csv"), std::string::npos);
  append("time,power_w\n");
  EXPECT_NE(find().unavailable.at(0).reason.find("no row yet"), std::string::npos);
  append("0,10\n");
  EXPECT_EQ(find().sensors.size(), 1U);
  FakeClock later(0, std::int64_t{4'000'000'000} * kSecond);
  Inventory inventory;
  discover_meter_csv(later, {.meter_csv = path_}, inventory);
  EXPECT_NE(inventory.unavailable.at(0).reason.find("not grown"), std::string::npos);
  Inventory none;
  discover_meter_csv(clock_, {}, none);
  EXPECT_TRUE(none.sensors.empty() && none.unavailable.empty());
}

// 1 s at 10 W and 1 s at 20 W between two marks.
TEST_F(MeterCsv, EnergyOfAWindowThroughTheMonitor) {
  append("time,power_w\n0,10\n1,10\n");
  EnergyMonitor monitor(std::move(find().sensors), clock_, {.own_thread = false});
  const Mark begin = monitor.begin();
  clock_.advance_ns(kSecond);
  append("1.999,10\n2,20\n");
  monitor.sample_now();
  clock_.advance_ns(kSecond);
  append("3,20\n");
  const WindowEnergy window = monitor.between(begin, monitor.end());
  ASSERT_TRUE(window.energy_j) << window.problem;
  EXPECT_NEAR(*window.energy_j, 30.0, 0.02);
}

}  // namespace
}  // namespace wattle::sense
