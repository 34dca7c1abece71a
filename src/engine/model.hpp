#pragma once
// A loaded model: immutable configuration and read-only weights. Shared freely between threads;
// everything that changes lives in a Session (session.hpp).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/gguf.hpp"
#include "engine/tokenizer.hpp"

namespace wattle::engine {

struct ModelConfig {
  std::string architecture;  // "llama"
  std::string name;          // general.name, or the file's name
  std::uint32_t n_layers = 0;
  std::uint32_t d_model = 0;  // embedding_length
  std::uint32_t d_ff = 0;     // feed_forward_length
  std::uint32_t n_heads = 0;
  std::uint32_t n_kv_heads = 0;
  std::uint32_t head_dim = 0;
  std::uint32_t n_vocab = 0;
  std::uint32_t context_length = 0;
  float norm_epsilon = 1e-5F;
  float rope_base = 10000.0F;
  float rope_linear_scale = 1.0F;  // positions are divided by it
  bool rope_half_split = false;    // pairs are (i, i + n/2), not (2i, 2i + 1)
  float rope_magnitude = 1.0F;     // rotated queries and keys are multiplied by it (longrope)
  std::uint32_t rope_original_context = 0;  // beyond it the long factors hold (longrope)
  std::uint32_t rope_dims = 0;
  float attention_scale = 0.0F;      // of scores: 1/√head_dim in most models
  float attention_softcap = 0.0F;    // 0: none
  float logit_softcap = 0.0F;        // 0: none
  std::uint32_t sliding_window = 0;  // a position sees so many, itself included; 0: all
  bool tied_output = false;
};

// Which matrices are copied at load into the form that multiplies fastest. Their pages of the file
// are given back, so a copy costs time but hardly memory.
enum class Repack {
  all,     // block types; F16 and BF16 where the instruction set has a faster form
  blocks,  // F16 and BF16 stay in the file's mapping, which processes share
  none,    // so do block types; products are F32 then, 8 (prompts) to 24 times (decoding) slower
};

struct LoadOptions {
  // Weights dequantised, activations and KV F32: the path for checking against a reference.
  bool exact = false;
  int threads = 0;  // 0: physical cores this process may use
  // Of decoding one sequence, which memory limits: a few cores reach its bandwidth, more only burn
  // power. 0: all up to four, half of those above. Never more than `threads`.
  int decode_threads = 0;
  Repack repack = Repack::all;
};

// What a weight and an activation are multiplied as.
enum class Arithmetic { f32, int16, int8 };

class Model {
 public:
  static Result<std::shared_ptr<const Model>> load(const std::filesystem::path& path,
                                                   const LoadOptions& options = {});
  virtual ~Model() = default;
  [[nodiscard]] virtual const ModelConfig& config() const = 0;
  [[nodiscard]] virtual const Tokenizer& tokenizer() const = 0;
  [[nodiscard]] virtual const std::filesystem::path& path() const = 0;
  // Its keys (chat template and the like); open as long as the model is.
  [[nodiscard]] virtual const GgufFile& file() const = 0;
  // "Q4_0": the type most of the weight bytes are in.
  [[nodiscard]] virtual std::string precision() const = 0;
  // Of most weights.
  [[nodiscard]] virtual Arithmetic arithmetic() const = 0;
  // Weight bytes read for one decoded token through layers 1…exit_layer (0: all) and the output
  // head; the embedding row only.
  [[nodiscard]] virtual std::uint64_t bytes_per_token(std::uint32_t exit_layer = 0) const = 0;
  [[nodiscard]] virtual bool exact() const = 0;
  [[nodiscard]] virtual int threads() const = 0;
  [[nodiscard]] virtual int decode_threads() const = 0;
  // The memory that one pass over all layers streams through; embedding rows and small vectors are
  // not in it.
  [[nodiscard]] virtual std::vector<std::span<const std::byte>> weight_memory() const = 0;
  // What WATTLE_ISA calls it: "avx512", "neon_dotprod", …
  [[nodiscard]] virtual std::string isa() const = 0;
};

}  // namespace wattle::engine
