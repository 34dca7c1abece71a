#pragma once
// One sequence of a Scheduler: what was asked for, how far it is, and its pages.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/decoding.hpp"
#include "engine/exit_policy.hpp"
#include "engine/forward.hpp"
#include "engine/scheduler.hpp"

namespace wattle::engine {

struct Sequence {
  Sequence(SequenceId the_id, std::vector<TokenId> the_prompt, const GenerateOptions& the_options,
           GenerateObserver* the_observer, std::uint32_t layers, std::shared_ptr<KvPool> pool)
      : id(the_id),
        prompt(std::move(the_prompt)),
        options(the_options),
        observer(the_observer != nullptr ? *the_observer : silent),
        n_layers(layers),
        exits(options.exit, layers),
        tokens(prompt),
        cache(std::move(pool)) {
    result.n_prompt_tokens = prompt.size();
  }
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  [[nodiscard]] bool prefilled() const { return decoding.has_value(); }
  [[nodiscard]] std::span<const TokenId> prompt_left() const {
    return std::span(prompt).subspan(position);
  }
  // Of the tokens in the cache, those whose keys and values are exact in all of its layers.
  [[nodiscard]] std::span<const TokenId> exact_tokens() const {
    return std::span(tokens).first(n_exact);
  }

  SequenceId id;
  std::vector<TokenId> prompt;
  GenerateOptions options;
  GenerateObserver silent;
  GenerateObserver& observer;
  std::uint32_t n_layers;
  ExitPolicy exits;
  std::vector<TokenId> tokens;  // the prompt and what was fed after it
  KvTable cache;
  std::uint32_t position = 0;    // tokens in the cache
  bool started = false;          // a chunk of the prompt has been computed
  std::size_t n_exact = 0;       // the first so many are exact
  bool all_exact = true;         // no token has left early yet
  std::size_t n_pages_most = 0;  // that it may need to its end
  Distribution next;
  bool taken = false;      // `next` is that of the token in this step
  bool cancelled = false;  // it is to end with this step
  bool ended = false;
  GenerateResult result;
  std::optional<Decoding> decoding;  // from the end of the prefill on
};

}  // namespace wattle::engine
