#include "engine/sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

namespace wattle::engine {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
// Beyond this a penalty or bias decides alone; below it no sum of them overflows.
constexpr float kLargestPenalty = 100.0F;
constexpr float kLargestBias = 10000.0F;

}  // namespace

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

// log Σ exp(logit) of the candidates.
double Sampler::log_sum() const {
  double max = -std::numeric_limits<double>::infinity();
  for (const Candidate& c : candidates_) max = std::max(max, static_cast<double>(c.logit));
  double sum = 0.0;
  for (const Candidate& c : candidates_) sum += std::exp(static_cast<double>(c.logit) - max);
  return max + std::log(sum);
}

// The smallest set of best tokens whose probabilities reach top_p.
void Sampler::keep_top_p() {
  const double all_log_sum = log_sum();
  const std::vector<Candidate> all = candidates_;
  for (std::size_t n = 256;; n *= 8) {
    candidates_ = all;
    keep_top(n);
    double reached = 0.0;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      reached += std::exp(static_cast<double>(candidates_[i].logit) - all_log_sum);
      if (reached >= static_cast<double>(options_.top_p)) {
        candidates_.resize(i + 1);
        return;
      }
    }
    if (n >= all.size()) return;
  }
}

// The smallest set of tokens, those first whose information content is closest to the entropy,
// whose probabilities reach typical_p (Meister et al. 2022, Locally Typical Sampling).
void Sampler::keep_typical() {
  struct Typical {
    double distance;  // |−log p − H|
    double probability;
    Candidate candidate;
  };
  const double all_log_sum = log_sum();
  std::vector<Typical> all;
  double entropy = 0.0;
  for (const Candidate& c : candidates_) {
    const double logprob = static_cast<double>(c.logit) - all_log_sum;
    all.push_back({logprob, std::exp(logprob), c});
    entropy -= std::exp(logprob) * logprob;
  }
  for (Typical& t : all) t.distance = std::abs(-t.distance - entropy);
  std::sort(all.begin(), all.end(), [](const Typical& a, const Typical& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.candidate.id < b.candidate.id;
  });
  candidates_.clear();
  double reached = 0.0;
  for (const Typical& t : all) {
    candidates_.push_back(t.candidate);
    reached += t.probability;
    if (reached >= static_cast<double>(options_.typical_p)) return;
  }
}

TokenId Sampler::sample(std::span<const float> logits, TokenId argmax) {
  if (options_.temperature == 0.0F) return argmax;
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] != kForbidden) candidates_.push_back({logits[i], static_cast<TokenId>(i)});
  }
  return choose(argmax);
}

TokenId Sampler::sample(std::span<const float> logits, TokenId argmax, const TokenMask& allowed) {
  if (options_.temperature == 0.0F) return argmax;
  candidates_.clear();
  allowed.each([&](TokenId id) {
    const auto i = static_cast<std::size_t>(id);
    if (i < logits.size() && logits[i] != kForbidden) candidates_.push_back({logits[i], id});
  });
  return choose(argmax);
}

// Among candidates_, in the order of their ids.
TokenId Sampler::choose(TokenId argmax) {
  const auto top_k = static_cast<std::size_t>(std::max(options_.top_k, 0));
  if (top_k > 0 && top_k < candidates_.size()) keep_top(top_k);
  if (options_.typical_p < 1.0F) keep_typical();
  if (options_.top_p < 1.0F) keep_top_p();
  double max = -std::numeric_limits<double>::infinity();
  for (const Candidate& c : candidates_) max = std::max(max, static_cast<double>(c.logit));
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
  if (!(options.typical_p > 0.0F && options.typical_p <= 1.0F)) {
    return outside("typical-p", fmt::format("{}", options.typical_p),
                   "more than 0 and at most 1 (off)");
  }
  if (!(options.repetition_penalty > 0.0F && options.repetition_penalty <= kLargestPenalty)) {
    return outside("the repetition penalty", fmt::format("{}", options.repetition_penalty),
                   "more than 0 (1: off) and at most 100");
  }
  if (options.repeat_last_n < -1) {
    return outside("the window of the repetition penalty", fmt::format("{}", options.repeat_last_n),
                   "-1 (everything), 0 (off) or more");
  }
  if (!(std::abs(options.presence_penalty) <= kLargestPenalty)) {
    return outside("the presence penalty", fmt::format("{}", options.presence_penalty),
                   "-100 to 100 (0: off)");
  }
  if (!(std::abs(options.frequency_penalty) <= kLargestPenalty)) {
    return outside("the frequency penalty", fmt::format("{}", options.frequency_penalty),
                   "-100 to 100 (0: off)");
  }
  for (const LogitBias& bias : options.logit_bias) {
    if (bias.bias == kForbidden || std::abs(bias.bias) <= kLargestBias) continue;
    return outside(fmt::format("the logit bias of token {}", bias.id).c_str(),
                   fmt::format("{}", bias.bias), "-10000 to 10000, or -inf to forbid the token");
  }
  return {};
}

Status check_logit_bias(const SamplingOptions& options, std::size_t n_vocab) {
  std::unordered_set<TokenId> seen;
  for (const LogitBias& bias : options.logit_bias) {
    if (bias.id < 0 || static_cast<std::size_t>(bias.id) >= n_vocab) {
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("a logit bias names token {}, which is not in the vocabulary", bias.id),
          fmt::format("Token ids are 0 to {}.", n_vocab - 1));
    }
    if (!seen.insert(bias.id).second) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("token {} has two logit biases", bias.id), "Give one of them.");
    }
  }
  return {};
}

}  // namespace wattle::engine
