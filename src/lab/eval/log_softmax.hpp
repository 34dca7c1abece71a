#pragma once
// Next-token distributions in double precision.

#include <cstddef>
#include <span>

namespace wattle::lab {

// log Σ exp(l) and the index of the largest logit, the first of equals.
struct LogSum {
  double value = 0.0;
  std::size_t argmax = 0;
};
// Precondition: not empty.
[[nodiscard]] LogSum log_sum(std::span<const float> logits);

// KL(p ‖ q) = Σ p (log p − log q) in nats, of the softmax of two rows of logits; ≥ 0.
// Precondition: same length. `p_sum` and `q_sum` are their log sums.
[[nodiscard]] double kl_divergence(std::span<const float> p, double p_sum, std::span<const float> q,
                                   double q_sum);

}  // namespace wattle::lab
