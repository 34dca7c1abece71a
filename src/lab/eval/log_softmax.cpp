#include "lab/eval/log_softmax.hpp"

#include <algorithm>
#include <cmath>

namespace wattle::lab {

LogSum log_sum(std::span<const float> logits) {
  const auto most = std::ranges::max_element(logits);
  const double largest = *most;
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return {largest + std::log(sum), static_cast<std::size_t>(most - logits.begin())};
}

double kl_divergence(std::span<const float> p, double p_sum, std::span<const float> q,
                     double q_sum) {
  double sum = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double log_p = static_cast<double>(p[i]) - p_sum;
    const double log_q = static_cast<double>(q[i]) - q_sum;
    if (log_p > -60.0)
      sum += std::exp(log_p) * (log_p - log_q);  // below it is less than 1e-26 each
  }
  return std::max(0.0, sum);  // rounding alone can make it negative
}

}  // namespace wattle::lab
