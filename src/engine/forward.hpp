#pragma once
// Tokens in, logits out. The model is read only; everything written lives in the session.

#include <functional>
#include <span>

#include "engine/session.hpp"

namespace wattle::engine {

// Called after each layer (counted from 1) with the residual stream of the last position,
// [d_model], or with all_positions of every one, [n_tokens, d_model]. Returning false leaves the
// model here.
using LayerHook = std::function<bool(std::uint32_t layer, const float* hidden)>;

struct ForwardOptions {
  std::uint32_t n_layers = 0;  // run layers 1…n_layers
  bool all_positions = false;  // which hidden states are wanted: of all tokens, or of the last
  LayerHook hook;              // may be empty
};

struct ForwardResult {
  const float* hidden = nullptr;  // [n_tokens or 1, d_model], valid until the next call
  std::uint32_t layers = 0;       // layers that were run
};

// Appends 1 … session.batch() tokens to the session. Where the hook leaves early, the exit's hidden
// state goes through the K and V projections of the layers that were skipped, so that later
// positions find keys and values there (docs/early-exit.md).
// Preconditions: valid token ids; position + n ≤ context; 1 ≤ n_layers ≤ the model's.
ForwardResult forward(SessionState& session, std::span<const TokenId> tokens,
                      const ForwardOptions& options);

// Final norm and output head: hidden [n, d_model] → logits [n, n_vocab].
void output_head(SessionState& session, const float* hidden, std::size_t n, float* logits);

}  // namespace wattle::engine
