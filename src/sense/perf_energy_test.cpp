#include "sense/perf_energy.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <tuple>

#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Events whose values the test sets, by event number and processor.
class FakePerf final : public PerfEvents {
 public:
  std::map<std::pair<std::uint64_t, int>, std::uint64_t> values;
  std::uint32_t type = 0;
  bool permitted = true;
  bool online = true;

  Result<std::unique_ptr<PerfCounter>> open(std::uint32_t pmu_type, std::uint64_t config,
                                            int cpu) override {
    type = pmu_type;
    if (!permitted) return fail(ErrorCode::permission_denied, "Permission denied");
    values.try_emplace({config, cpu}, 0);
    return std::make_unique<Counter>(*this, config, cpu);
  }

 private:
  struct Counter final : PerfCounter {
    FakePerf& perf;
    std::pair<std::uint64_t, int> key;
    Counter(FakePerf& all, std::uint64_t config, int cpu) : perf(all), key(config, cpu) {}
    Result<std::uint64_t> read() override {
      if (!perf.online) return fail(ErrorCode::unavailable, "offline");
      return perf.values.at(key);
    }
  };
};

Inventory perf_of(const TestBoard& board, const Clock& clock, PerfEvents* events) {
  Inventory inventory;
  discover_perf_energy(board.root(), clock, events, inventory);
  return inventory;
}

PowerSensor* find(const Inventory& inventory, const std::string& id) {
  for (const auto& sensor : inventory.sensors) {
    if (sensor->info().id == id) return sensor.get();
  }
  return nullptr;
}

TEST(PerfEnergy, ReadsTheLaptopsEventsInJoules) {
  const TestBoard board("intel-laptop");
  FakeClock clock;
  FakePerf perf;
  const Inventory inventory = perf_of(board, clock, &perf);
  EXPECT_EQ(perf.type, 24U);
  ASSERT_EQ(inventory.sensors.size(), 4U);
  PowerSensor* const package = find(inventory, "perf:energy-pkg");
  ASSERT_NE(package, nullptr);
  EXPECT_EQ(package->info().kind, Kind::counter);
  EXPECT_EQ(package->info().rail, Rail::package);
  EXPECT_EQ(package->info().group, "perf");
  EXPECT_EQ(package->info().scope, "package-0");
  EXPECT_TRUE(package->info().inside.empty());
  const auto inside = std::vector<std::string>{"perf:energy-pkg"};
  EXPECT_EQ(find(inventory, "perf:energy-cores")->info().inside, inside);
  EXPECT_EQ(find(inventory, "perf:energy-gpu")->info().inside, inside);
  EXPECT_EQ(find(inventory, "perf:energy-psys")->info().rail, Rail::psys);
  // 2^32 counts of 2^-32 J are one joule; 40 J go beyond what 32 bits hold.
  clock.advance_ns(2 * kSecond);
  perf.values[{2, 0}] = 40ULL << 32;
  EXPECT_DOUBLE_EQ(*package->read()->energy_j, 40.0);
}

TEST(PerfEnergy, EachPackageOfTheMaskHasItsOwn) {
  const TestBoard board("dual-package-server");
  FakeClock clock;
  FakePerf perf;
  const Inventory inventory = perf_of(board, clock, &perf);
  ASSERT_EQ(inventory.sensors.size(), 4U);
  PowerSensor* const second = find(inventory, "perf:energy-pkg/1");
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->info().socket, 1);
  EXPECT_EQ(find(inventory, "perf:energy-ram/1")->info().scope, "dram of package-1");
  EXPECT_TRUE(find(inventory, "perf:energy-ram/1")->info().inside.empty()) << "outside, as RAPL's";
  clock.advance_ns(kSecond);
  perf.values[{2, 2}] = 3ULL << 32;  // the mask names core 2 for package 1
  EXPECT_DOUBLE_EQ(*second->read()->energy_j, 3.0);
  EXPECT_DOUBLE_EQ(*find(inventory, "perf:energy-pkg/0")->read()->energy_j, 0.0);
}

TEST(PerfEnergy, WithoutTheRightItSaysWhichOneIsMissing) {
  const TestBoard board("intel-laptop");
  board.set("/proc/sys/kernel/perf_event_paranoid", "2\n");
  const FakeClock clock;
  FakePerf perf;
  perf.permitted = false;
  const Inventory inventory = perf_of(board, clock, &perf);
  EXPECT_TRUE(inventory.sensors.empty());
  ASSERT_EQ(inventory.unavailable.size(), 4U);
  EXPECT_NE(inventory.unavailable[0].reason.find("perf_event_paranoid is 2"), std::string::npos);
  EXPECT_NE(inventory.unavailable[0].remedy.find("cap_perfmon"), std::string::npos);
}

TEST(PerfEnergy, AResetOrAProcessorThatWentIsNoEnergy) {
  const TestBoard board("intel-laptop");
  FakeClock clock;
  FakePerf perf;
  perf.values[{2, 0}] = 5ULL << 32;
  const Inventory inventory = perf_of(board, clock, &perf);
  PowerSensor& package = *find(inventory, "perf:energy-pkg");
  clock.advance_ns(kSecond);
  perf.values[{2, 0}] = 0;
  const Reading reset = package.read().value();
  EXPECT_TRUE(reset.lost);
  EXPECT_DOUBLE_EQ(*reset.energy_j, 0.0);
  clock.advance_ns(kSecond);
  perf.values[{2, 0}] = std::numeric_limits<std::uint64_t>::max();
  EXPECT_TRUE(package.read()->lost) << "more than a processor takes";
  perf.online = false;
  EXPECT_FALSE(package.read());
}

TEST(PerfEnergy, WhatTheKernelWouldNotWriteIsRefused) {
  const FakeClock clock;
  const std::string folder = "/sys/bus/event_source/devices/power/";
  const std::pair<const char*, const char*> broken[] = {{"events/energy-pkg", "config=2"},
                                                        {"events/energy-pkg.scale", "nan"},
                                                        {"events/energy-pkg.scale", "-1e-9"},
                                                        {"events/energy-pkg.scale", ""},
                                                        {"events/energy-pkg.unit", "Watts"}};
  for (const auto& [file, text] : broken) {
    const TestBoard board("intel-laptop");
    board.set(folder + file, text);
    FakePerf perf;
    const Inventory inventory = perf_of(board, clock, &perf);
    EXPECT_EQ(inventory.sensors.size(), 3U) << file << " " << text;
    ASSERT_EQ(inventory.unavailable.size(), 1U);
    EXPECT_EQ(inventory.unavailable[0].id, "perf:energy-pkg");
  }
  for (const char* file : {"type", "cpumask"}) {
    const TestBoard board("intel-laptop");
    board.set(folder + file, "x\n");
    FakePerf perf;
    EXPECT_EQ(perf_of(board, clock, &perf).unavailable.at(0).id, "perf");
  }
}

TEST(PerfEnergy, BelowARecordedTreeItReadsNothingOfThisMachine) {
  const FakeClock clock;
  const TestBoard laptop("intel-laptop");
  const Inventory none = perf_of(laptop, clock, nullptr);
  EXPECT_TRUE(none.sensors.empty());
  EXPECT_EQ(none.unavailable.size(), 1U);
  const TestBoard guest("virtual-machine");
  FakePerf perf;
  EXPECT_TRUE(perf_of(guest, clock, &perf).unavailable.empty());
}

TEST(PerfEnergy, TheSystemCallItselfAnswersOrSaysWhyNot) {
  // PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK: there on every machine, not allowed on every one.
  constexpr std::uint32_t kSoftware = 1;
  const auto events = system_perf_events();
  const auto clock = events->open(kSoftware, 0, 0);
  if (!clock) {
    EXPECT_NE(clock.error().code, ErrorCode::internal);
    EXPECT_NE(clock.error().what.find("core 0"), std::string::npos);
    return;
  }
  const std::uint64_t first = (*clock)->read().value();
  EXPECT_GE((*clock)->read().value(), first);
}

TEST(PerfEnergy, ParsesListsOfProcessors) {
  EXPECT_EQ(parse_cpu_list("0\n").value(), (std::vector<int>{0}));
  EXPECT_EQ(parse_cpu_list("0-2,8\n").value(), (std::vector<int>{0, 1, 2, 8}));
  for (const char* text : {"", ",", "1,", "2-1", "-1", "a", "1 2", "0-99999999", "0-8191,0-8191"}) {
    EXPECT_FALSE(parse_cpu_list(text)) << text;
  }
}

}  // namespace
}  // namespace wattle::sense
