#pragma once
// For tests: a model and session without weights, and a "generation" that takes the times it is
// told to on a fake clock.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "engine/generate.hpp"

namespace wattle::meter {

// One token a byte, at one microsecond a byte.
class FakeTokenizer final : public engine::Tokenizer {
 public:
  explicit FakeTokenizer(FakeClock& clock) : clock_(clock) {}
  [[nodiscard]] std::vector<engine::TokenId> encode(std::string_view text,
                                                    const engine::EncodeOptions&) const override {
    clock_.advance_ns(static_cast<std::int64_t>(text.size()) * 1000);
    return {text.begin(), text.end()};
  }
  [[nodiscard]] std::string piece(engine::TokenId, bool) const override { return "x"; }
  [[nodiscard]] std::string decode(std::span<const engine::TokenId>, bool) const override {
    return {};
  }
  [[nodiscard]] std::size_t vocab_size() const override { return 256; }
  [[nodiscard]] const engine::SpecialTokens& special() const override { return special_; }
  [[nodiscard]] bool is_end_of_generation(engine::TokenId) const override { return false; }

 private:
  FakeClock& clock_;
  engine::SpecialTokens special_;
};

class FakeModel final : public engine::Model {
 public:
  explicit FakeModel(FakeClock& clock) : tokenizer_(clock) {
    config_.name = "fake";
    config_.n_layers = 4;
    config_.d_model = 8;
    config_.d_ff = 16;
    config_.n_heads = 2;
    config_.n_kv_heads = 1;
    config_.head_dim = 4;
    config_.n_vocab = 256;
  }
  [[nodiscard]] const engine::ModelConfig& config() const override { return config_; }
  [[nodiscard]] const engine::Tokenizer& tokenizer() const override { return tokenizer_; }
  [[nodiscard]] const std::filesystem::path& path() const override { return path_; }
  [[nodiscard]] const engine::GgufFile& file() const override { return file_; }
  [[nodiscard]] std::string precision() const override { return "Q4_0"; }
  [[nodiscard]] engine::Arithmetic arithmetic() const override { return engine::Arithmetic::f32; }
  [[nodiscard]] std::uint64_t bytes_per_token(std::uint32_t exit_layer) const override {
    return 1000 * (exit_layer == 0 ? 4U : exit_layer);
  }
  [[nodiscard]] bool exact() const override { return false; }
  [[nodiscard]] int threads() const override { return 1; }
  [[nodiscard]] int decode_threads() const override { return threads(); }
  [[nodiscard]] std::vector<std::span<const std::byte>> weight_memory() const override {
    return {};
  }
  [[nodiscard]] std::string isa() const override { return "scalar"; }

 private:
  engine::GgufFile file_;
  engine::ModelConfig config_;
  FakeTokenizer tokenizer_;
  std::filesystem::path path_ = "fake.gguf";
};

class FakeSession final : public engine::Session {
 public:
  explicit FakeSession(FakeClock& clock) : model_(clock) {}
  [[nodiscard]] const engine::Model& model() const override { return model_; }
  [[nodiscard]] std::uint32_t position() const override { return position_; }
  void set_position(std::uint32_t position) { position_ = position; }
  [[nodiscard]] std::uint32_t context() const override { return 100; }
  [[nodiscard]] std::uint64_t kv_bytes() const override { return 6400; }
  void rewind(std::uint32_t position) override { position_ = position; }

 private:
  std::uint32_t position_ = 0;
  FakeModel model_;
};

struct FakeGeneration {
  std::int64_t prefill_ns = 0;
  std::vector<std::int64_t> step_ns;  // one a token after the first; then the end-of-text step
  std::int64_t last_step_ns = 0;
  std::size_t n_tokens = 0;
  std::function<void()> at_prefill_end = [] {};
};

inline auto fake_generate(FakeClock& clock, FakeGeneration how) {
  return [&clock, how](engine::Session&, std::span<const engine::TokenId> prompt,
                       const engine::GenerateOptions&,
                       engine::GenerateObserver* observer) -> Result<engine::GenerateResult> {
    if (prompt.empty()) return fail(ErrorCode::invalid_argument, "empty prompt");
    engine::GenerateResult result;
    result.n_prompt_tokens = prompt.size();
    result.stop = engine::StopReason::end_of_text;
    observer->prefill_begin(prompt.size());
    clock.advance_ns(how.prefill_ns);
    how.at_prefill_end();
    observer->prefill_end();
    for (std::size_t i = 0; i < how.n_tokens; ++i) {
      if (i > 0) clock.advance_ns(how.step_ns.at(i - 1));
      result.tokens.push_back(
          {.id = 1, .layers = 2 + static_cast<std::uint32_t>(i % 2) * 2, .entropy_nats = 0.5F});
      result.text += "x ";
      if (!observer->token(result.tokens.back(), "x ")) break;
    }
    clock.advance_ns(how.last_step_ns);
    observer->decode_end();
    return result;
  };
}

}  // namespace wattle::meter
