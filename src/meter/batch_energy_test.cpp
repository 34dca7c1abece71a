#include "meter/batch_energy.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "meter/test_bench.hpp"

namespace wattle::meter {
namespace {

constexpr std::int64_t kJoule = 1'000'000'000;  // nJ

// A monitor over one counter that follows a function of time in seconds.
struct Monitored {
  FakeClock clock{kSecond};
  std::unique_ptr<sense::EnergyMonitor> monitor;

  explicit Monitored(std::function<Result<double>(double)> energy_j) {
    std::vector<std::unique_ptr<sense::PowerSensor>> sensors;
    sensors.push_back(std::make_unique<CounterOf>(clock, std::move(energy_j)));
    monitor = std::make_unique<sense::EnergyMonitor>(std::move(sensors), clock,
                                                     sense::MonitorOptions{.own_thread = false});
  }
  // Lets time pass, with a reading at its end.
  void pass(std::int64_t ns) {
    clock.advance_ns(ns);
    monitor->sample_now();
  }
  void step(BatchEnergy& batch, std::int64_t ns, std::vector<BatchShare> shares) {
    const std::int64_t begin_ns = clock.monotonic_ns();
    pass(ns);
    batch.add_step(begin_ns, clock.monotonic_ns(), shares);
  }
};

TEST(BatchEnergy, DividesByTokensAndByTime) {
  // 10 W. A prefills 6 positions while B decodes 2 … for 1 s: by tokens 7.5 and 2.5 J, by time 5
  // and 5 J. Then B alone for 0.5 s: 5 J both ways. Before it, 1 s passes with nobody at work.
  Monitored m([](double t) { return 10.0 * t; });
  BatchEnergy batch(*m.monitor);
  m.pass(kSecond);
  m.step(batch, kSecond, {{7, 6, 0}, {9, 0, 2}});
  m.step(batch, kSecond / 2, {{9, 0, 1}});
  const BatchAccount account = batch.close();
  EXPECT_EQ(account.whole_nj, 25 * kJoule);
  EXPECT_EQ(account.steps_nj, 15 * kJoule);
  EXPECT_EQ(account.between_nj, 10 * kJoule);
  EXPECT_EQ(account.n_steps, 2U);
  const RequestEnergy& a = account.requests.at(7);
  const RequestEnergy& b = account.requests.at(9);
  EXPECT_EQ(a.by_tokens_nj(), 7'500'000'000);
  EXPECT_EQ(a.prefill_by_tokens_nj, 7'500'000'000);
  EXPECT_EQ(a.decode_by_tokens_nj, 0);
  EXPECT_EQ(b.by_tokens_nj(), 7'500'000'000);
  EXPECT_EQ(a.by_time_nj(), 5 * kJoule);
  EXPECT_EQ(b.by_time_nj(), 10 * kJoule);
  EXPECT_EQ(b.prefill_by_time_nj, 0);
  EXPECT_DOUBLE_EQ(b.held_s, 1.5);
  EXPECT_DOUBLE_EQ(b.share_s, 1.0);
  EXPECT_EQ(b.n_decode, 3U);
}

TEST(BatchEnergy, SharesSumToTheWholeToTheNanojoule) {
  std::mt19937 random(1);
  Monitored m([](double t) { return 7.3 * t + 0.31 * t * t; });
  BatchEnergy batch(*m.monitor);
  for (int i = 0; i < 3000; ++i) {
    std::vector<BatchShare> shares;
    for (std::uint64_t id = 0; id < 9; ++id) {
      if (random() % 3 == 0) continue;
      shares.push_back({id, static_cast<std::uint32_t>(random() % 60),
                        static_cast<std::uint32_t>(random() % 2)});
    }
    m.step(batch, static_cast<std::int64_t>(1 + random() % 30'000'000), shares);
    if (random() % 5 == 0) m.pass(static_cast<std::int64_t>(random() % 5'000'000));
  }
  const BatchAccount account = batch.close();
  std::int64_t by_tokens = 0;
  std::int64_t by_time = 0;
  double held_s = 0.0;
  for (const auto& [id, request] : account.requests) {
    by_tokens += request.by_tokens_nj().value();
    by_time += request.by_time_nj().value();
    held_s += request.share_s;
  }
  EXPECT_EQ(by_tokens, account.steps_nj);
  EXPECT_EQ(by_time, account.steps_nj);
  EXPECT_EQ(*account.steps_nj + *account.between_nj, account.whole_nj);
  EXPECT_LE(held_s, account.seconds);
}

TEST(BatchEnergy, ASlowSensorIsInterpolatedAtTheStepsEnds) {
  // The sensor is read once a second; steps of 0.25 s at 8 W are 2 J each nevertheless.
  Monitored m([](double t) { return 8.0 * t; });
  BatchEnergy batch(*m.monitor);
  for (std::uint64_t k = 0; k < 8; ++k) {
    const std::int64_t begin_ns = m.clock.monotonic_ns();
    m.clock.advance_ns(kSecond / 4);
    batch.add_step(begin_ns, m.clock.monotonic_ns(), std::vector<BatchShare>{{k, 1, 0}});
    if (k % 4 == 3) m.monitor->sample_now();
  }
  const BatchAccount account = batch.close();
  for (std::uint64_t k = 0; k < 8; ++k) {
    EXPECT_EQ(account.requests.at(k).by_tokens_nj(), 2 * kJoule) << k;
  }
}

TEST(BatchEnergy, WhatASensorLostIsUnknownForThoseWhoWereThereOnly) {
  bool broken = false;
  Monitored m([&](double t) -> Result<double> {
    if (broken) return fail(ErrorCode::io, "pulled out");
    return 10.0 * t;
  });
  BatchEnergy batch(*m.monitor);
  m.step(batch, kSecond, {{1, 4, 0}});
  broken = true;
  m.step(batch, kSecond, {{2, 4, 0}, {3, 0, 1}});
  broken = false;
  m.pass(kSecond);
  m.step(batch, kSecond, {{3, 0, 1}});
  const BatchAccount account = batch.close();
  EXPECT_EQ(account.requests.at(1).by_tokens_nj(), 10 * kJoule);
  EXPECT_EQ(account.requests.at(2).by_tokens_nj(), std::nullopt);
  EXPECT_EQ(account.requests.at(3).by_time_nj(), std::nullopt) << "never the part that was read";
  EXPECT_EQ(account.whole_nj, std::nullopt);
  EXPECT_NE(account.problem.find("pulled out"), std::string::npos);
}

TEST(BatchEnergy, AStepOfNobodyIsNobodys) {
  Monitored m([](double t) { return 10.0 * t; });
  BatchEnergy batch(*m.monitor);
  m.step(batch, kSecond, {});
  m.step(batch, kSecond, {{1, 0, 0}});
  const BatchAccount account = batch.close();
  EXPECT_TRUE(account.requests.empty());
  EXPECT_EQ(account.steps_nj, 0);
  EXPECT_EQ(account.between_nj, 20 * kJoule);
}

TEST(DivideExactly, LargestRemaindersTakeWhatIsLeft) {
  const auto parts = [](std::int64_t nj, std::vector<std::uint64_t> weights) {
    return divide_exactly(nj, weights);
  };
  using Parts = std::vector<std::int64_t>;
  EXPECT_EQ(parts(10, {1, 1, 1}), (Parts{4, 3, 3}));
  EXPECT_EQ(parts(100, {6, 1, 0}), (Parts{86, 14, 0}));  // 85.71 and 14.29
  EXPECT_EQ(parts(-10, {1, 1, 1}), (Parts{-3, -3, -4}));
  EXPECT_EQ(parts(0, {5, 1}), (Parts{0, 0}));
  EXPECT_EQ(parts(4'000'000'000'000'000'000, {3, 1}),
            (Parts{3'000'000'000'000'000'000, 1'000'000'000'000'000'000}));
}

}  // namespace
}  // namespace wattle::meter
