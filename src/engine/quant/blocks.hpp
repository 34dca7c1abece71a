#pragma once
// One block of each quantised format as plain, portable code: the reference that kernels are tested
// against. Layouts: docs/formats/gguf.md. A function reads or writes exactly one block of
// info(type).block_bytes bytes and block_elements weights.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/tensor_type.hpp"

namespace wattle::engine {

using DequantizeBlock = void (*)(const std::byte* block, float* out);
using QuantizeBlock = void (*)(const float* in, std::byte* block);

struct BlockFormat {
  TensorType type;
  DequantizeBlock dequantize;
  QuantizeBlock quantize;  // nullptr: Wattle reads this format and does not write it
};

// nullptr for F32, F16 and BF16, which have no blocks.
[[nodiscard]] const BlockFormat* block_format(TensorType type);

// The families, one file each.
void dequantize_q4_0(const std::byte* block, float* out);
void dequantize_q4_1(const std::byte* block, float* out);
void dequantize_q5_0(const std::byte* block, float* out);
void dequantize_q5_1(const std::byte* block, float* out);
void dequantize_q8_0(const std::byte* block, float* out);
void quantize_q4_0(const float* in, std::byte* block);
void quantize_q4_1(const float* in, std::byte* block);
void quantize_q5_0(const float* in, std::byte* block);
void quantize_q5_1(const float* in, std::byte* block);
void quantize_q8_0(const float* in, std::byte* block);

void dequantize_q2_k(const std::byte* block, float* out);
void dequantize_q3_k(const std::byte* block, float* out);
void dequantize_q4_k(const std::byte* block, float* out);
void dequantize_q5_k(const std::byte* block, float* out);
void dequantize_q6_k(const std::byte* block, float* out);
void quantize_q4_k(const float* in, std::byte* block);
void quantize_q6_k(const float* in, std::byte* block);

void dequantize_iq4_nl(const std::byte* block, float* out);
void dequantize_iq4_xs(const std::byte* block, float* out);
void dequantize_mxfp4(const std::byte* block, float* out);

// Unaligned, little-endian.
template <class T>
[[nodiscard]] T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
[[nodiscard]] inline unsigned load_u8(const std::byte* from) {
  return std::to_integer<unsigned>(*from);
}

}  // namespace wattle::engine
