#pragma once
// Tokens in, hidden states and logits out. The model is read only; everything written lives in the
// sequences' caches and the caller's scratch.

#include <functional>
#include <span>

#include "engine/scratch.hpp"
#include "engine/session.hpp"

namespace wattle::engine {

// Consecutive tokens of one sequence.
struct Chunk {
  enum class Wanted : std::uint8_t { none, last, all };

  KvTable* cache = nullptr;           // holds positions 0 … start − 1; the chunk's are reserved
  std::uint32_t start = 0;            // position of the first token
  std::span<const TokenId> tokens{};  // valid ids, at least one, unless the chunk is resumed
  std::uint32_t n_layers = 0;         // run layers 1…n_layers, at least 1
  Wanted wanted = Wanted::last;       // which positions' hidden states the caller reads
  bool watch = false;                 // show the last position to the hook after each layer

  // A chunk that goes on where it left: `n_resumed` positions at `start`, which have been through
  // layers 1…first_layer, from their residual streams [n_resumed, d_model], not of this scratch.
  const float* resumed = nullptr;
  std::size_t n_resumed = 0;
  std::uint32_t first_layer = 0;
  // Whether the layers that an early exit skips get keys and values.
  bool fills_skipped = true;

  [[nodiscard]] std::size_t n_rows() const { return resumed ? n_resumed : tokens.size(); }

  // Filled by forward():
  const float* hidden = nullptr;  // [n_tokens or 1, d_model], valid while the scratch is not used
  const float* all_hidden =
      nullptr;               // [n_tokens, d_model]; after layer n_layers only if all wanted
  std::uint32_t layers = 0;  // layers that were run
};

// A watched chunk after a layer.
struct Look {
  std::size_t chunk;    // its index
  const float* hidden;  // [d_model], the residual stream of its last position
  bool leave = false;   // set: the chunk leaves the model here
};
// Called after each layer (counted from 1) with the watched chunks that have just run it. May use
// the scratch's `normed` and `matmul`, as output_head() does.
using BatchHook = std::function<void(std::uint32_t layer, std::span<Look> looks)>;

// One pass over chunks of any sequences; a sequence has at most one. The bits of a row depend on
// its own sequence only, whatever else is in the pass. Where a chunk leaves early, the hidden
// states at its exit go through the K and V projections of the layers that it skips, so that later
// positions find keys and values there (docs/early-exit.md).
// `context`: what rope_frequencies() takes, and no less than the longest sequence.
void forward(const Transformer& model, Scratch& scratch, std::uint32_t context,
             std::span<Chunk> chunks, const BatchHook& hook);

// Final norm and output head: hidden states, [d_model] each → logits [n, n_vocab].
void output_head(const Transformer& model, Scratch& scratch, std::uint32_t context,
                 std::span<const float* const> hidden, float* logits);

// The same for the one sequence of a session.

// Called after each layer (counted from 1) with the residual stream of the last position,
// [d_model]; those of the positions before it lie in front of it, in order (in the last layer only
// with all_positions). Returning false leaves the model here.
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

// Appends 1 … session.batch() tokens to the session.
// Preconditions: valid token ids; position + n ≤ context; 1 ≤ n_layers ≤ the model's.
ForwardResult forward(SessionState& session, std::span<const TokenId> tokens,
                      const ForwardOptions& options);

// The session's last `n` positions, which have been through layers 1…first_layer, go on to
// options.n_layers from `hidden`, [n, d_model], which may not be of the session's scratch memory.
// Preconditions: 1 ≤ n ≤ session.batch(); first_layer < n_layers.
ForwardResult resume(SessionState& session, std::size_t n, std::uint32_t first_layer,
                     const float* hidden, const ForwardOptions& options);

// hidden [n, d_model] → logits [n, n_vocab].
void output_head(SessionState& session, const float* hidden, std::size_t n, float* logits);

}  // namespace wattle::engine
