#include "sense/utilisation_model.hpp"

#include <gtest/gtest.h>

#include "sense/energy_monitor.hpp"
#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;

TEST(ProcStat, CountsBusyTicksOverAllCores) {
  // user 10 + nice 20 + system 30 + irq 5 + softirq 6; not idle, iowait, steal, guest.
  const auto times = parse_proc_stat(
      "cpu  10 20 30 4000 500 5 6 700 8 9\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr 5 6\n", "x");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->busy_ticks, 71U);
  EXPECT_EQ(times->n_cores, 2);
}

TEST(ProcStat, AcceptsTheFourFieldsOfOldKernels) {
  EXPECT_EQ(parse_proc_stat("cpu 1 2 3 4\ncpu0 1 2 3 4", "x")->busy_ticks, 6U);
}

TEST(ProcStat, RefusesWhatIsNoProcStat) {
  for (const char* text :
       {"", "\n", "garbage", "cpu", "cpu \n", "cpu  1 2 3\ncpu0 1\n",
        "cpu  1 -2 3 4\ncpu0 1 2 3 4\n", "cpu  1 2x 3 4\ncpu0 1\n", "cpu  1 2 3 4\n",
        "cpu0 1 2 3 4\n", "cpu  18446744073709551615 18446744073709551615 1 1\ncpu0 1\n"}) {
    const auto times = parse_proc_stat(text, "some/stat");
    ASSERT_FALSE(times) << text;
    EXPECT_NE(times.error().what.find("some/stat"), std::string::npos);
  }
}

TEST(UtilisationModel, FollowsTheFormula) {
  // 4 cores, 5 W to 15 W. One second at 2 of 4 cores: 5 + 10 · 0.5 = 10 J.
  UtilisationCurve curve({5.0, 15.0});
  curve.add({1000, 4}, 0);
  EXPECT_NEAR(curve.add({1200, 4}, kSecond).energy_j, 10.0, 1e-12);
  EXPECT_NEAR(curve.add({1200, 4}, 2 * kSecond).energy_j, 15.0, 1e-12) << "idle second: 5 J";
}

TEST(UtilisationModel, NeverExceedsTheMaximumAndLosesNothingToTicks) {
  // A core busy all the time, read every 3 ms: ticks come in jumps of 10 ms.
  UtilisationCurve curve({5.0, 15.0});
  double last_j = 0.0;
  std::int64_t t = 0;
  curve.add({0, 1}, 0);
  for (int i = 1; i <= 1000; ++i) {
    t += 3 * kMs;
    const double energy_j = curve.add({static_cast<std::uint64_t>(t / (10 * kMs)), 1}, t).energy_j;
    EXPECT_LE(energy_j - last_j, 15.0 * 0.003 + 1e-12);
    EXPECT_GE(energy_j - last_j, 5.0 * 0.003 - 1e-12);
    last_j = energy_j;
  }
  EXPECT_NEAR(last_j, 45.0, 15.0 * 0.02) << "3 s at 15 W, within two ticks";
}

TEST(UtilisationModel, MoreBusyTimeThanTimeIsClamped) {
  // 400 ticks on one core in a second cannot be: at most 1 s is charged, and at most two ticks
  // more.
  UtilisationCurve curve({5.0, 15.0});
  curve.add({0, 1}, 0);
  EXPECT_NEAR(curve.add({400, 1}, kSecond).energy_j, 15.0, 1e-12);
  EXPECT_NEAR(curve.add({400, 1}, 2 * kSecond).energy_j, 20.0 + 10.0 * 0.02, 1e-12);
}

TEST(UtilisationModel, BackwardTicksAreUnknownNotNegative) {
  UtilisationCurve curve({5.0, 15.0});
  curve.add({1000, 2}, 0);
  const auto step = curve.add({10, 2}, kSecond);
  EXPECT_FALSE(step.continued);
  EXPECT_DOUBLE_EQ(step.energy_j, 0.0);
}

TEST(UtilisationModel, IsLabelledAsModelAndSaysItsRange) {
  const TestBoard board("virtual-machine");
  const FakeClock clock;
  Inventory inventory;
  discover_utilisation_model(board.root(), clock, {4.0, 9.5}, inventory);
  ASSERT_EQ(inventory.sensors.size(), 1U);
  const SensorInfo& info = inventory.sensors[0]->info();
  EXPECT_EQ(info.kind, Kind::model);
  EXPECT_EQ(info.scope, "all cores, modelled 4–9.5 W");
  EXPECT_LE(info.default_rate_hz, 1.0 / kTickSeconds);
}

TEST(UtilisationModel, TheBoardsUsualEndsWhereTheUserGaveNone) {
  const auto ends = [](const char* board, const ModelOptions& options) {
    const ModelRange range = model_range(board_of(TestBoard(board).root()), options);
    return std::pair{range.idle_w, range.max_w};
  };
  EXPECT_EQ(ends("jetson-nano", {}), (std::pair{5.0, 10.0}));
  EXPECT_EQ(ends("raspberry-pi-4", {}), (std::pair{5.0, 15.0}));
  EXPECT_EQ(ends("virtual-machine", {}), (std::pair{5.0, 15.0}));
  EXPECT_EQ(ends("jetson-nano", {5.0, 15.0}), (std::pair{5.0, 15.0})) << "what was given stands";
  EXPECT_EQ(ends("jetson-nano", {std::nullopt, 12.0}), (std::pair{5.0, 12.0}));
}

TEST(UtilisationModel, RefusesAnImpossibleRange) {
  const TestBoard board("virtual-machine");
  const FakeClock clock;
  for (const ModelOptions options : {ModelOptions{10, 5}, ModelOptions{-1, 5}}) {
    Inventory inventory;
    discover_utilisation_model(board.root(), clock, options, inventory);
    EXPECT_TRUE(inventory.sensors.empty());
    EXPECT_EQ(inventory.unavailable.size(), 1U);
  }
}

// The edge formula's sanity: 1.5 s cost at least 7.5 J, not "25 to 40 mJ".
TEST(UtilisationModel, AnInferenceOfASecondAndAHalfCostsAtLeastIdlePower) {
  const TestBoard board("virtual-machine");
  FakeClock clock;
  Inventory inventory;
  discover_utilisation_model(board.root(), clock, {}, inventory);
  EnergyMonitor monitor(std::move(inventory.sensors), clock, {.own_thread = false});
  const EnergyWindow window(monitor);
  clock.advance_ns(1500 * kMs);
  EXPECT_NEAR(window.close().energy_j.value(), 7.5, 1e-9);
}

TEST(UtilisationModel, WindowsThatMeetAddUpExactly) {
  const TestBoard board("virtual-machine");
  FakeClock clock;
  Inventory inventory;
  discover_utilisation_model(board.root(), clock, {}, inventory);
  EnergyMonitor monitor(std::move(inventory.sensors), clock, {.own_thread = false});
  const Mark first = monitor.begin();
  Mark previous = first;
  double sum_j = 0.0;
  unsigned busy = 33686;
  for (int i = 0; i < 200; ++i) {
    clock.advance_ns(7 * kMs);
    busy += i % 2 == 0 ? 1 : 0;
    board.set("/proc/stat",
              "cpu  " + std::to_string(busy) +
                  " 133265 14645 333575 643 0 125 124 0 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n");
    Mark now = monitor.end();
    sum_j += monitor.between(previous, now).energy_j.value();
    previous = std::move(now);
  }
  const WindowEnergy whole = monitor.between(first, previous);
  EXPECT_NEAR(sum_j, *whole.energy_j, 1e-9);
  // 1.4 s idle at 5 W, and 100 ticks of 2 cores at 10 W more: 7 + 10 · 1.0 / 2 = 12 J.
  EXPECT_NEAR(*whole.energy_j, 12.0, 10.0 * 0.02);
}

}  // namespace
}  // namespace wattle::sense
