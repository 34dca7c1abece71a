#include <gtest/gtest.h>

#include <cmath>

#include "meter/test_bench.hpp"

namespace wattle::meter {
namespace {

struct BlockRun {
  std::vector<InferenceRecord> records;
  BlockEnergy block;
};

// 60 answers of 105 ms with 10 ms of the caller's own work after each: 6.9 s.
BlockRun run_block(Bench& bench) {
  BlockRun run;
  EXPECT_TRUE(bench.meter->open_block());
  for (int i = 0; i < 60; ++i) {
    run.records.push_back(bench.run().value());
    bench.clock.advance_ns(10 * kMs);
  }
  run.block = bench.meter->close_block().value();
  return run;
}

// 30 W in prefill, 12 W in decode, 3 W otherwise, by the phase times of run_block.
double phased_energy(double t) {
  constexpr double kTokenize = 5e-6, kPrefill = 0.040, kDecode = 0.065, kPeriod = 0.115005;
  const double since = std::max(t - 1.0, 0.0);
  const double n = std::floor(since / kPeriod + 1e-9);
  const double into = std::max(since - n * kPeriod, 0.0);
  const double prefill = std::clamp(into - kTokenize, 0.0, kPrefill);
  const double decode = std::clamp(into - kTokenize - kPrefill, 0.0, kDecode);
  return n * (30.0 * kPrefill + 12.0 * kDecode + 3.0 * (kPeriod - kPrefill - kDecode)) +
         30.0 * prefill + 12.0 * decode + 3.0 * (into - prefill - decode);
}

TEST(Block, SplitsItsEnergyByPhase) {
  Bench bench;
  bench.options.idle_power_w_hint = 2.0;
  bench.build(kFourTokens, phased_energy);
  const auto [records, block] = run_block(bench);
  EXPECT_EQ(block.n_answers, 60U);
  EXPECT_EQ(block.n_output_tokens, 240U);
  EXPECT_NEAR(block.seconds, 6.9003, 1e-9);
  EXPECT_NEAR(block.prefill_seconds, 2.4, 1e-9);
  // Sensors are not read between tokenising and prefill: those 5 µs count at prefill's 30 W.
  constexpr double kTokenizing = 60 * 27.0 * 5e-6;
  EXPECT_NEAR(block.prefill->gross_j, 60 * 1.2, kTokenizing);
  EXPECT_NEAR(block.decode->gross_j, 60 * 0.78, 1e-6);
  EXPECT_NEAR(block.other->gross_j, 60 * 3.0 * 5e-6, kTokenizing);
  EXPECT_NEAR(block.between->gross_j, 60 * 0.03, 1e-6);
  EXPECT_NEAR(block.answers->gross_j + block.between->gross_j, block.energy->gross_j, 1e-9);
  EXPECT_NEAR(block.prefill->net_j.value(), 60 * (1.2 - 0.08), kTokenizing);
  EXPECT_FALSE(has_flag(block.flags, "below 5 s"));
}

// Mistake in an earlier tool: simulated delays counted as inference energy.
TEST(Block, SharesSumToTheAnswersAndLeaveOutWhatLiesBetween) {
  Bench bench;
  bench.options.idle_power_w_hint = 2.0;
  bench.build(kFourTokens, phased_energy);
  auto [records, block] = run_block(bench);
  ASSERT_TRUE(attribute(records, block));
  double gross_j = 0.0, net_j = 0.0, prefill_j = 0.0, decode_j = 0.0, uncertainty_j = 0.0;
  for (const InferenceRecord& r : records) {
    gross_j += r.energy->gross_j;
    net_j += r.energy->net_j.value();
    prefill_j += r.energy_prefill->gross_j;
    decode_j += r.energy_decode->gross_j;
    uncertainty_j += r.energy->uncertainty_j;
  }
  EXPECT_NEAR(gross_j, block.answers->gross_j, 1e-9);
  EXPECT_NEAR(gross_j, block.energy->gross_j - block.between->gross_j, 1e-9);
  EXPECT_NEAR(net_j, block.answers->net_j.value(), 1e-9);
  EXPECT_NEAR(prefill_j, block.prefill->gross_j, 1e-9);
  EXPECT_NEAR(decode_j, block.decode->gross_j, 1e-9);
  EXPECT_NEAR(uncertainty_j, block.answers->uncertainty_j, 1e-9);
  const InferenceRecord& r = records.front();
  EXPECT_EQ(r.energy_block_answers, 60U);
  EXPECT_NEAR(r.energy_per_output_token_j_gross.value(), r.energy->gross_j / 4.0, 1e-12);
  EXPECT_FALSE(has_flag(r.flags, "window 0.105 s")) << "the short window's flag no longer holds";
}

TEST(Block, ASlowSensorIsResolvedByTheBlockAlthoughNoAnswerIs) {
  // Constant 20 W under a counter that changes once a second.
  Bench bench;
  bench.build(kFourTokens, [](double t) { return 20.0 * std::floor(t); });
  auto [records, block] = run_block(bench);
  ASSERT_TRUE(attribute(records, block));
  double gross_j = 0.0;
  for (const InferenceRecord& r : records) gross_j += r.energy.value().gross_j;
  EXPECT_NEAR(block.energy->gross_j, 120.0, 1e-9) << "6 of 6.9 s have shown";
  EXPECT_NEAR(gross_j, block.answers->gross_j, 1e-9);
  EXPECT_TRUE(has_flag(records[0].flags, "sensor updates (below 50)"));
}

TEST(Block, OnlyItsOwnAnswersCanBeAttributed) {
  Bench bench;
  bench.build(kFourTokens, phased_energy);
  auto [records, block] = run_block(bench);
  std::vector<InferenceRecord> too_few(records.begin(), records.end() - 1);
  EXPECT_EQ(attribute(too_few, block).error().code, ErrorCode::invalid_argument);
  records[3].prefill_ms += 1.0;
  EXPECT_FALSE(attribute(records, block));
}

TEST(Block, OpensOnceAndClosesOnce) {
  Bench bench;
  bench.build(kFourTokens, phased_energy);
  EXPECT_FALSE(bench.meter->close_block());
  EXPECT_FALSE(bench.meter->block_seconds());
  ASSERT_TRUE(bench.meter->open_block());
  EXPECT_FALSE(bench.meter->open_block());
  bench.clock.advance_ns(kSecond);
  EXPECT_NEAR(bench.meter->block_seconds().value(), 1.0, 1e-9);
  const BlockEnergy empty = bench.meter->close_block().value();
  EXPECT_EQ(empty.n_answers, 0U);
  EXPECT_NEAR(empty.between->gross_j, empty.energy->gross_j, 1e-12);
  EXPECT_TRUE(attribute({}, empty));
}

TEST(Block, AFailureInsideLeavesNoEnergyAndAFlag) {
  Bench bench;
  int runs = 0;
  bool broken = false;
  FakeGeneration how = kFourTokens;
  how.at_prefill_end = [&] { broken = ++runs == 30; };
  bench.build(how, [&](double t) -> Result<double> {
    if (broken) return fail(ErrorCode::io, "Input/output error");
    return 10.0 * t;
  });
  auto [records, block] = run_block(bench);
  EXPECT_FALSE(block.energy);
  EXPECT_FALSE(block.answers);
  EXPECT_TRUE(has_flag(block.flags, "Input/output error"));
  ASSERT_TRUE(attribute(records, block));
  EXPECT_FALSE(records[0].energy) << "not the part that happened to be measured";
  EXPECT_TRUE(has_flag(records[0].flags, "Input/output error"));
}

TEST(Block, WithoutASensorTimesRemain) {
  Bench bench;
  bench.build(kFourTokens, nullptr);
  auto [records, block] = run_block(bench);
  EXPECT_FALSE(block.energy);
  EXPECT_NEAR(block.decode_seconds, 60 * 0.065, 1e-9);
  ASSERT_TRUE(attribute(records, block));
  EXPECT_FALSE(records[0].energy);
}

}  // namespace
}  // namespace wattle::meter
