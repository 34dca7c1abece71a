#include "engine/constraint.hpp"

#include <limits>

namespace wattle::engine {

Result<std::optional<TokenId>> Constraint::sample(Sampler& sampler, std::span<const float> logits,
                                                  TokenId argmax) {
  // Greedy: a model that keeps to the grammar by itself needs no mask.
  if (sampler.is_greedy() && tokens_.accept(state_, argmax)) return argmax;
  WATTLE_CHECK(tokens_.mask(state_, allowed_));
  std::optional<TokenId> best = allowed_.argmax(logits);
  const bool forbidden =
      best && logits[static_cast<std::size_t>(*best)] == -std::numeric_limits<float>::infinity();
  if (forbidden) best.reset();
  if (!best && state_.can_end()) return std::nullopt;
  if (!best) {
    return fail(ErrorCode::unsupported,
                "no token of the vocabulary goes on with the text as the grammar wants it",
                forbidden ? "The logit bias forbids all that the grammar allows here."
                          : "The vocabulary lacks a character that the grammar asks for here; "
                            "allow another.");
  }
  const TokenId token = sampler.sample(logits, *best, allowed_);
  if (!tokens_.accept(state_, token)) {
    return fail(ErrorCode::resource_exhausted, "the grammar can be read in too many ways here",
                "Make its alternatives begin differently.");
  }
  return token;
}

}  // namespace wattle::engine
