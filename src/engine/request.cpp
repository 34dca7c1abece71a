#include "engine/request.hpp"

#include <fmt/format.h>

#include "engine/exit_policy.hpp"
#include "engine/sampler.hpp"

namespace wattle::engine {
namespace {

Status check_grammar(const GenerateOptions& options) {
  if (!options.grammar || !options.ignore_eos) return {};
  return fail(ErrorCode::invalid_argument,
              "a grammar says where the text ends, ignore_eos does not", "Choose one of them.");
}

Status check_logprobs(const GenerateOptions& options) {
  if (options.n_logprobs <= kMaxLogprobs) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("log-probabilities of {} tokens were asked for", options.n_logprobs),
              fmt::format("Choose at most {}.", kMaxLogprobs));
}

}  // namespace

Status check_tokens(const ModelConfig& config, std::uint32_t context, std::uint32_t used,
                    std::span<const TokenId> tokens) {
  if (tokens.empty()) {
    return fail(ErrorCode::invalid_argument, "the prompt has no tokens",
                "Give a prompt that is not empty.");
  }
  for (const TokenId token : tokens) {
    if (token < 0 || static_cast<std::uint32_t>(token) >= config.n_vocab) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("token {} is not in the vocabulary of {}", token, config.name),
                  fmt::format("Token ids are 0 to {}.", config.n_vocab - 1));
    }
  }
  const std::uint32_t left = context - used;
  if (tokens.size() > left) {
    const std::string after =
        used == 0 ? std::string() : fmt::format(" left after the {} already in use", used);
    return fail(
        ErrorCode::out_of_range,
        fmt::format("the prompt has {} tokens, the context {}{}", tokens.size(), left, after),
        context < config.context_length
            ? fmt::format("Shorten the prompt, or choose a larger context (--ctx, up to {}).",
                          config.context_length)
            : std::string("Shorten the prompt; the model's context is no larger."));
  }
  return {};
}

Status check_exit_layer(const ModelConfig& config, std::uint32_t exit_layer) {
  if (exit_layer <= config.n_layers) return {};
  return fail(ErrorCode::out_of_range,
              fmt::format("exit layer {} was asked for, {} has {} layers", exit_layer, config.name,
                          config.n_layers),
              fmt::format("Choose 1 to {}, or 0 for all.", config.n_layers));
}

Status check_options(const ModelConfig& config, const GenerateOptions& options) {
  WATTLE_CHECK(check_sampling(options.sampling));
  WATTLE_CHECK(check_logit_bias(options.sampling, config.n_vocab));
  WATTLE_CHECK(check_logprobs(options));
  WATTLE_CHECK(check_exit(options.exit, config));
  WATTLE_CHECK(check_exit_layer(config, options.exit.layer));
  return check_grammar(options);
}

}  // namespace wattle::engine
