#include "engine/decoding.hpp"

#include "base/interrupt.hpp"

namespace wattle::engine {

Decoding::Decoding(const Tokenizer& tokenizer, const GenerateOptions& options,
                   GenerateObserver& observer, GenerateResult& result)
    : tokenizer_(tokenizer),
      options_(options),
      observer_(observer),
      result_(result),
      sampler_(options.sampling),
      text_(options.stop) {
  if (options.grammar) constraint_.emplace(options.grammar, tokenizer);
}

// None: the grammar is over and the vocabulary has no token to say so.
Result<std::optional<TokenId>> Decoding::sample(const Distribution& next) {
  if (!constraint_) return sampler_.sample(next.logits, next.stats.argmax);
  return constraint_->sample(sampler_, next.logits, next.stats.argmax);
}

bool Decoding::end(StopReason reason) {
  result_.stop = reason;
  return false;
}

Result<bool> Decoding::choose(const Distribution& next) {
  if (result_.tokens.size() >= options_.max_tokens) return end(StopReason::max_tokens);
  WATTLE_TRY(const std::optional<TokenId> chosen, sample(next));
  const TokenId id = chosen.value_or(-1);
  if (!chosen || (!options_.ignore_eos && tokenizer_.is_end_of_generation(id))) {
    return end(StopReason::end_of_text);
  }
  GeneratedToken token{.id = id, .layers = next.layers};
  token.entropy_nats = static_cast<float>(next.entropy_nats());
  token.logprob = static_cast<float>(
      static_cast<double>(next.logits[static_cast<std::size_t>(id)]) - next.log_sum());
  result_.tokens.push_back(token);
  result_.last_token_pending = true;
  const std::string text = text_.push(tokenizer_.piece(id));
  result_.text += text;
  const bool go_on = observer_.token(token, text);
  if (text_.stopped()) return end(StopReason::stop_string);
  if (!go_on || interrupted()) return end(StopReason::cancelled);
  if (constraint_ && constraint_->must_end()) return end(StopReason::end_of_text);
  if (result_.tokens.size() == options_.max_tokens) return end(StopReason::max_tokens);
  return true;
}

void Decoding::finish() {
  const std::string rest = text_.finish();
  result_.text += rest;
  if (!rest.empty()) observer_.text_rest(rest);
}

}  // namespace wattle::engine
