#include "sense/utilisation.hpp"

#include "sense/test_gauges.hpp"

namespace wattle::sense {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

GaugeInventory utilisation(const TestBoard& board, const Clock& clock) {
  return gauges_of(board, clock, [](GaugeCollector& out) { discover_utilisation(out, {}); });
}

// Two cores: user, idle, iowait.
std::string proc_stat(int user0, int idle0, int user1, int idle1, int iowait1 = 0) {
  const auto line = [](const char* name, int user, int idle, int iowait) {
    return std::string(name) + " " + std::to_string(user) + " 0 0 " + std::to_string(idle) + " " +
           std::to_string(iowait) + " 0 0 0 0 0\n";
  };
  return line("cpu ", user0 + user1, idle0 + idle1, iowait1) + line("cpu0", user0, idle0, 0) +
         line("cpu1", user1, idle1, iowait1) + "intr 1\n";
}

std::string process_stat(int ticks) {
  return "7 (a b) R 1 7 7 0 -1 0 0 0 0 0 " + std::to_string(ticks) + " 0 0 0 20 0 1 0 900 0 0\n";
}

TEST(Utilisation, OfEachCoreAndOfAllSinceTheReadingBefore) {
  const TestBoard board("virtual-machine");
  board.set("/proc/stat", proc_stat(100, 1000, 200, 2000));
  FakeClock clock;
  const GaugeInventory inventory = utilisation(board, clock);
  clock.advance_ns(kSecond);
  // Core 0: 75 busy of 100. Core 1: 10 busy, 40 idle, 50 waiting. All: 85 of 200.
  board.set("/proc/stat", proc_stat(175, 1025, 210, 2040, 50));
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:cpu0").value(), 0.75);
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:cpu1").value(), 0.10);
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:cpu").value(), 0.425);
}

TEST(Utilisation, TheFirstReadingOnlyBeginsTheInterval) {
  const TestBoard board("virtual-machine");
  FakeClock clock;
  const GaugeInventory inventory = utilisation(board, clock);
  clock.advance_ns(kSecond);
  const auto none = value_of(inventory, "util:cpu0");
  ASSERT_FALSE(none) << "no tick has passed: there is no utilisation, and it is not 0";
  EXPECT_EQ(none.error().code, ErrorCode::unavailable);
}

TEST(Utilisation, WhereNoTickHasPassedTheLastValueStands) {
  CoreUtilisation core;
  EXPECT_EQ(core.add({10, 10, 0}).value(), std::nullopt);
  EXPECT_DOUBLE_EQ(core.add({11, 13, 0}).value().value(), 0.25);
  EXPECT_DOUBLE_EQ(core.add({11, 13, 0}).value().value(), 0.25);
}

TEST(Utilisation, TimesThatGoBackwardsAreAnErrorAndStartAfresh) {
  CoreUtilisation core;
  ASSERT_TRUE(core.add({100, 100, 5}));
  EXPECT_FALSE(core.add({99, 200, 5}));
  EXPECT_EQ(core.add({300, 300, 5}).value(), std::nullopt);
  EXPECT_DOUBLE_EQ(core.add({301, 303, 2}).value().value(), 0.25)
      << "waiting for the disk may be counted back";
  EXPECT_FALSE(core.add({400, 302, 2}));
}

TEST(Utilisation, ACoreThatGoesOfflineMidRunIsAnErrorAndItsReturnStartsAfresh) {
  const TestBoard board("virtual-machine");
  board.set("/proc/stat", proc_stat(100, 100, 100, 100));
  FakeClock clock;
  const GaugeInventory inventory = utilisation(board, clock);
  clock.advance_ns(kSecond);
  board.set("/proc/stat", "cpu  150 0 0 300 0 0 0\ncpu0 150 0 0 300 0 0 0\n");
  const auto offline = value_of(inventory, "util:cpu1");
  ASSERT_FALSE(offline);
  EXPECT_EQ(offline.error().what, "core 1 is offline");
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:cpu0").value(), 0.2) << "50 of 250";
  clock.advance_ns(kSecond);
  board.set("/proc/stat", proc_stat(200, 400, 150, 150));
  EXPECT_FALSE(value_of(inventory, "util:cpu1"));
  clock.advance_ns(kSecond);
  board.set("/proc/stat", proc_stat(200, 400, 190, 160));
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:cpu1").value(), 0.8);
}

TEST(Utilisation, AProcessIsMeasuredAgainstAllCores) {
  const TestBoard board("virtual-machine");
  board.set("/proc/stat", proc_stat(1, 1, 1, 1));
  board.set("/proc/self/stat", process_stat(500));
  FakeClock clock;
  const GaugeInventory inventory = utilisation(board, clock);
  clock.advance_ns(2 * kSecond);
  board.set("/proc/self/stat", process_stat(600));
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:process").value(), 0.25) << "1 s of 2 s on 2 cores";
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:process").value(), 0.25) << "no time has passed";
  clock.advance_ns(kSecond);
  board.set("/proc/self/stat", process_stat(803));
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:process").value(), 1.0) << "2.03 s by the ticks";
  board.set("/proc/self/stat", process_stat(10));
  clock.advance_ns(kSecond);
  EXPECT_FALSE(value_of(inventory, "util:process"));
  board.remove("/proc/self");
  clock.advance_ns(kSecond);
  EXPECT_EQ(value_of(inventory, "util:process").error().code, ErrorCode::not_found);
}

TEST(Utilisation, GarbageInProcStatIsAnErrorForEveryGauge) {
  const TestBoard board("virtual-machine");
  FakeClock clock;
  const GaugeInventory inventory = utilisation(board, clock);
  for (const char* text : {"", "cpu", "cpu x\n", "cpu 1 2 3 -4\n", "cpu0 1 2 3 4\n", "cpu 1 2 3\n",
                           "cpu 18446744073709551615 1 1 1\n", "cpux 1 2 3 4\n"}) {
    board.set("/proc/stat", text);
    clock.advance_ns(kSecond);
    EXPECT_FALSE(value_of(inventory, "util:cpu")) << text;
    EXPECT_FALSE(value_of(inventory, "util:cpu1")) << text;
  }
}

TEST(Utilisation, AJetsonsGpuLoadIsInTenthsOfAPercent) {
  const FakeClock clock;
  const TestBoard board("jetson-orin-nx");
  const GaugeInventory inventory = utilisation(board, clock);
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:gpu").value(), 0.503);
  board.set("/sys/devices/platform/17000000.gpu/load", "1001\n");
  EXPECT_EQ(value_of(inventory, "util:gpu").error().code, ErrorCode::out_of_range);
}

}  // namespace
}  // namespace wattle::sense
