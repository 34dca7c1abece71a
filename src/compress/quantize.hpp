#pragma once
// Rewrites a model, a GGUF file or the folder of a Hugging Face model, as one GGUF file with its
// weight matrices in another type, or as they are. Memory stays bounded by a few thousand rows (for
// folders by one matrix); the new file appears whole or not at all.
//
// Which tensors change: every matrix (2 or more dimensions) named "*.weight", the embedding and the
// output head included. Vectors, norms, RoPE factors and MoE routers stay as they are: they are
// small, and sensitive. A matrix whose rows are not whole blocks goes to a type of smaller blocks
// (Q4_K to Q5_0, Q6_K to Q8_0), or to F16. `general.file_type` and `general.quantization_version`
// are set accordingly.
//
// From a folder come, besides, the vocabulary and the chat template; vectors become F32, and the
// rows of queries and keys take the order that GGUF readers expect of the architecture. What
// readers must know and GGUF has no key for is an error (model_source.hpp).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/gguf.hpp"
#include "engine/tensor_type.hpp"

namespace wattle::compress {

// Matrices whose name matches (shell pattern: "blk.*.ffn_down.weight") get another type.
struct TypeRule {
  std::string pattern;
  engine::TensorType type;
};

struct QuantizeOptions {
  std::optional<engine::TensorType> type = engine::TensorType::q8_0;  // nullopt: as it is
  std::vector<TypeRule> rules;  // the first that matches counts
  int threads = 0;              // 0: cores this process may use; the result does not depend on it
  // Bytes written and bytes in all; may be empty. Polled for Ctrl-C between pieces in any case.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
};

// All tensors of one role: "blk.N.attn_q.weight" for every N.
struct RoleReport {
  std::string role;
  engine::TensorType from = engine::TensorType::f32;
  engine::TensorType to = engine::TensorType::f32;
  std::uint64_t n_tensors = 0;
  std::uint64_t n_elements = 0;
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  double rms_error = 0.0;   // √mean (new − old)²
  double rms_weight = 0.0;  // √mean old²; both 0 where the tensors were copied as they are
  [[nodiscard]] bool converted() const { return from != to; }
};

struct QuantizeReport {
  std::uint64_t file_bytes_before = 0;
  std::uint64_t file_bytes_after = 0;
  std::vector<RoleReport> roles;  // in the order of the file
  // Some tensors were in a block type already: their errors add up.
  bool was_quantized = false;
};

// invalid_argument if both paths name one file, a type cannot be written or a rule matches no
// matrix; invalid_format or out_of_range, naming the tensor, if weights are not finite or too large
// for the type; cancelled after Ctrl-C.
[[nodiscard]] Result<QuantizeReport> quantize_file(const std::filesystem::path& in,
                                                   const std::filesystem::path& out,
                                                   const QuantizeOptions& options);

// Does the tensor change at all? Matrices do.
[[nodiscard]] bool is_quantizable(const engine::TensorInfo& tensor);
// The type that `tensor` gets when `wanted` is asked for.
[[nodiscard]] engine::TensorType target_type(const engine::TensorInfo& tensor,
                                             engine::TensorType wanted);
// The format's `general.file_type` for a file whose matrices are of this type.
[[nodiscard]] std::uint32_t file_type_id(engine::TensorType type);

}  // namespace wattle::compress
