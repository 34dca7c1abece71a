#pragma once
// What changes while a sequence is processed: KV cache, scratch memory, position.

#include <memory>

#include "engine/generate.hpp"
#include "engine/kv_cache.hpp"
#include "engine/scratch.hpp"
#include "engine/transformer.hpp"

namespace wattle::engine {

// Positions at the end of a session that left early and have not been through their upper layers
// (deferred_positions.hpp).
struct DeferredRows {
  std::vector<std::uint32_t> depth;  // [n] layers that were run; falls or stays from row to row
  std::vector<float> hidden;         // [n, d_model] residual streams after them
  void clear() {
    depth.clear();
    hidden.clear();
  }
};

// The context to work with: `wanted`, or for 0 what the model was made for. Error: more than that,
// unless `beyond` allows it.
[[nodiscard]] Result<std::uint32_t> choose_context(const ModelConfig& config, std::uint32_t wanted,
                                                   bool beyond);

class SessionState final : public Session {
 public:
  SessionState(std::shared_ptr<const Transformer> model, KvTable cache, std::uint32_t context,
               std::uint32_t batch);

  [[nodiscard]] const Model& model() const override { return *model_; }
  [[nodiscard]] std::uint32_t position() const override { return position_; }
  [[nodiscard]] std::uint32_t context() const override { return context_; }
  [[nodiscard]] std::uint64_t kv_bytes() const override { return cache_.pool().bytes(); }
  void rewind(std::uint32_t position) override;

  [[nodiscard]] const Transformer& transformer() const { return *model_; }
  [[nodiscard]] KvTable& cache() { return cache_; }
  [[nodiscard]] Scratch& scratch() { return scratch_; }
  [[nodiscard]] std::uint32_t batch() const { return batch_; }
  [[nodiscard]] DeferredRows& deferred() { return deferred_; }
  // `n` positions were written in layers 1…n_layers.
  void advance(std::uint32_t n, std::uint32_t n_layers);
  // Layers that every cached position has keys and values in.
  [[nodiscard]] std::uint32_t cached_layers() const;

 private:
  std::shared_ptr<const Transformer> model_;
  KvTable cache_;
  Scratch scratch_;
  DeferredRows deferred_;
  std::uint32_t context_;
  std::uint32_t batch_;
  std::uint32_t position_ = 0;
  std::uint32_t cached_layers_;
};

}  // namespace wattle::engine
