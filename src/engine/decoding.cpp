#include "engine/decoding.hpp"

#include <utility>

#include "base/interrupt.hpp"

namespace wattle::engine {

Decoding::Decoding(const Tokenizer& tokenizer, const GenerateOptions& options,
                   GenerateObserver& observer, GenerateResult& result,
                   std::span<const TokenId> prompt)
    : tokenizer_(tokenizer),
      options_(options),
      observer_(observer),
      result_(result),
      processor_(options.sampling, prompt),
      sampler_(options.sampling),
      text_(options.stop) {
  if (options.grammar) constraint_.emplace(options.grammar, tokenizer);
}

// None: the grammar is over and the vocabulary has no token to say so.
Result<std::optional<TokenId>> Decoding::sample(const Distribution& next) {
  std::span<const float> logits = next.logits;
  TokenId argmax = next.stats.argmax;
  if (processor_.is_active()) {
    logits = processor_.process(logits);
    const std::optional<TokenId> best = LogitProcessor::argmax(logits);
    if (!best) {
      return fail(ErrorCode::invalid_argument, "the logit bias forbids every token there is",
                  "Allow one at least.");
    }
    argmax = *best;
  }
  if (!constraint_) return sampler_.sample(logits, argmax);
  return constraint_->sample(sampler_, logits, argmax);
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
  token.top_logprobs = top_logprobs(next.logits, next.log_sum(), options_.n_logprobs);
  result_.tokens.push_back(std::move(token));
  processor_.accept(id);
  result_.last_token_pending = true;
  const std::string text = text_.push(tokenizer_.piece(id));
  result_.text += text;
  const bool go_on = observer_.token(result_.tokens.back(), text);
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
