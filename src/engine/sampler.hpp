#pragma once
// Logits → the next token.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/generate.hpp"
#include "engine/grammar/token_mask.hpp"

namespace wattle::engine {

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every platform.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  // Uniform in [0, 1), 53 bits.
  double uniform();

 private:
  std::uint64_t state_;
};

// temperature 0: the most probable token, the lowest id among equals. Otherwise top-k, typical-p,
// top-p and min-p choose the candidates, in this order and at temperature 1, each on what the one
// before has left; the temperature then applies among them. At least one candidate remains. Logits
// of −∞ are never chosen. Each choice that is not greedy takes one number of the random stream.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {}

  [[nodiscard]] bool is_greedy() const { return options_.temperature == 0.0F; }

  // `argmax` is the lowest id with the largest logit (SoftmaxStats).
  [[nodiscard]] TokenId sample(std::span<const float> logits, TokenId argmax);
  // As if there were no other tokens than those allowed; `argmax` is the best of them
  // (TokenMask::argmax).
  [[nodiscard]] TokenId sample(std::span<const float> logits, TokenId argmax,
                               const TokenMask& allowed);

 private:
  struct Candidate {
    float logit;
    TokenId id;
  };
  TokenId choose(TokenId argmax);
  void keep_top(std::size_t n);
  [[nodiscard]] double log_sum() const;
  void keep_top_p();
  void keep_typical();

  SamplingOptions options_;
  RandomStream random_;
  std::vector<Candidate> candidates_;
};

// Errors name the option and its range.
[[nodiscard]] Status check_sampling(const SamplingOptions& options);
// Tokens outside the vocabulary, or named twice.
[[nodiscard]] Status check_logit_bias(const SamplingOptions& options, std::size_t n_vocab);

}  // namespace wattle::engine
