#pragma once
// One sequence's way from distributions to tokens: sampling, grammar, stop strings, end of text.
// The caller feeds the tokens to the model.

#include <optional>
#include <span>

#include "engine/constraint.hpp"
#include "engine/distribution.hpp"
#include "engine/generate.hpp"
#include "engine/logit_processor.hpp"
#include "engine/sampler.hpp"
#include "engine/text_stream.hpp"

namespace wattle::engine {

class Decoding {
 public:
  // All arguments must outlive the object.
  // `prompt` is what the repetition penalty looks back on; it is copied.
  Decoding(const Tokenizer& tokenizer, const GenerateOptions& options, GenerateObserver& observer,
           GenerateResult& result, std::span<const TokenId> prompt = {});

  // Chooses the next token, appends it to the result and shows it to the observer. False: the
  // generation ends (result.stop says why); true: result.tokens.back() is to be fed to the model.
  // Error: grammar and logit bias allow no token of the vocabulary.
  Result<bool> choose(const Distribution& next);
  // Ends a generation for a reason of the caller's.
  void stop(StopReason reason) { result_.stop = reason; }
  // Shows text that was held back. To be called once, at the end.
  void finish();

 private:
  Result<std::optional<TokenId>> sample(const Distribution& next);
  bool end(StopReason reason);

  const Tokenizer& tokenizer_;
  const GenerateOptions& options_;
  GenerateObserver& observer_;
  GenerateResult& result_;
  LogitProcessor processor_;
  Sampler sampler_;
  TextStream text_;
  std::optional<Constraint> constraint_;
};

}  // namespace wattle::engine
