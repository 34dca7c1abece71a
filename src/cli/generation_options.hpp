#pragma once
// The options that `wattle run` and `wattle chat` share: which model, how deep, how to choose.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/generate.hpp"

namespace wattle::cli {

struct GenerationOptions {
  std::string model;
  std::uint32_t context = 0;
  std::string kv = "f16";
  int threads = 0;
  bool exact = false;
  bool json = false;
  std::optional<float> exit_entropy;
  engine::GenerateOptions generate;
};

void add_generation_options(CLI::App& command, GenerationOptions& options);

struct OpenModel {
  std::shared_ptr<const engine::Model> model;
  std::unique_ptr<engine::Session> session;
};
[[nodiscard]] Result<OpenModel> open_model(const GenerationOptions& options);

// Prints text to standard output as it is generated and times the phases.
class StreamingObserver final : public engine::GenerateObserver {
 public:
  StreamingObserver(const Clock& clock, bool print) : clock_(clock), print_(print) {}
  void prefill_begin(std::size_t n_prompt_tokens) override;
  void prefill_end() override;
  bool token(const engine::GeneratedToken& token, std::string_view text) override;
  void text_rest(std::string_view text) override;
  void decode_end() override;

  // Prefill begun → the first token's text can be shown.
  [[nodiscard]] double ttft_ms() const;
  // Prompt tokens per second of prefill.
  [[nodiscard]] double prefill_tokens_per_s() const;
  // Tokens after the first per second; 0 if there are none.
  [[nodiscard]] double decode_tokens_per_s() const;
  [[nodiscard]] double mean_layers() const;

 private:
  void print(std::string_view text) const;
  const Clock& clock_;
  bool print_;
  std::size_t n_prompt_ = 0;
  std::size_t n_tokens_ = 0;
  std::uint64_t layers_ = 0;
  std::int64_t begin_ns_ = 0;
  std::int64_t prefill_end_ns_ = 0;
  std::int64_t first_token_ns_ = 0;
  std::int64_t last_token_ns_ = 0;
};

// "12 + 40 tokens, ttft 81 ms, prefill 148.1 tok/s, decode 61.2 tok/s, stop: end_of_text"
[[nodiscard]] std::string cost_line(const engine::GenerateResult& result,
                                    const StreamingObserver& observer, std::uint32_t n_layers);

}  // namespace wattle::cli
