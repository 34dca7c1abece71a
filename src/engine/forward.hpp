#pragma once
// Tokens in, logits out. The model is read only; everything written lives in the session.

#include <functional>
#include <span>

#include "engine/session.hpp"

namespace wattle::engine {

// Called after each layer (counted from 1) with the residual stream of the last position,
// [d_model]. Returning false leaves the model here.
using LayerHook = std::function<bool(std::uint32_t layer, const float* hidden)>;

struct ForwardOptions {
  std::uint32_t n_layers = 0;  // run layers 1…n_layers
  bool all_positions = false;  // which hidden states are wanted: of all tokens, or of the last
  LayerHook hook;              // may be empty
  // The layers above the last that is run are left to resume(): nothing is filled in there.
  bool resumable = false;
};

struct ForwardResult {
  const float* hidden = nullptr;  // [n_tokens or 1, d_model], valid until the next call
  std::uint32_t layers = 0;       // layers that were run
  // The residual streams of all tokens, [n_tokens, d_model], valid until the next call; after layer
  // n_layers only with all_positions.
  const float* all_hidden = nullptr;
};

// Appends 1 … session.batch() tokens to the session. Where the hook leaves early, the exit's hidden
// state goes through the K and V projections of the layers that were skipped, so that later
// positions find keys and values there (docs/early-exit.md).
// Preconditions: valid token ids; position + n ≤ context; 1 ≤ n_layers ≤ the model's.
ForwardResult forward(SessionState& session, std::span<const TokenId> tokens,
                      const ForwardOptions& options);

// The session's last `n` positions, which have been through layers 1…first_layer, go on to
// options.n_layers from `hidden`, [n, d_model], which may not be of the session's scratch memory.
// Preconditions: 1 ≤ n ≤ session.batch(); first_layer < n_layers.
ForwardResult resume(SessionState& session, std::size_t n, std::uint32_t first_layer,
                     const float* hidden, const ForwardOptions& options);

// Final norm and output head: hidden [n, d_model] → logits [n, n_vocab].
void output_head(SessionState& session, const float* hidden, std::size_t n, float* logits);

}  // namespace wattle::engine
