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
  q8_0 = 8,
  bf16 = 30,
};

struct TensorTypeInfo {
  TensorType type;
  std::string_view name;       // "Q4_0"
  std::size_t block_elements;  // elements in one block
  std::size_t block_bytes;
};

// nullptr-free lookup; an error names ids that are known but unsupported ("Q5_K (13)").
[[nodiscard]] Result<TensorTypeInfo> tensor_type_info(std::uint32_t type_id);
[[nodiscard]] const TensorTypeInfo& info(TensorType type);
// "q4_0" or "Q4_0" → type.
[[nodiscard]] std::optional<TensorType> tensor_type_from_name(std::string_view name);

// Bytes of a row of n elements; an error if n is not a whole number of blocks or overflows.
[[nodiscard]] Result<std::size_t> row_bytes(TensorType type, std::uint64_t n_elements);

}  // namespace wattle::engine
