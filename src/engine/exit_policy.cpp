#include "engine/exit_policy.hpp"

#include <fmt/format.h>

#include <cmath>

namespace wattle::engine {

bool ExitPolicy::has_rule() const {
  return options_.entropy_nats || options_.margin || options_.confidence;
}

bool ExitPolicy::looks_at(std::uint32_t layer) const {
  return layer == n_layers_ || (has_rule() && layer >= options_.min_layer);
}

bool ExitPolicy::leaves(std::uint32_t layer, const Distribution& distribution) {
  // Before the end is reached, so that a rule sees every layer.
  const bool rule =
      (options_.entropy_nats &&
       static_cast<float>(distribution.entropy_nats()) < *options_.entropy_nats) ||
      (options_.margin && distribution.margin() > static_cast<double>(*options_.margin)) ||
      (options_.confidence && is_confident(distribution));
  return rule || layer == n_layers_;
}

bool ExitPolicy::is_confident(const Distribution& distribution) {
  const double p = distribution.confidence();
  const TokenId token = distribution.stats.argmax;
  if (p > static_cast<double>(options_.confidence->lower)) {
    n_confident_ = n_confident_ > 0 && token == confident_of_ ? n_confident_ + 1 : 1;
    confident_of_ = token;
  } else {
    n_confident_ = 0;
  }
  return p > static_cast<double>(options_.confidence->upper) ||
         n_confident_ >= options_.confidence->n_layers;
}

namespace {

Status check_confidence(const ConfidenceExit& exit, std::uint32_t n_layers) {
  if (std::isnan(exit.upper) || std::isnan(exit.lower) || exit.lower > exit.upper) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the confidences to leave at are {} and, for some layers in a row, {}",
                            exit.upper, exit.lower),
                "Give two probabilities, the second at most as large, for example 0.9 and 0.7.");
  }
  if (exit.n_layers == 0 || exit.n_layers > n_layers) {
    return fail(ErrorCode::out_of_range,
                fmt::format("the confidence is to hold for {} layers in a row", exit.n_layers),
                fmt::format("Choose 1 to {}.", n_layers));
  }
  return {};
}

}  // namespace

Status check_exit(const ExitOptions& options, const ModelConfig& config) {
  const int n_rules = static_cast<int>(options.entropy_nats.has_value()) +
                      static_cast<int>(options.margin.has_value()) +
                      static_cast<int>(options.confidence.has_value());
  if (n_rules == 0) return {};
  if (n_rules > 1) {
    return fail(ErrorCode::invalid_argument, "there are several rules for leaving early",
                "Choose one of entropy, margin and confidence.");
  }
  if (options.entropy_nats && std::isnan(*options.entropy_nats)) {
    return fail(ErrorCode::invalid_argument, "the exit entropy is not a number",
                "Give a number of nats, for example 0.5.");
  }
  if (options.margin && std::isnan(*options.margin)) {
    return fail(ErrorCode::invalid_argument, "the exit margin is not a number",
                "Give a difference of two probabilities, for example 0.5.");
  }
  if (options.confidence) WATTLE_CHECK(check_confidence(*options.confidence, config.n_layers));
  if (options.min_layer == 0 || options.min_layer > config.n_layers) {
    return fail(ErrorCode::out_of_range,
                fmt::format("the first exit layer is {}, {} has {} layers", options.min_layer,
                            config.name, config.n_layers),
                fmt::format("Choose 1 to {}.", config.n_layers));
  }
  return {};
}

std::string exit_rule_name(const ExitOptions& options) {
  if (options.entropy_nats) return fmt::format("entropy:{}", *options.entropy_nats);
  if (options.margin) return fmt::format("margin:{}", *options.margin);
  if (!options.confidence) return {};
  const ConfidenceExit& exit = *options.confidence;
  return fmt::format("confidence:{}:{}:{}", exit.upper, exit.lower, exit.n_layers);
}

}  // namespace wattle::engine
