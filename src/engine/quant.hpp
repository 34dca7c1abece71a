#pragma once
// Rows of any tensor type as plain, portable code: the reference that kernels are tested against.
// Layouts: docs/formats/gguf.md; one block each: quant/blocks.hpp.

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/tensor_type.hpp"

namespace wattle::engine {

inline constexpr std::size_t kQ8BlockElements = 32;

[[nodiscard]] float f16_to_f32(std::uint16_t half);
[[nodiscard]] std::uint16_t f32_to_f16(float value);  // round to nearest even; overflow → ±inf
[[nodiscard]] float bf16_to_f32(std::uint16_t bits);
[[nodiscard]] std::uint16_t f32_to_bf16(float value);  // round to nearest even; NaN stays NaN

// `bytes` holds whole blocks of `out.size()` elements of `type` (checked by assertion).
void dequantize_row(TensorType type, std::span<const std::byte> bytes, std::span<float> out);
// Is there a quantiser for the type?
[[nodiscard]] bool can_quantize(TensorType type);
// Bit for bit what the format's reference quantiser gives (docs/formats/gguf.md). Precondition:
// can_quantize(type).
void quantize_row(TensorType type, std::span<const float> in, std::span<std::byte> out);

}  // namespace wattle::engine
