#pragma once
// What changes a model's logits before a token is chosen: bias, repetition, frequency and presence
// penalties. docs/sampling.md says in which order and over which tokens.

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/generate.hpp"

namespace wattle::engine {

// One sequence's penalties. The model's logits are left as they are.
class LogitProcessor {
 public:
  // `prompt` is what the repetition penalty counts besides the generated tokens; it is copied.
  LogitProcessor(const SamplingOptions& options, std::span<const TokenId> prompt);

  // False: the logits would not be changed, process() need not be called.
  [[nodiscard]] bool is_active() const;
  // The changed logits, [n_vocab], valid until the next call; −∞ is forbidden.
  std::span<const float> process(std::span<const float> logits);
  // The token with the largest of `logits`, the lowest id among equals; none if all are forbidden.
  [[nodiscard]] static std::optional<TokenId> argmax(std::span<const float> logits);
  // A token was generated.
  void accept(TokenId token);

 private:
  [[nodiscard]] bool counts_window() const;
  void enter_window(TokenId token);

  const SamplingOptions options_;
  std::vector<TokenId> window_;  // as a ring, if the window is limited
  std::size_t oldest_ = 0;
  std::unordered_map<TokenId, std::uint32_t> in_window_;
  std::unordered_map<TokenId, std::uint32_t> generated_;
  std::vector<float> logits_;
};

// The n most probable tokens of a distribution, the most probable first, ties by id; fewer if the
// vocabulary is smaller. `log_sum` is log Σ exp(logit).
[[nodiscard]] std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, double log_sum,
                                                     std::size_t n);

}  // namespace wattle::engine
