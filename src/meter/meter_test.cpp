#include <gtest/gtest.h>

#include "meter/formulas.hpp"
#include "meter/test_bench.hpp"

namespace wattle::meter {
namespace {

TEST(Meter, TimesFollowTheirDefinitions) {
  Bench bench;
  bench.build(kFourTokens, nullptr);
  const InferenceRecord r = bench.run().value();
  EXPECT_EQ(r.timestamp, "2001-09-09T01:46:40.000Z");
  EXPECT_EQ(r.n_prompt_tokens, 5U);
  EXPECT_EQ(r.n_output_tokens, 4U);
  EXPECT_DOUBLE_EQ(r.tokenize_ms, 0.005);
  EXPECT_DOUBLE_EQ(r.ttft_ms.value(), 40.005) << "tokenisation is part of it";
  EXPECT_DOUBLE_EQ(r.prefill_ms, 40.0);
  EXPECT_DOUBLE_EQ(r.decode_ms, 65.0);
  EXPECT_DOUBLE_EQ(r.e2e_latency_ms, 105.005);
  EXPECT_EQ(r.itl_ms, (std::vector<double>{10.0, 20.0, 30.0}));
  EXPECT_DOUBLE_EQ(r.tpot_ms.value(), 65.0 / 3.0);
  EXPECT_NEAR(r.output_tokens_per_s.value(), 4.0 / 0.105005, 1e-9);
  EXPECT_NEAR(r.total_tokens_per_s.value(), 9.0 / 0.105005, 1e-9);
  EXPECT_DOUBLE_EQ(r.prefill_tokens_per_s.value(), 125.0);
  EXPECT_DOUBLE_EQ(r.mean_layers, 3.0);
  EXPECT_DOUBLE_EQ(r.mean_entropy_nats.value(), 0.5);
  EXPECT_EQ(r.stop_reason, "end_of_text");
}

TEST(Meter, TimePerOutputTokenIsUndefinedForOneToken) {
  Bench bench;
  bench.build({.prefill_ns = 40 * kMs, .n_tokens = 1}, nullptr);
  const InferenceRecord r = bench.run().value();
  EXPECT_FALSE(r.tpot_ms);
  EXPECT_TRUE(r.itl_ms.empty());
  EXPECT_TRUE(r.ttft_ms);
}

TEST(Meter, NoTokenHasNoTimeToFirstTokenAndNoEnergyPerToken) {
  Bench bench;
  bench.build({.prefill_ns = 40 * kMs}, [](double t) { return 10.0 * t; });
  const InferenceRecord r = bench.run().value();
  EXPECT_FALSE(r.ttft_ms);
  EXPECT_FALSE(r.energy_per_output_token_j_gross);
  EXPECT_FALSE(r.output_tokens_per_j);
  EXPECT_NEAR(r.energy_prefill->gross_j, 0.4, 1e-9);
}

TEST(Meter, WithoutASensorEnergyIsAbsentAndSaysWhy) {
  Bench bench;
  bench.build(kFourTokens, nullptr);
  const InferenceRecord r = bench.run().value();
  EXPECT_FALSE(r.energy);
  EXPECT_FALSE(r.energy_source);
  EXPECT_FALSE(r.avg_power_w);
  EXPECT_TRUE(has_flag(r.flags, "energy: none: no sensor here"));
  EXPECT_EQ(bench.meter->measure_idle(1.0).error().code, ErrorCode::unavailable);
}

TEST(Meter, PhasesHaveTheirOwnEnergyAndMeetExactly) {
  // 30 W until prefill ends at 1.040005 s, 10 W after: 1.2 J and 0.65 J, and 0.15 mJ of tokenising.
  Bench bench;
  bench.build(kFourTokens, [](double t) {
    constexpr double kEnd = 1.040005;
    return 30.0 * std::min(t, kEnd) + 10.0 * std::max(t - kEnd, 0.0);
  });
  const InferenceRecord r = bench.run().value();
  EXPECT_NEAR(r.energy_prefill->gross_j, 1.2, 1e-9);
  EXPECT_NEAR(r.energy_decode->gross_j, 0.65, 1e-9);
  EXPECT_NEAR(r.energy->gross_j, 1.85015, 1e-9);
  EXPECT_NEAR(r.energy_per_output_token_j_gross.value(), 1.85015 / 4.0, 1e-9);
  EXPECT_NEAR(r.energy_per_total_token_j_gross.value(), 1.85015 / 9.0, 1e-9);
  EXPECT_NEAR(r.energy_per_request_j_gross.value(), 1.85015, 1e-9);
  EXPECT_NEAR(r.output_tokens_per_j.value(), 4.0 / 1.85015, 1e-9);
  EXPECT_NEAR(r.avg_power_w.value(), 1.85015 / 0.105005, 1e-6);
  EXPECT_NEAR(r.edp_js.value(), 1.85015 * 0.105005, 1e-9) << "joule seconds, not milliseconds";
  EXPECT_EQ(r.energy_source.value(), (EnergySource{"fake", "counter", "board"}));
}

TEST(Meter, ALaterTurnCountsWhatStandsBefore) {
  Bench bench;
  bench.build(kFourTokens, {});
  const InferenceRecord first = bench.run("12345").value();
  bench.session.set_position(9);
  const std::vector<engine::TokenId> pending = {7};
  const InferenceRecord later =
      bench.meter->measure(bench.session, {.text = "2345", .before = pending}, {}).value();
  EXPECT_EQ(later.n_prompt_tokens, 5U) << "the pending token is one of the prompt";
  const ModelShape shape = shape_of(bench.session.model().config());
  EXPECT_DOUBLE_EQ(later.flops_prefill.value(),
                   first.flops_prefill.value() + flops_of_past(shape, 9, 5));
  double more = 0.0;  // the steps leave after 4, 2 and 4 layers
  for (const std::uint64_t layers : {4U, 2U, 4U}) {
    more += flops_decode_step(shape, 9, layers) - flops_decode_step(shape, 0, layers);
  }
  EXPECT_NEAR(later.flops_decode.value(), first.flops_decode.value() + more, 1e-6);
}

// Mistake in an earlier tool: the power window was taken before the inference.
TEST(Meter, PowerOutsideTheInferenceIsNotInIt) {
  // 100 W before 1 s and after 1.105005 s, 10 W between.
  Bench bench;
  bench.build(kFourTokens, [](double t) {
    constexpr double kEnd = 1.105005;
    return 100.0 * std::min(t, 1.0) + 10.0 * (std::clamp(t, 1.0, kEnd) - 1.0) +
           100.0 * std::max(t - kEnd, 0.0);
  });
  EXPECT_NEAR(bench.run()->energy->gross_j, 1.05005, 1e-9);
}

TEST(Meter, NetIsGrossMinusIdlePowerTimesTime) {
  Bench bench;
  bench.build(kFourTokens, [](double t) { return 10.0 * t; });
  EXPECT_FALSE(bench.run()->energy->net_j) << "no baseline yet";
  const IdleBaseline idle = bench.meter->measure_idle(2.0).value();
  EXPECT_NEAR(idle.power_w, 10.0, 1e-9);
  const InferenceRecord r = bench.run().value();
  EXPECT_NEAR(r.energy->net_j.value(), 0.0, 1e-9);
  EXPECT_NEAR(r.energy->baseline_j.value(), idle.standard_error_w * 0.105005, 1e-9);
  EXPECT_NEAR(r.idle_power_w.value(), 10.0, 1e-9);
}

TEST(Meter, ANetBelowZeroKeepsItsSignAndIsFlagged) {
  Bench bench;
  bench.options.idle_power_w_hint = 12.0;
  bench.build(kFourTokens, [](double t) { return 10.0 * t; });
  const InferenceRecord r = bench.run().value();
  EXPECT_NEAR(r.energy->net_j.value(), -2.0 * 0.105005, 1e-9);
  EXPECT_TRUE(has_flag(r.flags, "net below zero"));
}

TEST(Meter, ADriftingBaselineIsFlagged) {
  Bench bench;
  bench.build(kFourTokens,
              [](double t) { return t < 20.0 ? 10.0 * t : 200.0 + 11.0 * (t - 20.0); });
  ASSERT_TRUE(bench.meter->measure_idle(5.0));
  EXPECT_DOUBLE_EQ(bench.meter->idle_drift().value(), 0.0);
  bench.clock.advance_ns(30 * kSecond);
  ASSERT_TRUE(bench.meter->measure_idle(5.0));
  EXPECT_NEAR(bench.meter->idle_drift().value(), 0.1, 1e-6);
  EXPECT_TRUE(has_flag(bench.run()->flags, "idle power drifted by +10.0 %"));
}

TEST(Meter, AShortWindowStatesItsUncertainty) {
  Bench bench;
  bench.build(kFourTokens, [](double t) { return 10.0 * t; });
  const InferenceRecord r = bench.run().value();
  EXPECT_TRUE(has_flag(r.flags, "window 0.105 s (below 5 s), 2 sensor updates (below 50)"));
  EXPECT_GT(r.energy->uncertainty_j, 0.0);
}

TEST(Meter, ASensorThatStoodStillSaysNothing) {
  // Updates once a second: not within these 105 ms.
  Bench bench;
  bench.build(kFourTokens, [](double t) { return std::floor(t); });
  const InferenceRecord r = bench.run().value();
  EXPECT_FALSE(r.energy) << "not 0 J";
  EXPECT_TRUE(has_flag(r.flags, "the sensor did not update within the answer"));
}

TEST(Meter, ASensorFailingMidRunLeavesTimesAndNoEnergy) {
  Bench bench;
  bool broken = false;
  FakeGeneration how = kFourTokens;
  how.at_prefill_end = [&] { broken = true; };
  bench.build(how, [&](double t) -> Result<double> {
    if (broken) return fail(ErrorCode::io, "Input/output error");
    return 10.0 * t;
  });
  const InferenceRecord r = bench.run().value();
  EXPECT_FALSE(r.energy);
  EXPECT_FALSE(r.energy_decode);
  EXPECT_DOUBLE_EQ(r.decode_ms, 65.0);
  EXPECT_TRUE(has_flag(r.flags, "energy: none: fake: Input/output error"));
}

TEST(Meter, PassesOnTheErrorOfTheEngine) {
  Bench bench;
  bench.build(kFourTokens, nullptr);
  EXPECT_EQ(bench.run("").error().what, "empty prompt");
}

TEST(Meter, TheCallersObserverSeesEverything) {
  struct Seen final : engine::GenerateObserver {
    void prefill_begin(std::size_t n) override { events += "b" + std::to_string(n); }
    void prefill_end() override { events += "e"; }
    bool token(const engine::GeneratedToken&, std::string_view) override {
      events += "t";
      return events.size() < 5;
    }
    void decode_end() override { events += "d"; }
    std::string events;
  } seen;
  Bench bench;
  bench.build(kFourTokens, nullptr);
  const InferenceRecord r =
      bench.meter->measure(bench.session, {.text = "12345"}, {}, &seen).value();
  EXPECT_EQ(seen.events, "b5ettd") << "cancelled by its second token";
  EXPECT_EQ(r.n_output_tokens, 2U);
}

// Mistake in an earlier tool: words counted as tokens.
TEST(Meter, CountsTheModelsTokensNotWords) {
  Bench bench;
  bench.build(kFourTokens, nullptr);
  EXPECT_EQ(bench.run("two words")->n_prompt_tokens, 9U);
}

TEST(Meter, ComputeAndBandwidthUseMeasuredPeaks) {
  Bench bench;
  bench.options.peak_flops_per_s = 1e6;
  bench.options.peak_bytes_per_s = 1e6;
  bench.build(kFourTokens, nullptr);
  const InferenceRecord r = bench.run().value();
  const ModelShape shape = shape_of(bench.session.model().config());
  EXPECT_DOUBLE_EQ(r.flops_prefill.value(), flops_prefill(shape, 5));
  // Tokens 2 to 4 ran 4, 2, 4 layers at contexts 6, 7, 8.
  const double decode = flops_decode_step(shape, 6, 4) + flops_decode_step(shape, 7, 2) +
                        flops_decode_step(shape, 8, 4);
  EXPECT_DOUBLE_EQ(r.flops_decode.value(), decode);
  EXPECT_NEAR(r.mfu.value(), (*r.flops_prefill + decode) / 0.105 / 1e6, 1e-9);
  // Weights 4000, 2000, 4000; 64 bytes of KV a position over all layers: 6·64, 7·32, 8·64.
  const double bytes = (4000 + 2000 + 4000 + 6 * 64 + 7 * 32 + 8 * 64) / 3.0;
  EXPECT_NEAR(r.mbu.value(), bytes / (0.065 / 3.0) / 1e6, 1e-9);
}

TEST(Meter, CarbonOnlyWhereAnIntensityWasGiven) {
  Bench bench;
  bench.build(kFourTokens, [](double t) { return 10.0 * t; });
  EXPECT_FALSE(bench.run()->co2e_g);
  bench.options.carbon_g_per_kwh = 475.0;
  bench.options.pue = 1.2;
  bench.build(kFourTokens, [](double t) { return 10.0 * t; });
  EXPECT_NEAR(bench.run()->co2e_g.value(), 1.05005 / 3.6e6 * 1.2 * 475.0, 1e-12);
}

TEST(Meter, PeakMemoryIsResetBeforeTheInferenceAndReadAfterIt) {
  Bench bench;
  bench.folder.write("proc/self/clear_refs", "");
  bench.folder.write("proc/self/status", "Name:\twattle\nVmHWM:\t    1000 kB\nVmRSS:\t 900 kB\n");
  FakeGeneration how = kFourTokens;
  how.at_prefill_end = [&] {
    EXPECT_EQ(bench.options.root.read_text("/proc/self/clear_refs").value(), "5");
    bench.folder.write("proc/self/clear_refs", "");
    bench.folder.write("proc/self/status", "VmHWM:\t    2048 kB\n");
  };
  bench.build(how, nullptr);
  const InferenceRecord r = bench.run().value();
  EXPECT_EQ(r.peak_rss_bytes, 2048U * 1024U);
  EXPECT_EQ(bench.options.root.read_text("/proc/self/clear_refs").value(), "")
      << "reset again just before it was read";
  EXPECT_FALSE(has_flag(r.flags, "peak memory"));
}

TEST(Meter, PeakMemoryThatCannotBeResetIsSaidToBeTheProcesss) {
  Bench bench;
  bench.folder.write("proc/self/status", "VmHWM:\t    2048 kB\n");
  bench.build(kFourTokens, nullptr);
  EXPECT_TRUE(has_flag(bench.run()->flags, "peak memory is the process's"));
}

TEST(Meter, PowerTraceCoversTheRun) {
  Bench bench;
  bench.build({.prefill_ns = 500 * kMs, .last_step_ns = 500 * kMs, .n_tokens = 1},
              [](double t) { return 8.0 * t; });
  const std::int64_t since = bench.clock.monotonic_ns();
  ASSERT_TRUE(bench.run());
  const auto trace = bench.meter->power_trace(since, 10);
  ASSERT_EQ(trace.size(), 10U);
  for (const auto& point : trace) EXPECT_NEAR(point.power_w, 8.0, 1e-6);
}

}  // namespace
}  // namespace wattle::meter
