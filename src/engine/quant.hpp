#pragma once
// Block formats as plain, portable code: the reference that kernels are tested against.
//   Q8_0: 32 elements: f16 d, 32 × i8 q;             x = d·q           (34 bytes)
//   Q4_0: 32 elements: f16 d, 16 bytes, low nibbles = elements 0–15, high = 16–31;
//         x = d·(q − 8)                                                  (18 bytes)
// Source: GGUF block layouts as documented by ggml; docs/formats/gguf.md.

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
// Bit for bit what the format's reference quantiser gives (Q8_0: d = max|x|/127, round half away
// from zero; Q4_0: d = (signed value of largest magnitude)/−8).
void quantize_row(TensorType type, std::span<const float> in, std::span<std::byte> out);

}  // namespace wattle::engine
