#pragma once
// What the next token is chosen from.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/kernels/kernels.hpp"

namespace wattle::engine {

// Next-token logits of one sequence, after so many layers.
struct Distribution {
  std::vector<float> logits;  // [n_vocab]
  SoftmaxStats stats{};
  std::uint32_t layers = 0;

  // log Σ exp(l) = max + log Z;  H = log Z − Σ exp(l − max)(l − max) / Z
  [[nodiscard]] double log_sum() const {
    return static_cast<double>(stats.max) + std::log(stats.sum_exp);
  }
  // Probability of the most probable token, and how far it is ahead of the next: p1, p1 − p2.
  [[nodiscard]] double confidence() const { return 1.0 / stats.sum_exp; }
  [[nodiscard]] double margin() const {
    const double behind = static_cast<double>(stats.runner_up) - static_cast<double>(stats.max);
    return (1.0 - std::exp(behind)) / stats.sum_exp;
  }
  [[nodiscard]] double entropy_nats() const {
    return std::max(0.0, std::log(stats.sum_exp) - stats.sum_exp_shift / stats.sum_exp);
  }
};

}  // namespace wattle::engine
