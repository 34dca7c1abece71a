#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/test_folder.hpp"
#include "base/test_shared.hpp"
#include "meter/measure.hpp"
#include "wattle_folders.hpp"

namespace wattle::meter {
namespace {

FsRoot board(const std::string& name) {
  return FsRoot(std::filesystem::path(WATTLE_SOURCE_DIR) / "tests/fixtures/sysroots" / name);
}

TEST(MeterCreate, ChoosesCountersBeforeTheModel) {
  SystemClock clock;
  const auto server = Meter::create({.root = board("dual-package-server")}, clock).value();
  EXPECT_EQ(server->energy_source()->kind, "counter");
  EXPECT_EQ(server->energy_source()->scope,
            "package-0 + package-1 + dram of package-0 + dram of package-1");
  const auto guest = Meter::create(
      {.root = board("virtual-machine"), .model_idle_w = 4.0, .model_max_w = 9.0}, clock);
  EXPECT_EQ((*guest)->energy_source()->sensor, "utilisation-model");
  EXPECT_EQ((*guest)->energy_source()->scope, "all cores, modelled 4–9 W");
}

TEST(MeterCreate, NeverFailsForWantOfASensor) {
  SystemClock clock;
  const TestFolder empty;
  const auto meter = Meter::create({.root = FsRoot(empty.path())}, clock).value();
  EXPECT_FALSE(meter->energy_source());
  EXPECT_NE(meter->energy_note().find("powercap"), std::string::npos);
  const auto off = Meter::create({.energy = false}, clock).value();
  EXPECT_FALSE(off->energy_source());
  EXPECT_EQ(off->sample_rate_hz(), 0.0);
}

// The whole chain on a real engine, real clock and the sensors of this machine.
TEST(MeterCreate, MeasuresARealInference) {
  const auto file = shared_data() / "conformance/quant/nano-Q8_0.gguf";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no " << file;
  SystemClock clock;
  const auto model = engine::Model::load(file).value();
  const auto session = engine::Session::create(model).value();
  const auto meter = Meter::create({}, clock).value();
  ASSERT_TRUE(meter->open_block());
  std::vector<InferenceRecord> records;
  for (int i = 0; i < 5; ++i) {
    session->rewind(0);
    records.push_back(meter
                          ->measure(*session, {.text = "Once upon a time"},
                                    {.max_tokens = 16, .ignore_eos = true})
                          .value());
  }
  const BlockEnergy block = meter->close_block().value();
  ASSERT_TRUE(attribute(records, block));
  for (const InferenceRecord& r : records) {
    EXPECT_EQ(r.n_output_tokens, 16U);
    EXPECT_EQ(r.itl_ms.size(), 15U);
    EXPECT_GT(r.ttft_ms.value(), 0.0);
    EXPECT_GE(r.e2e_latency_ms, r.prefill_ms + r.decode_ms);
    EXPECT_NEAR(r.e2e_latency_ms, r.ttft_ms.value() + r.tpot_ms.value() * 15.0, 1e-6);
    EXPECT_GT(r.peak_rss_bytes.value_or(1), 0U);
    if (block.energy) {
      EXPECT_GT(r.energy.value().gross_j, 0.0);
    }
  }
}

// Observers and phases are those of a plain run; what is not one step a token is not guessed at.
TEST(MeterCreate, MeasuresSpeculationAndRecomputingWithoutFiguresThatWouldLeaveWorkOut) {
  SystemClock clock;
  const auto model =
      engine::Model::load(std::filesystem::path(WATTLE_SOURCE_DIR) / "models/telemetry-16l.gguf")
          .value();
  const auto session = engine::Session::create(model, {.context = 256}).value();
  const auto meter =
      Meter::create({.peak_bytes_per_s = 1e10, .peak_flops_per_s = 1e12}, clock).value();
  const auto measure = [&](const engine::GenerateOptions& options) {
    session->rewind(0);
    const auto record =
        meter->measure(*session, {.text = "Telemetry: temp: 118.6 F. What is going on?"}, options);
    EXPECT_TRUE(record) << record.error().message();
    return *record;
  };
  engine::GenerateOptions options{.max_tokens = 20, .ignore_eos = true};
  ASSERT_TRUE(meter->open_block());
  const InferenceRecord plain = measure(options);
  EXPECT_TRUE(plain.flops_decode && plain.mfu && plain.mbu);
  EXPECT_EQ(plain.speculation, "");
  EXPECT_FALSE(plain.n_drafted_tokens);
  options.speculation.kind = engine::SpeculationOptions::Kind::self;
  options.speculation.draft_layers = 8;
  const InferenceRecord guessed = measure(options);
  EXPECT_EQ(guessed.output_text, plain.output_text);
  EXPECT_EQ(guessed.n_output_tokens, 20U);
  EXPECT_EQ(guessed.itl_ms.size(), 19U);
  EXPECT_EQ(guessed.speculation, "self:8:3");
  EXPECT_EQ(1 + guessed.n_accepted_tokens.value() + guessed.n_verification_passes.value(), 20U);
  EXPECT_GE(guessed.n_drafted_tokens.value(), guessed.n_accepted_tokens.value());
  EXPECT_NEAR(guessed.e2e_latency_ms, guessed.ttft_ms.value() + guessed.tpot_ms.value() * 19.0,
              1e-6);
  EXPECT_EQ(guessed.energy_source, plain.energy_source);
  const BlockEnergy block = meter->close_block().value();
  std::vector<InferenceRecord> both = {plain, guessed};
  ASSERT_TRUE(attribute(both, block));
  EXPECT_EQ(both[1].energy.has_value(), block.energy.has_value());
  EXPECT_TRUE(guessed.flops_prefill);
  EXPECT_FALSE(guessed.flops_decode || guessed.mfu || guessed.mbu);
  options.speculation = {};
  options.exit.margin = 0.5F;
  options.exit.min_layer = 4;
  const InferenceRecord left = measure(options);
  EXPECT_EQ(left.exit_rule, "margin:0.5");
  EXPECT_LT(left.mean_layers, 16.0);
  EXPECT_TRUE(left.flops_decode);
  options.exit.kv = engine::ExitKv::recompute;
  EXPECT_FALSE(measure(options).flops_decode);
}

}  // namespace
}  // namespace wattle::meter
