#pragma once
// Model files with the true shapes of known models and random weights: valid for any GGUF reader,
// of no use but to measure with. Same shape, type and seed: same bytes.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/tensor_type.hpp"

namespace wattle::compress {

struct SynthShape {
  std::string_view name;          // "tinyllama-1.1b"
  std::string_view architecture;  // "llama", "phi3"
  std::uint32_t n_layers = 0;
  std::uint32_t d_model = 0;
  std::uint32_t d_ff = 0;
  std::uint32_t n_heads = 0;
  std::uint32_t n_kv_heads = 0;
  std::uint32_t n_vocab = 0;
  std::uint32_t context_length = 0;
  float rope_base = 10000.0F;
  float rms_epsilon = 1e-5F;
  bool tied_output = false;
  bool llama3_rope = false;  // has the rope_freqs tensor of Llama 3.2
  [[nodiscard]] std::uint32_t head_dim() const { return d_model / n_heads; }
};

[[nodiscard]] std::span<const SynthShape> synth_shapes();
// An error that lists the names there are.
[[nodiscard]] Result<SynthShape> find_synth_shape(std::string_view name);

struct SynthOptions {
  engine::TensorType type = engine::TensorType::q4_0;  // of every matrix; vectors are F32
  // Columns that share a scale and a minimum; 128 is what AWQ models have. 0: a block, 32. Else a
  // multiple of 32 that divides all rows, and the type is Q4_1.
  std::uint32_t group_size = 0;
  std::uint64_t seed = 1;
  int threads = 0;  // 0: cores this process may use; the bytes do not depend on it
  // Bytes written and bytes in all; may be empty.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
};

struct SynthReport {
  std::uint64_t n_tensors = 0;
  std::uint64_t n_parameters = 0;
  std::uint64_t file_bytes = 0;
};

[[nodiscard]] Result<SynthReport> synthesize(const SynthShape& shape,
                                             const std::filesystem::path& out,
                                             const SynthOptions& options);

// One tensor of a shape, in the order of the file. Shape as in GGUF: [0] is contiguous.
struct SynthTensor {
  std::string name;
  std::vector<std::uint64_t> shape;
};
[[nodiscard]] std::vector<SynthTensor> synth_tensors(const SynthShape& shape);

// A vocabulary for the "llama" tokenizer: unknown, BOS, EOS, 256 byte tokens, the printable
// characters, then distinct words; every word is reachable by merges of shorter ones.
struct SynthVocabulary {
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
};
[[nodiscard]] SynthVocabulary synth_vocabulary(std::size_t n_tokens);

// Divisors of the RoPE frequencies as Llama 3.2 has them: factor 32, 8,192 original positions,
// low/high frequency factors 1 and 4 (Llama 3.1/3.2 model configuration). [head_dim / 2]
[[nodiscard]] std::vector<float> llama3_rope_factors(std::uint32_t head_dim, float rope_base);

}  // namespace wattle::compress
