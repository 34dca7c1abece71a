#pragma once
// The one implementation of Model: a decoder-only transformer on the CPU.

#include <memory>
#include <vector>

#include "engine/buffer.hpp"
#include "engine/config.hpp"
#include "engine/matrix.hpp"
#include "engine/model.hpp"

namespace wattle::engine {

// A norm, or a bias of a product; empty where the model has none.
using Vector = std::vector<float>;

struct NormWeights {
  Vector weight;
  Vector bias;  // of LayerNorm
};

struct LayerWeights {
  NormWeights attention_norm;  // [d_model]
  Matrix q;                    // [n_heads·head_dim, d_model]
  Matrix k, v;                 // [n_kv_heads·head_dim, d_model]
  Vector q_bias;               // [n_heads·head_dim]
  Vector k_bias, v_bias;       // [n_kv_heads·head_dim]
  Vector q_norm, k_norm;       // [head_dim]
  Matrix attention_out;        // [d_model, n_heads·head_dim]
  Vector post_attention_norm;  // [d_model]
  NormWeights ffn_norm;        // [d_model]
  Matrix gate, up;             // [d_ff, d_model]
  Matrix down;                 // [d_model, d_ff]
  Vector post_ffn_norm;        // [d_model]
};

struct Weights {
  Matrix embedding;  // [n_vocab, d_model]; never packed: single rows are looked up
  std::vector<LayerWeights> layers;
  NormWeights output_norm;  // [d_model]
  Matrix output;            // [n_vocab, d_model]
};

class Transformer final : public Model {
 public:
  static Result<std::shared_ptr<const Transformer>> load(const std::filesystem::path& path,
                                                         const LoadOptions& options);

  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const Tokenizer& tokenizer() const override { return *tokenizer_; }
  [[nodiscard]] const std::filesystem::path& path() const override { return path_; }
  [[nodiscard]] const GgufFile& file() const override { return file_; }
  [[nodiscard]] std::string precision() const override { return precision_; }
  [[nodiscard]] Arithmetic arithmetic() const override { return arithmetic_; }
  [[nodiscard]] std::uint64_t bytes_per_token(std::uint32_t exit_layer) const override;
  [[nodiscard]] bool exact() const override { return exact_; }
  [[nodiscard]] int threads() const override { return pool_->threads(); }
  [[nodiscard]] Repack repack() const { return repack_; }
  [[nodiscard]] int decode_threads() const override { return compute_.decode_threads; }
  [[nodiscard]] std::vector<std::span<const std::byte>> weight_memory() const override;
  [[nodiscard]] std::string isa() const override { return compute_.kernels->name; }

  [[nodiscard]] const Weights& weights() const { return weights_; }
  [[nodiscard]] const Compute& compute() const { return compute_; }
  [[nodiscard]] const Architecture& architecture() const { return *architecture_; }
  // Radians a pair of dimensions turns from one position to the next, [rope_dims / 2], in a session
  // of so many positions.
  [[nodiscard]] const std::vector<double>& rope_frequencies(std::uint32_t context) const {
    return context > config_.rope_original_context ? long_rope_ : rope_;
  }

 private:
  friend class TransformerLoader;
  static Status check_vocabulary_size(const Transformer& model);

  std::filesystem::path path_;
  GgufFile file_;  // owns the mapping that the weights point into
  ModelConfig config_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string precision_;
  Arithmetic arithmetic_ = Arithmetic::f32;
  bool exact_ = false;
  Repack repack_ = Repack::all;
  std::unique_ptr<ThreadPool> pool_;
  Compute compute_;
  Buffer packed_;  // all packed matrices in one piece, for huge pages
  Weights weights_;
  const Architecture* architecture_ = nullptr;
  std::vector<double> rope_, long_rope_;
};

}  // namespace wattle::engine
