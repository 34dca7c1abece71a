#include <gtest/gtest.h>

#include <numeric>

#include "base/test_folder.hpp"
#include "meter/formulas.hpp"
#include "meter/meter_parts.hpp"
#include "meter/test_engine.hpp"

namespace wattle::meter {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;

// A counter that follows a function of time in seconds.
class CounterOf final : public sense::PowerSensor {
 public:
  CounterOf(const Clock& clock, std::function<Result<double>(double)> energy_j)
      : clock_(clock), energy_j_(std::move(energy_j)) {
    info_.id = "fake";
    info_.update_period_s = 1e-3;
    info_.default_rate_hz = 100.0;
  }
  [[nodiscard]] const sense::SensorInfo& info() const override { return info_; }
  Result<sense::Reading> read() override {
    const std::int64_t t_ns = clock_.monotonic_ns();
    WATTLE_TRY(const double energy_j, energy_j_(static_cast<double>(t_ns) * 1e-9));
    return sense::Reading{t_ns, energy_j, std::nullopt, std::nullopt};
  }

 private:
  sense::SensorInfo info_;
  const Clock& clock_;
  std::function<Result<double>(double)> energy_j_;
};

struct Bench {
  FakeClock clock{kSecond, 1'000'000'000 * kSecond};
  TestFolder folder;
  FakeSession session{clock};
  MeterOptions options{.root = FsRoot(folder.path())};
  std::unique_ptr<Meter> meter;

  void build(FakeGeneration how, std::function<Result<double>(double)> energy_j) {
    MeterParts parts;
    parts.generate = fake_generate(clock, std::move(how));
    if (energy_j) {
      std::vector<std::unique_ptr<sense::PowerSensor>> sensors;
      sensors.push_back(std::make_unique<CounterOf>(clock, std::move(energy_j)));
      parts.monitor = std::make_unique<sense::EnergyMonitor>(
          std::move(sensors), clock, sense::MonitorOptions{.own_thread = false});
      parts.source = EnergySource{"fake", "counter", "board"};
    } else {
      parts.note = "no sensor here";
    }
    meter = make_meter(std::move(parts), options, clock);
  }
  Result<InferenceRecord> run(std::string_view prompt = "12345") {
    return meter->measure(session, prompt, {});
  }
};

bool has_flag(const std::vector<std::string>& flags, const std::string& text) {
  return std::any_of(flags.begin(), flags.end(),
                     [&](const std::string& f) { return f.find(text) != std::string::npos; });
}

// 5 µs of tokenising, 40 ms prefill, steps of 10, 20, 30 ms, then 5 ms for the end of text.
const FakeGeneration kFourTokens{.prefill_ns = 40 * kMs,
                                 .step_ns = {10 * kMs, 20 * kMs, 30 * kMs},
                                 .last_step_ns = 5 * kMs,
                                 .n_tokens = 4};

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
  const InferenceRecord r = bench.meter->measure(bench.session, "12345", {}, &seen).value();
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

// --- blocks ---

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
