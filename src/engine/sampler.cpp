#include "engine/sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace wattle::engine {

std::uint64_t RandomStream::next() {
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

double RandomStream::uniform() {
  return static_cast<double>(next() >> 11U) * 0x1p-53;
}

// The n best in order; ties by id, so that the result does not depend on the algorithm.
void Sampler::keep_top(std::size_t n) {
  n = std::min(n, candidates_.size());
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(n),
                    candidates_.end(), [](const Candidate& a, const Candidate& b) {
                      return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
                    });
  candidates_.resize(n);
}

// The smallest set of best tokens whose probabilities reach top_p.
void Sampler::keep_top_p(double log_sum) {
  const std::vector<Candidate> all = candidates_;
  for (std::size_t n = 256;; n *= 8) {
    candidates_ = all;
    keep_top(n);
    double reached = 0.0;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      reached += std::exp(static_cast<double>(candidates_[i].logit) - log_sum);
      if (reached >= static_cast<double>(options_.top_p)) {
        candidates_.resize(i + 1);
        return;
      }
    }
    if (n >= all.size()) return;
  }
}

TokenId Sampler::sample(std::span<const float> logits, TokenId argmax) {
  if (options_.temperature == 0.0F) return argmax;
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    candidates_.push_back({logits[i], static_cast<TokenId>(i)});
  }
  return choose(logits, argmax);
}

TokenId Sampler::sample(std::span<const float> logits, TokenId argmax, const TokenMask& allowed) {
  if (options_.temperature == 0.0F) return argmax;
  candidates_.clear();
  allowed.each([&](TokenId id) {
    const auto i = static_cast<std::size_t>(id);
    if (i < logits.size()) candidates_.push_back({logits[i], id});
  });
  return choose(logits, argmax);
}

// Among candidates_, in the order of their ids.
TokenId Sampler::choose(std::span<const float> logits, TokenId argmax) {
  const double max = static_cast<double>(logits[static_cast<std::size_t>(argmax)]);
  const auto top_k = static_cast<std::size_t>(std::max(options_.top_k, 0));
  if (top_k > 0 && top_k < candidates_.size()) keep_top(top_k);
  if (options_.top_p < 1.0F) {
    double sum = 0.0;
    for (const Candidate& c : candidates_) sum += std::exp(static_cast<double>(c.logit) - max);
    keep_top_p(max + std::log(sum));
  }
  if (options_.min_p > 0.0F) {
    const double least = max + std::log(static_cast<double>(options_.min_p));
    std::erase_if(candidates_,
                  [least](const Candidate& c) { return static_cast<double>(c.logit) < least; });
  }
  const auto weight = [this, max](const Candidate& c) {
    return std::exp((static_cast<double>(c.logit) - max) /
                    static_cast<double>(options_.temperature));
  };
  double total = 0.0;
  for (const Candidate& c : candidates_) total += weight(c);
  double left = random_.uniform() * total;
  for (const Candidate& c : candidates_) {
    left -= weight(c);
    if (left < 0.0) return c.id;
  }
  // Rounding, or logits that are not numbers.
  return candidates_.empty() ? argmax : candidates_.back().id;
}

Status check_sampling(const SamplingOptions& options) {
  const auto outside = [](const char* name, const std::string& value, const char* range) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} is {}", name, value),
                fmt::format("Choose {}.", range));
  };
  if (!std::isfinite(options.temperature) || options.temperature < 0.0F) {
    return outside("temperature", fmt::format("{}", options.temperature), "0 (greedy) or more");
  }
  if (options.top_k < 0)
    return outside("top-k", fmt::format("{}", options.top_k), "0 (off) or more");
  if (!(options.top_p > 0.0F && options.top_p <= 1.0F)) {
    return outside("top-p", fmt::format("{}", options.top_p), "more than 0 and at most 1 (off)");
  }
  if (!(options.min_p >= 0.0F && options.min_p <= 1.0F)) {
    return outside("min-p", fmt::format("{}", options.min_p), "0 (off) to 1");
  }
  return {};
}

}  // namespace wattle::engine
