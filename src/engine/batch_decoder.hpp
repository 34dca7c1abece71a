#pragma once
// So many sequences that decode together, one token of each a step: what a batch costs, without the
// coming and going of a Scheduler, and with a way back. For measurements.

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.hpp"
#include "engine/generate.hpp"

namespace wattle::engine {

struct BatchDecoderOptions {
  std::uint32_t n_sequences = 1;
  std::uint32_t context = 0;     // positions of each; 0: the model's context_length
  KvType kv_type = KvType::f16;  // a model loaded with `exact` always uses f32
  bool beyond_context = false;   // as in SessionOptions
};

// One thread at a time.
class BatchDecoder {
 public:
  // Errors: no sequences, a context that the model was not made for, no memory.
  static Result<std::unique_ptr<BatchDecoder>> create(std::shared_ptr<const Model> model,
                                                      const BatchDecoderOptions& options);
  virtual ~BatchDecoder() = default;

  // Begins every sequence anew with these tokens. They are computed once; each sequence has its own
  // copy of their keys and values, so that a step reads as much memory as it would with sequences
  // of different beginnings. Errors: token outside the vocabulary, too many; cancelled after
  // Ctrl-C.
  virtual Status prefill(std::span<const TokenId> tokens) = 0;
  // The token that each sequence takes in the next step, [n_sequences].
  // Errors: another number of them; token outside the vocabulary.
  virtual Status set_next(std::span<const TokenId> tokens) = 0;
  // One forward pass; the most probable tokens are the next ones. Error: the context is full.
  virtual Status step() = 0;
  // What set_next() set, or step() found. [n_sequences]
  [[nodiscard]] virtual std::span<const TokenId> next() const = 0;
  [[nodiscard]] virtual std::uint32_t position() const = 0;  // tokens in each sequence
  // Forgets everything after `position`.
  virtual void rewind(std::uint32_t position) = 0;
};

}  // namespace wattle::engine
