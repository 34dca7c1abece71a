#include "engine/logit_processor.hpp"

#include <algorithm>
#include <limits>

namespace wattle::engine {

LogitProcessor::LogitProcessor(const SamplingOptions& options, std::span<const TokenId> prompt)
    : options_(options) {
  if (!counts_window()) return;
  if (options_.repeat_last_n >= 0) {
    const auto n = static_cast<std::size_t>(options_.repeat_last_n);
    prompt = prompt.last(std::min(prompt.size(), n));
  }
  for (const TokenId token : prompt) enter_window(token);
}

bool LogitProcessor::counts_window() const {
  return options_.repetition_penalty != 1.0F && options_.repeat_last_n != 0;
}

bool LogitProcessor::is_active() const {
  return counts_window() || options_.presence_penalty != 0.0F ||
         options_.frequency_penalty != 0.0F || !options_.logit_bias.empty();
}

void LogitProcessor::enter_window(TokenId token) {
  ++in_window_[token];
  if (options_.repeat_last_n < 0) return;
  if (window_.size() < static_cast<std::size_t>(options_.repeat_last_n)) {
    window_.push_back(token);
    return;
  }
  const auto leaving = in_window_.find(window_[oldest_]);
  if (--leaving->second == 0) in_window_.erase(leaving);
  window_[oldest_] = token;
  oldest_ = (oldest_ + 1) % window_.size();
}

void LogitProcessor::accept(TokenId token) {
  if (counts_window()) enter_window(token);
  if (options_.presence_penalty != 0.0F || options_.frequency_penalty != 0.0F) ++generated_[token];
}

std::span<const float> LogitProcessor::process(std::span<const float> logits) {
  logits_.assign(logits.begin(), logits.end());
  for (const auto& [id, bias] : options_.logit_bias) logits_[static_cast<std::size_t>(id)] += bias;
  // Each token's logit is changed by itself, so the order of the map does not matter.
  for (const auto& [id, count] : in_window_) {
    float& logit = logits_[static_cast<std::size_t>(id)];
    logit =
        logit > 0.0F ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
  }
  for (const auto& [id, count] : generated_) {
    logits_[static_cast<std::size_t>(id)] -=
        static_cast<float>(count) * options_.frequency_penalty + options_.presence_penalty;
  }
  return logits_;
}

std::optional<TokenId> LogitProcessor::argmax(std::span<const float> logits) {
  float best = -std::numeric_limits<float>::infinity();
  std::optional<TokenId> id;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > best) {
      best = logits[i];
      id = static_cast<TokenId>(i);
    }
  }
  return id;
}

std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, double log_sum,
                                       std::size_t n) {
  std::vector<TokenLogprob> top;
  n = std::min(n, logits.size());
  if (n == 0) return top;
  std::vector<TokenId> best;  // by falling logit; a later id goes behind its equals
  const auto logit = [&](TokenId id) { return logits[static_cast<std::size_t>(id)]; };
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (best.size() == n && !(logits[i] > logit(best.back()))) continue;
    if (best.size() == n) best.pop_back();
    const auto place = std::upper_bound(best.begin(), best.end(), logits[i],
                                        [&](float l, TokenId id) { return l > logit(id); });
    best.insert(place, static_cast<TokenId>(i));
  }
  for (const TokenId id : best) {
    top.push_back({id, static_cast<float>(static_cast<double>(logit(id)) - log_sum)});
  }
  return top;
}

}  // namespace wattle::engine
