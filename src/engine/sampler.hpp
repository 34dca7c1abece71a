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

// temperature 0: the most probable token, the lowest id among equals. Otherwise top-k, top-p and
// min-p choose the candidates, in this order and on the model's own distribution (temperature 1);
// the temperature then applies among them. At least one candidate remains.
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
  TokenId choose(std::span<const float> logits, TokenId argmax);
  void keep_top(std::size_t n);
  void keep_top_p(double log_sum);

  SamplingOptions options_;
  RandomStream random_;
  std::vector<Candidate> candidates_;
};

// Errors name the option and its range.
[[nodiscard]] Status check_sampling(const SamplingOptions& options);

}  // namespace wattle::engine
