#pragma once
// Sampling under a grammar.

#include <memory>
#include <optional>
#include <span>

#include "engine/grammar.hpp"
#include "engine/sampler.hpp"

namespace wattle::engine {

// One sequence's grammar: chooses the next token among those allowed and keeps the state.
class Constraint {
 public:
  Constraint(const std::shared_ptr<const Grammar>& grammar, const Tokenizer& tokenizer)
      : tokens_(grammar, tokenizer), state_(grammar) {}

  // `argmax` is the best of all tokens; logits of −∞ are forbidden. None: the text is complete,
  // nothing can follow, and the vocabulary has no token that says so. Error: no token is allowed.
  Result<std::optional<TokenId>> sample(Sampler& sampler, std::span<const float> logits,
                                        TokenId argmax);
  // The text is complete and nothing may follow.
  [[nodiscard]] bool must_end() const { return state_.must_end(); }

 private:
  TokenGrammar tokens_;
  GrammarState state_;
  TokenMask allowed_;
};

}  // namespace wattle::engine
