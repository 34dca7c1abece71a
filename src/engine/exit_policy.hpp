#pragma once
// When a token leaves the model before its last layer. docs/early-exit.md has the definitions.

#include <cstdint>
#include <string>

#include "engine/distribution.hpp"
#include "engine/generate.hpp"

namespace wattle::engine {

// The rule of one generation, and what it remembers of the layers that the token in hand has been
// through. Every rule reads the statistics of the softmax only: no second pass over the logits.
class ExitPolicy {
 public:
  // `n_layers`: where a token leaves at the latest. `options` is copied.
  ExitPolicy(const ExitOptions& options, std::uint32_t n_layers)
      : options_(options), n_layers_(n_layers) {}

  // Whether tokens may leave at different layers.
  [[nodiscard]] bool has_rule() const;
  // A new token begins at layer 1.
  void begin() { n_confident_ = 0; }
  // Whether leaves() needs the distribution after this layer.
  [[nodiscard]] bool looks_at(std::uint32_t layer) const;
  // To be asked after every layer that it looks at, in order.
  [[nodiscard]] bool leaves(std::uint32_t layer, const Distribution& distribution);

 private:
  bool is_confident(const Distribution& distribution);

  ExitOptions options_;
  std::uint32_t n_layers_;
  std::uint32_t n_confident_ = 0;  // layers in a row above the lower threshold, with one token
  TokenId confident_of_ = -1;
};

// Errors name the option and its range.
[[nodiscard]] Status check_exit(const ExitOptions& options, const ModelConfig& config);

// "entropy:0.5", "margin:0.4", "confidence:0.9:0.7:3"; empty without a rule.
[[nodiscard]] std::string exit_rule_name(const ExitOptions& options);

}  // namespace wattle::engine
