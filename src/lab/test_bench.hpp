#pragma once
// For tests: a meter and an engine session that take time from a fake clock and power from a
// constant, so that every figure of a run is known beforehand.

#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "engine/generate.hpp"
#include "lab/plan.hpp"
#include "lab/runner.hpp"
#include "meter/measure.hpp"

namespace wattle::lab {

class FakeModel final : public engine::Model {
 public:
  explicit FakeModel(std::filesystem::path path) : path_(std::move(path)) {}
  [[nodiscard]] const engine::ModelConfig& config() const override { return config_; }
  [[nodiscard]] const engine::Tokenizer& tokenizer() const override { std::abort(); }
  [[nodiscard]] const std::filesystem::path& path() const override { return path_; }
  [[nodiscard]] const engine::GgufFile& file() const override { return file_; }
  [[nodiscard]] std::string precision() const override { return "F16"; }
  [[nodiscard]] engine::Arithmetic arithmetic() const override { return engine::Arithmetic::f32; }
  [[nodiscard]] std::uint64_t bytes_per_token(std::uint32_t) const override { return 1; }
  [[nodiscard]] bool exact() const override { return false; }
  [[nodiscard]] int threads() const override { return 1; }
  [[nodiscard]] int decode_threads() const override { return 1; }
  [[nodiscard]] std::vector<std::span<const std::byte>> weight_memory() const override {
    return {};
  }
  [[nodiscard]] std::string isa() const override { return "fake"; }

 private:
  engine::GgufFile file_;
  engine::ModelConfig config_;
  std::filesystem::path path_;
};

class FakeSession final : public engine::Session {
 public:
  explicit FakeSession(const std::filesystem::path& path) : model_(path) {}
  [[nodiscard]] const engine::Model& model() const override { return model_; }
  [[nodiscard]] std::uint32_t position() const override { return 0; }
  [[nodiscard]] std::uint32_t context() const override { return 64; }
  [[nodiscard]] std::uint64_t kv_bytes() const override { return 0; }
  void rewind(std::uint32_t) override {}

 private:
  FakeModel model_;
};

// Every answer takes 0.3 s, makes 4 tokens and repeats its prompt; power is 10 W, idle 4 W.
class FakeMeter final : public meter::Meter {
 public:
  static constexpr double kPowerW = 10.0, kIdleW = 4.0, kAnswerS = 0.3;
  static constexpr std::uint64_t kTokens = 4;

  explicit FakeMeter(FakeClock& clock) : clock_(clock) {}

  // Called before each answer with its number from 1; an error fails the answer.
  std::function<Status(int number)> before_answer;
  double second_idle_w = kIdleW;
  std::vector<std::string> prompts;  // as measured, warm-up included
  std::vector<std::uint32_t> exit_layers;
  std::vector<std::uint64_t> seeds;

  Result<meter::IdleBaseline> measure_idle(double seconds) override {
    clock_.sleep_ns(static_cast<std::int64_t>(seconds * 1e9));
    const double power_w = idle_ ? second_idle_w : kIdleW;
    idle_ = meter::IdleBaseline{power_w, 0.01, seconds};
    return *idle_;
  }
  [[nodiscard]] std::optional<meter::IdleBaseline> idle() const override { return idle_; }
  [[nodiscard]] std::optional<double> idle_drift() const override { return std::nullopt; }
  [[nodiscard]] std::optional<meter::EnergySource> energy_source() const override {
    return meter::EnergySource{"fake", "counter", "package-0"};
  }
  [[nodiscard]] std::string energy_note() const override { return {}; }
  [[nodiscard]] double sample_rate_hz() const override { return 100.0; }
  [[nodiscard]] meter::SamplerCost sampler_cost() const override { return {}; }

  Result<meter::InferenceRecord> measure(engine::Session&, const meter::Prompt& prompt,
                                         const engine::GenerateOptions& options,
                                         engine::GenerateObserver*) override {
    prompts.emplace_back(prompt.text);
    exit_layers.push_back(options.exit.layer);
    seeds.push_back(options.sampling.seed);
    if (before_answer) WATTLE_CHECK(before_answer(static_cast<int>(prompts.size())));
    clock_.sleep_ns(static_cast<std::int64_t>(kAnswerS * 1e9));
    meter::InferenceRecord record;
    record.timestamp = "2026-01-02T03:04:05.000Z";
    record.n_prompt_tokens = 10;
    record.n_output_tokens = kTokens;
    record.output_text = std::string(prompt.text);
    record.stop_reason = "end_of_text";
    record.ttft_ms = record.prefill_ms = 100.0;
    record.decode_ms = 200.0;
    record.e2e_latency_ms = kAnswerS * 1e3;
    meter::derive(record);
    if (block_start_ns_) {
      answers_s_ += kAnswerS;
      ++n_answers_;
    }
    return record;
  }

  Status open_block() override {
    block_start_ns_ = clock_.monotonic_ns();
    answers_s_ = 0.0;
    n_answers_ = 0;
    return {};
  }
  Result<meter::BlockEnergy> close_block() override {
    meter::BlockEnergy block;
    block.seconds = *block_seconds();
    const auto energy = [](double seconds) {
      return meter::Energy{
          kPowerW * seconds, (kPowerW - kIdleW) * seconds, 0.01, 0.008, 0.006, 0.002};
    };
    block.source = energy_source();
    block.energy = energy(block.seconds);
    block.answers = energy(answers_s_);
    block.prefill = energy(answers_s_ / 3.0);
    block.decode = energy(answers_s_ * 2.0 / 3.0);
    block.other = energy(0.0);
    block.between = energy(block.seconds - answers_s_);
    block.prefill_seconds = answers_s_ / 3.0;
    block.decode_seconds = answers_s_ * 2.0 / 3.0;
    block.between_seconds = block.seconds - answers_s_;
    block.avg_power_w = kPowerW;
    block.idle_power_w = kIdleW;
    block.n_answers = n_answers_;
    block.n_output_tokens = n_answers_ * kTokens;
    block.n_updates = static_cast<std::uint64_t>(block.seconds * 100.0);
    block_start_ns_.reset();
    return block;
  }
  [[nodiscard]] std::optional<double> block_seconds() const override {
    if (!block_start_ns_) return std::nullopt;
    return static_cast<double>(clock_.monotonic_ns() - *block_start_ns_) * 1e-9;
  }
  [[nodiscard]] std::vector<meter::PowerSample> power_trace(std::int64_t since_ns,
                                                            std::size_t) const override {
    return {{since_ns, kPowerW}, {clock_.monotonic_ns(), kPowerW}};
  }

 private:
  FakeClock& clock_;
  std::optional<meter::IdleBaseline> idle_;
  std::optional<std::int64_t> block_start_ns_;
  double answers_s_ = 0.0;
  std::uint64_t n_answers_ = 0;
};

// Two models of 16 layers, exits at 8 and full depth, one suite of three prompts.
inline Plan test_plan(const std::filesystem::path& output, std::uint32_t n_trials = 2) {
  Plan plan;
  plan.manifest.name = "test";
  plan.manifest.source = "test.yaml";
  plan.manifest.trials = n_trials;
  plan.manifest.warmup = 1;
  plan.manifest.exit_layers = {{8, {}}, {0, {}}};
  plan.manifest.measure.idle_seconds = 2.0;
  plan.manifest.measure.min_block_seconds = 0.0;
  plan.manifest.measure.min_sensor_updates = 0;
  plan.manifest.output = output;
  plan.manifest.suites = {SuiteEntry{"s", "s.jsonl", 0, false, {}}};
  plan.suites = {Suite{"s",
                       std::string(64, 'c'),
                       {{"a", "alpha", {{"word", "ALPHA"}}},
                        {"b", "beta", {{"word", "beta"}}},
                        {"c", "gamma", {{"word", "delta"}}}}}};
  for (const char* name : {"one", "two"}) {
    ModelVariant variant;
    variant.model = name;
    variant.file = std::string(name) + ".gguf";
    variant.sha256 = std::string(64, name[0]);
    variant.precision = "F16";
    variant.n_layers = 16;
    for (const std::uint32_t exit : {8U, 0U}) {
      plan.configurations.push_back({static_cast<std::int64_t>(plan.configurations.size()) + 1,
                                     name, variant.sha256, "F16", exit, 16, "s"});
      plan.variant_of.push_back(plan.variants.size());
      plan.suite_of.push_back(0);
    }
    plan.variants.push_back(variant);
  }
  return plan;
}

}  // namespace wattle::lab
