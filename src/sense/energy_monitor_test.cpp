#include "sense/energy_monitor.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <thread>

#include "sense/discover.hpp"
#include "sense/idle_baseline.hpp"
#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;

SensorInfo info_of(Kind kind) {
  SensorInfo info;
  info.id = "fake";
  info.kind = kind;
  info.update_period_s = 1e-3;
  info.default_rate_hz = 100.0;
  return info;
}

// A sensor that follows a function of time in seconds.
class FakeSensor final : public PowerSensor {
 public:
  using Function = std::function<Result<double>(double)>;
  FakeSensor(Kind kind, const Clock& clock, Function value)
      : info_(info_of(kind)), clock_(clock), value_(std::move(value)) {}
  [[nodiscard]] const SensorInfo& info() const override { return info_; }
  Result<Reading> read() override {
    const std::int64_t t_ns = clock_.monotonic_ns();
    WATTLE_TRY(const double value, value_(static_cast<double>(t_ns) * 1e-9));
    if (info_.kind == Kind::sampled) return Reading{t_ns, std::nullopt, value, std::nullopt};
    return Reading{t_ns, value, std::nullopt, std::nullopt};
  }

 private:
  SensorInfo info_;
  const Clock& clock_;
  Function value_;
};

std::unique_ptr<EnergyMonitor> monitor_of(Kind kind, Clock& clock, FakeSensor::Function value,
                                          MonitorOptions options = {.own_thread = false}) {
  std::vector<std::unique_ptr<PowerSensor>> sensors;
  sensors.push_back(std::make_unique<FakeSensor>(kind, clock, std::move(value)));
  return std::make_unique<EnergyMonitor>(std::move(sensors), clock, options);
}

TEST(EnergyMonitor, IntegratesSampledPowerByTrapezoids) {
  // P = 10 + 2t W from 0 to 4 s: 40 + 16 = 56 J, exactly, at uneven steps.
  FakeClock clock;
  const auto monitor = monitor_of(Kind::sampled, clock, [](double t) { return 10.0 + 2.0 * t; });
  const EnergyWindow window(*monitor);
  for (const std::int64_t step_ms : {100, 900, 300, 700, 500, 500, 250, 750}) {
    clock.advance_ns(step_ms * kMs);
    monitor->sample_now();
  }
  const WindowEnergy energy = window.close();
  EXPECT_NEAR(energy.energy_j.value(), 56.0, 1e-9);
  EXPECT_NEAR(energy.avg_power_w().value(), 14.0, 1e-9);
}

TEST(EnergyMonitor, ALongHoleInSampledPowerIsAGapNotATrapezoid) {
  FakeClock clock;
  const auto monitor = monitor_of(Kind::sampled, clock, [](double) { return 10.0; });
  const EnergyWindow window(*monitor);
  clock.advance_ns(30 * kSecond);
  const WindowEnergy energy = window.close();
  EXPECT_FALSE(energy.energy_j);
  EXPECT_NE(energy.problem.find("not sampled for 30.0 s"), std::string::npos);
}

TEST(EnergyMonitor, InterpolatesAMomentBetweenSamples) {
  FakeClock clock;
  const auto monitor = monitor_of(Kind::counter, clock, [](double t) { return 20.0 * t; });
  clock.advance_ns(10 * kMs);
  monitor->sample_now();
  const Mark a = monitor->mark_at(2 * kMs);
  const Mark b = monitor->mark_at(7 * kMs);
  EXPECT_NEAR(monitor->between(a, b).energy_j.value(), 0.1, 1e-12);
  // 2 ms and 3 ms from the nearest sample, besides the sensor's own 1 ms.
  EXPECT_NEAR(a.states[0].dt_s, 3e-3, 1e-12);
  EXPECT_NEAR(b.states[0].dt_s, 4e-3, 1e-12);
}

TEST(EnergyMonitor, StatesTheBoundaryErrorAsPowerTimesTheSensorsAge) {
  // 20 W, 1 ms old at both ends: 20 mJ wide, uniform, twice: 20 mJ / √12 · √2.
  FakeClock clock;
  const auto monitor = monitor_of(Kind::counter, clock, [](double t) { return 20.0 * t; });
  clock.advance_ns(kSecond);
  const EnergyWindow window(*monitor);
  clock.advance_ns(kSecond);
  EXPECT_NEAR(window.close().boundary_j, 0.020 / std::sqrt(12.0) * std::sqrt(2.0), 1e-9);
}

TEST(EnergyMonitor, NestedWindowsAddUp) {
  FakeClock clock;
  const auto monitor = monitor_of(Kind::counter, clock, [](double t) { return 3.0 * t * t; });
  clock.advance_ns(kSecond);
  const EnergyWindow outer(*monitor);
  const Mark a = monitor->begin();
  clock.advance_ns(kSecond);
  const Mark b = monitor->end();
  clock.advance_ns(kSecond);
  const Mark c = monitor->end();
  const double parts =
      monitor->between(a, b).energy_j.value() + monitor->between(b, c).energy_j.value();
  EXPECT_NEAR(parts, 24.0, 1e-9);  // 3 · 9 − 3 · 1
  EXPECT_NEAR(outer.close().energy_j.value(), parts, 1e-9);
}

TEST(EnergyMonitor, AFailureInsideMakesTheEnergyAbsentAndNeverZero) {
  FakeClock clock;
  bool broken = false;
  const auto monitor = monitor_of(Kind::counter, clock, [&](double t) -> Result<double> {
    if (broken) return fail(ErrorCode::io, "cannot read energy_uj: Input/output error");
    return 10.0 * t;
  });
  const EnergyWindow across(*monitor);
  clock.advance_ns(kSecond);
  broken = true;
  const EnergyWindow opened_while_broken(*monitor);
  clock.advance_ns(kSecond);
  EXPECT_FALSE(across.close().energy_j) << "still failing";
  broken = false;
  clock.advance_ns(kSecond);
  const WindowEnergy energy = across.close();
  EXPECT_FALSE(energy.energy_j) << "recovered, but the window has a hole";
  EXPECT_EQ(energy.problem, "fake: cannot read energy_uj: Input/output error");
  EXPECT_FALSE(opened_while_broken.close().energy_j);
  const EnergyWindow after(*monitor);
  clock.advance_ns(kSecond);
  EXPECT_NEAR(after.close().energy_j.value(), 10.0, 1e-9) << "later windows are whole again";
}

TEST(EnergyMonitor, OneFailingPackageLeavesNoTotalOfTheRest) {
  const TestBoard board("dual-package-server");
  FakeClock clock;
  Inventory inventory = discover(board.root(), clock);
  inventory.sensors.pop_back();  // the model
  EnergyMonitor monitor(std::move(inventory.sensors), clock, {.own_thread = false});
  const EnergyWindow window(monitor);
  clock.advance_ns(kSecond);
  board.set("/sys/class/powercap/intel-rapl:0/energy_uj", "150000000");  // + 50 J
  board.remove("/sys/class/powercap/intel-rapl:1/energy_uj");
  const WindowEnergy energy = window.close();
  EXPECT_FALSE(energy.energy_j);
  EXPECT_NEAR(energy.per_sensor_j[0].value(), 50.0, 1e-9);
  EXPECT_NE(energy.problem.find("rapl:package-1"), std::string::npos);
}

TEST(EnergyMonitor, SumsPackages) {
  const TestBoard board("dual-package-server");
  FakeClock clock;
  Inventory inventory = discover(board.root(), clock);
  inventory.sensors.pop_back();
  EnergyMonitor monitor(std::move(inventory.sensors), clock, {.own_thread = false});
  const EnergyWindow window(monitor);
  clock.advance_ns(kSecond);
  board.set("/sys/class/powercap/intel-rapl:0/energy_uj", "150000000");   // + 50 J
  board.set("/sys/class/powercap/intel-rapl:1/energy_uj", "240000000");   // + 40 J
  board.set("/sys/class/powercap/intel-rapl:1:0/energy_uj", "25000000");  // + 5 J
  EXPECT_NEAR(window.close().energy_j.value(), 95.0, 1e-9);
}

TEST(EnergyMonitor, AResetCounterIsAGap) {
  const TestBoard board("dual-package-server");
  FakeClock clock;
  Inventory inventory = discover(board.root(), clock);
  EnergyMonitor monitor(std::move(inventory.sensors), clock, {.own_thread = false});
  const EnergyWindow window(monitor);
  clock.advance_ns(kSecond);
  board.set("/sys/class/powercap/intel-rapl:1/energy_uj", "5");
  const WindowEnergy energy = window.close();
  EXPECT_FALSE(energy.energy_j);
  EXPECT_NE(energy.problem.find("reset"), std::string::npos);
}

TEST(EnergyMonitor, TheWallClockMayStepWithoutEffect) {
  class SteppingClock final : public Clock {
   public:
    [[nodiscard]] std::int64_t monotonic_ns() const override { return monotonic; }
    [[nodiscard]] std::int64_t wall_ns() const override { return wall; }
    void sleep_ns(std::int64_t d) override { monotonic += d; }
    std::int64_t monotonic = 0;
    std::int64_t wall = 1'700'000'000 * kSecond;
  } clock;
  const auto monitor = monitor_of(Kind::sampled, clock, [](double) { return 8.0; });
  const EnergyWindow window(*monitor);
  clock.monotonic += 500 * kMs;
  clock.wall -= 3600 * kSecond;
  EXPECT_NEAR(window.close().energy_j.value(), 4.0, 1e-12);
}

TEST(EnergyMonitor, ATimestampThatDoesNotAdvanceAddsNothing) {
  FakeClock clock(kSecond);
  const auto monitor = monitor_of(Kind::sampled, clock, [](double) { return 8.0; });
  const EnergyWindow window(*monitor);
  for (int i = 0; i < 10; ++i) monitor->sample_now();
  EXPECT_DOUBLE_EQ(window.close().energy_j.value(), 0.0);
  clock.advance_ns(-kMs);  // not possible for CLOCK_MONOTONIC; must do no harm
  monitor->sample_now();
  clock.advance_ns(kSecond + kMs);
  EXPECT_NEAR(window.close().energy_j.value(), 8.0, 1e-9);
}

TEST(EnergyMonitor, TenThousandWindowsOverABoundedRing) {
  FakeClock clock;
  const auto monitor = monitor_of(Kind::counter, clock, [](double t) { return 2.0 * t; },
                                  {.ring_points = 64, .own_thread = false});
  const EnergyWindow longest(*monitor);
  for (int i = 0; i < 10'000; ++i) {
    const EnergyWindow window(*monitor);
    clock.advance_ns(10 * kMs);
    ASSERT_NEAR(window.close().energy_j.value(), 0.02, 1e-9);
  }
  EXPECT_NEAR(longest.close().energy_j.value(), 200.0, 1e-6) << "older than the ring, still whole";
}

TEST(EnergyCurve, KeepsNoMoreThanItsCapacityAndForgetsTheOldest) {
  EnergyCurve curve(info_of(Kind::counter), 100.0, 16);
  for (int i = 0; i < 100; ++i) curve.add({i * kMs, i * 1.0, std::nullopt, std::nullopt});
  EXPECT_EQ(curve.size(), 16U);
  EXPECT_EQ(curve.oldest_ns(), 84 * kMs);
  EXPECT_FALSE(curve.at(10 * kMs).known);
  EXPECT_DOUBLE_EQ(curve.at(90 * kMs + kMs / 2).energy_j, 90.5);
}

TEST(EnergyCurve, AFailedFirstReadingDoesNotSpoilTheRest) {
  EnergyCurve curve(info_of(Kind::counter), 100.0, 16);
  curve.add_failure("gone");
  EXPECT_FALSE(curve.at(0).known);
  curve.add({kMs, 0.0, std::nullopt, std::nullopt});
  EXPECT_TRUE(curve.at(2 * kMs).known);
}

TEST(EnergyMonitor, CountsUpdatesOfTheSensorNotReads) {
  // A counter that changes every 100 ms, read every 10 ms for a second.
  FakeClock clock;
  const auto monitor =
      monitor_of(Kind::counter, clock, [](double t) { return std::floor(t * 10.0 + 1e-9); });
  const EnergyWindow window(*monitor);
  for (int i = 0; i < 100; ++i) {
    clock.advance_ns(10 * kMs);
    monitor->sample_now();
  }
  EXPECT_EQ(window.close().n_updates, 10U);
}

TEST(EnergyMonitor, PowerTraceKeepsTheEnergyAndFindsThePeak) {
  // 10 W, but 30 W from 1.0 to 1.5 s: 2 s hold 30 J.
  FakeClock clock;
  const auto monitor = monitor_of(Kind::counter, clock, [](double t) {
    return 10.0 * t + 20.0 * (std::min(t, 1.5) - std::min(t, 1.0));
  });
  for (int i = 0; i < 200; ++i) {
    clock.advance_ns(10 * kMs);
    monitor->sample_now();
  }
  EXPECT_NEAR(monitor->peak_power_w(0, 2 * kSecond).value(), 30.0, 1e-6);
  EXPECT_FALSE(monitor->peak_power_w(0, 20 * kMs)) << "shorter than one interval: unknown";
  const auto trace = monitor->power(0, 2 * kSecond, 8);
  ASSERT_EQ(trace.size(), 8U);
  double energy_j = 0.0;
  for (const auto& point : trace) energy_j += point.power_w * 0.25;
  EXPECT_NEAR(energy_j, 30.0, 1e-9);
}

TEST(EnergyMonitor, NeverSamplesFasterThanTheSensorChanges) {
  FakeClock clock;
  const auto monitor = monitor_of(Kind::counter, clock, [](double) { return 0.0; },
                                  {.rate_hz = 1e6, .own_thread = false});
  EXPECT_NEAR(monitor->rate_hz(), 1000.0, 1e-6);
}

TEST(EnergyMonitor, NoWindowGoesAcrossASuspension) {
  // 10 W; the counter went on counting 500 J while the machine slept for an hour.
  FakeClock clock;
  double asleep_j = 0.0;
  const auto monitor =
      monitor_of(Kind::counter, clock, [&](double t) { return 10.0 * t + asleep_j; });
  const Mark before = monitor->begin();
  clock.advance_ns(kSecond);
  const Mark evening = monitor->end();
  clock.suspend_ns(3600 * kSecond);
  asleep_j = 500.0;
  clock.advance_ns(kSecond);
  const Mark morning = monitor->end();
  clock.advance_ns(kSecond);
  const Mark after = monitor->end();
  EXPECT_EQ(monitor->between(before, evening).energy_j, 10.0);
  const WindowEnergy across = monitor->between(before, morning);
  EXPECT_FALSE(across.energy_j);
  EXPECT_NE(across.problem.find("suspended for 3600.0 s"), std::string::npos) << across.problem;
  EXPECT_EQ(monitor->between(morning, after).energy_j, 10.0);
}

TEST(EnergyMonitor, AReadingThatTakesLongIsNotMadeUpForInABurst) {
  // Asked 100 times a second, but every reading takes 25 ms: 40 a second at most.
  FakeClock clock;
  int n_reads = 0;
  const auto monitor = monitor_of(Kind::sampled, clock, [&](double) {
    ++n_reads;
    clock.advance_ns(25 * kMs);
    return 10.0;
  });
  n_reads = 0;
  while (clock.monotonic_ns() < 10 * kSecond) {
    const std::int64_t next_ns = monitor->sample_due();
    EXPECT_GT(next_ns, clock.monotonic_ns()) << "time for others between two readings";
    clock.advance_ns(next_ns - clock.monotonic_ns());
  }
  EXPECT_NEAR(n_reads, 286, 3);  // 25 ms of reading, 10 ms of pause
  const Mark end = monitor->end();
  const WindowEnergy window = monitor->between(monitor->mark_at(kSecond), end);
  EXPECT_NEAR(*window.avg_power_w(), 10.0, 1e-9);
  EXPECT_LT(window.n_updates, 300U) << "updates are what was read, not what was asked for";
}

class FakeGauge final : public Gauge {
 public:
  FakeGauge(const Clock& clock, FakeSensor::Function value)
      : clock_(clock), value_(std::move(value)) {
    info_.id = "temp:fake";
  }
  [[nodiscard]] const GaugeInfo& info() const override { return info_; }
  Result<GaugeReading> read() override {
    const std::int64_t t_ns = clock_.monotonic_ns();
    WATTLE_TRY(const double value, value_(static_cast<double>(t_ns) * 1e-9));
    return GaugeReading{t_ns, value};
  }

 private:
  GaugeInfo info_;
  const Clock& clock_;
  FakeSensor::Function value_;
};

TEST(EnergyMonitor, GaugesAreReadBesideTheSensors) {
  FakeClock clock;
  std::vector<std::unique_ptr<Gauge>> gauges;
  gauges.push_back(std::make_unique<FakeGauge>(clock, [](double t) -> Result<double> {
    if (t > 2.5) return fail(ErrorCode::io, "the zone went offline");
    return 40.0 + t;
  }));
  EnergyMonitor monitor({}, clock, {.own_thread = false}, std::move(gauges));
  ASSERT_EQ(monitor.gauge_infos().size(), 1U);
  EXPECT_EQ(monitor.gauge(0).reading->value, 40.0);
  for (int i = 0; i < 2; ++i) {
    clock.advance_ns(kSecond);
    monitor.sample_gauges_now();
  }
  EXPECT_EQ(monitor.gauge_between(0, 0, 2 * kSecond).max, 42.0);
  clock.advance_ns(kSecond);
  monitor.sample_gauges_now();
  EXPECT_FALSE(monitor.gauge(0).reading);
  EXPECT_EQ(monitor.gauge(0).problem, "the zone went offline");
}

TEST(EnergyMonitor, TheThreadAndManyCallersShareOneMonitor) {
  FakeClock clock;
  const auto monitor =
      monitor_of(Kind::counter, clock, [](double t) { return t; }, {.ring_points = 1024});
  std::vector<std::jthread> callers;
  std::atomic<int> wrong = 0;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const Mark a = monitor->begin();
        clock.advance_ns(kMs);
        const Mark b = monitor->end();
        const WindowEnergy energy = monitor->between(a, b);
        // Other callers advance the clock between the mark and its reading.
        if (!energy.energy_j || *energy.energy_j < 0.0) ++wrong;
        (void)monitor->power(a.t_ns, b.t_ns, 10);
        (void)monitor->cost();
      }
    });
  }
  callers.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(monitor->cost().n_reads, 4000U);
}

TEST(IdlePower, GivesMeanAndStandardError) {
  // Parts of 0.25 s alternating 4 W and 6 W: mean 5 W, standard error 1/√19 ≈ 0.229 W.
  FakeClock clock;
  const auto monitor = monitor_of(Kind::counter, clock, [](double t) {
    const double parts = std::floor(t / 0.25 + 1e-9);
    const double into = t - parts * 0.25;
    const bool odd = std::fmod(parts, 2.0) > 0.5;
    return std::floor(parts / 2.0) * 2.5 + (odd ? 1.0 : 0.0) + (odd ? 6.0 : 4.0) * into;
  });
  const IdlePower idle = measure_idle_power(*monitor, clock, 5.0).value();
  EXPECT_EQ(idle.n_parts, 20);
  EXPECT_NEAR(idle.power_w, 5.0, 1e-6);
  EXPECT_NEAR(idle.standard_error_w, std::sqrt(1.0 / 19.0), 1e-3);
}

TEST(IdlePower, RefusesNoTimeAndAFailingSensor) {
  FakeClock clock;
  const auto good = monitor_of(Kind::counter, clock, [](double t) { return t; });
  EXPECT_EQ(measure_idle_power(*good, clock, 0.0).error().code, ErrorCode::invalid_argument);
  const auto bad = monitor_of(Kind::counter, clock,
                              [](double) -> Result<double> { return fail(ErrorCode::io, "EIO"); });
  const auto idle = measure_idle_power(*bad, clock, 1.0);
  ASSERT_FALSE(idle);
  EXPECT_NE(idle.error().message().find("EIO"), std::string::npos);
}

}  // namespace
}  // namespace wattle::sense
