#pragma once
// GGUF tensor element types: names, block sizes. Source: GGUF specification (ggml type ids).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace wattle::engine {

// Values are the type ids of the file format.
enum class TensorType : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  iq4_nl = 20,
  iq4_xs = 23,
  bf16 = 30,
  mxfp4 = 39,
};

struct TensorTypeInfo {
  TensorType type;
  std::string_view name;       // "Q4_0"
  std::size_t block_elements;  // elements in one block
  std::size_t block_bytes;
};

// nullptr-free lookup; an error names ids that are known but unsupported ("IQ2_XS (17)").
[[nodiscard]] Result<TensorTypeInfo> tensor_type_info(std::uint32_t type_id);
[[nodiscard]] const TensorTypeInfo& info(TensorType type);
// Quantised in blocks, that is, not F32, F16 or BF16.
[[nodiscard]] bool is_block_type(TensorType type);
// "q4_0" or "Q4_0" → type.
[[nodiscard]] std::optional<TensorType> tensor_type_from_name(std::string_view name);

// Bytes of a row of n elements; an error if n is not a whole number of blocks or overflows.
[[nodiscard]] Result<std::size_t> row_bytes(TensorType type, std::uint64_t n_elements);

}  // namespace wattle::engine
