#pragma once
// What changes while a sequence is processed: KV cache, scratch memory, position.

#include <memory>
#include <span>
#include <vector>

#include "engine/generate.hpp"
#include "engine/transformer.hpp"

namespace wattle::engine {

// Keys and values of all layers. Keys of 16 positions are interleaved (kernels.hpp: AttentionArgs),
// so that one vector holds the same dimension of 16 positions.
class KvCache {
 public:
  static Result<KvCache> create(const ModelConfig& config, std::uint32_t context, KvType type);

  // k and v: [n_kv_heads, head_dim] of one position.
  void store(const Kernels& kernels, std::size_t layer, std::size_t position, const float* k,
             const float* v);
  [[nodiscard]] const void* keys(std::size_t layer, std::size_t head) const;
  [[nodiscard]] const void* values(std::size_t layer, std::size_t head) const;
  [[nodiscard]] std::size_t value_stride() const { return value_stride_; }
  [[nodiscard]] bool is_f16() const { return type_ == KvType::f16; }
  [[nodiscard]] std::uint64_t bytes() const { return keys_.size() + values_.size(); }

 private:
  template <class Element>
  void store_as(std::size_t layer, std::size_t position, const Element* k, const Element* v);

  KvType type_ = KvType::f16;
  std::size_t element_bytes_ = 2;
  std::size_t n_heads_ = 0;
  std::size_t head_dim_ = 0;
  std::size_t value_stride_ = 0;  // head_dim rounded up to 16
  std::size_t n_positions_ = 0;   // context rounded up to 16
  Buffer keys_;                   // [n_layers, n_kv_heads, n_positions / 16, head_dim, 16]
  Buffer values_;                 // [n_layers, n_kv_heads, n_positions, value_stride]
  std::vector<std::uint16_t> narrow_;
};

// Activations of up to `capacity` positions at a time.
struct Scratch {
  std::size_t capacity = 0;
  std::vector<float> hidden;        // [capacity, d_model]  the residual stream
  std::vector<float> normed;        // [capacity, d_model]
  std::vector<float> q;             // [capacity, n_heads·head_dim]
  std::vector<float> k, v;          // [capacity, n_kv_heads·head_dim]
  std::vector<float> attended;      // [capacity, n_heads·head_dim]
  std::vector<float> gate, up;      // [capacity, d_ff]
  std::vector<float> cosine, sine;  // [capacity, rope_dims / 2]
  std::vector<float> projected;     // [capacity, d_model]
  std::vector<float> scores;        // [threads, 8, score_stride]
  std::size_t score_stride = 0;
  MatmulScratch matmul;
};

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

class SessionState final : public Session {
 public:
  SessionState(std::shared_ptr<const Transformer> model, KvCache cache, std::uint32_t context,
               std::uint32_t batch);

  [[nodiscard]] const Model& model() const override { return *model_; }
  [[nodiscard]] std::uint32_t position() const override { return position_; }
  [[nodiscard]] std::uint32_t context() const override { return context_; }
  [[nodiscard]] std::uint64_t kv_bytes() const override { return cache_.bytes(); }
  void rewind(std::uint32_t position) override;

  [[nodiscard]] const Transformer& transformer() const { return *model_; }
  [[nodiscard]] KvCache& cache() { return cache_; }
  // Makes room for n positions.
  Scratch& scratch(std::size_t n);
  [[nodiscard]] std::uint32_t batch() const { return batch_; }
  [[nodiscard]] DeferredRows& deferred() { return deferred_; }
  // `n` positions were written in layers 1…n_layers.
  void advance(std::uint32_t n, std::uint32_t n_layers);
  // Layers that every cached position has keys and values in.
  [[nodiscard]] std::uint32_t cached_layers() const;

 private:
  std::shared_ptr<const Transformer> model_;
  KvCache cache_;
  Scratch scratch_;
  DeferredRows deferred_;
  std::uint32_t context_;
  std::uint32_t batch_;
  std::uint32_t position_ = 0;
  std::uint32_t cached_layers_;
};

}  // namespace wattle::engine
