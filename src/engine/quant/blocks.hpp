#pragma once
// The quantised formats as plain, portable code: the reference that kernels are tested against, and
// what matrices are repacked from. Layouts: docs/formats/gguf.md.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/tensor_type.hpp"

namespace wattle::engine {

inline constexpr std::size_t kSubBlock = 32;

// 32 neighbouring weights: x[i] = scale[i / 16]·(q[i] − zero) − min[i / 16], zero being the
// format's.
struct SubBlock {
  std::uint8_t q[kSubBlock];
  float scale[2];
  float min[2];
  // Of formats with super-blocks: scale[h] = d·s[h], min[h] = d_min·m[h].
  std::uint16_t d, d_min;  // F16
  std::int8_t s[2];
  std::uint8_t m[2];
};

// Reads weights 32·sub … 32·sub + 31 of one block.
using ReadSubBlock = void (*)(const std::byte* block, std::size_t sub, SubBlock& out);
// Writes one block of info(type).block_bytes bytes from block_elements weights.
using QuantizeBlock = void (*)(const float* in, std::byte* block);

struct BlockFormat {
  TensorType type;
  int zero;
  bool halves;    // scale and min of 16 weights each; otherwise both are the same
  bool has_mins;  // otherwise min is 0
  ReadSubBlock read;
  QuantizeBlock quantize;  // nullptr: Wattle reads this format and does not write it
};

// nullptr for F32, F16 and BF16, which have no blocks.
[[nodiscard]] const BlockFormat* block_format(TensorType type);

// The families, one file each.
void read_q4_0(const std::byte* block, std::size_t sub, SubBlock& out);
void read_q4_1(const std::byte* block, std::size_t sub, SubBlock& out);
void read_q5_0(const std::byte* block, std::size_t sub, SubBlock& out);
void read_q5_1(const std::byte* block, std::size_t sub, SubBlock& out);
void read_q8_0(const std::byte* block, std::size_t sub, SubBlock& out);
void quantize_q4_0(const float* in, std::byte* block);
void quantize_q4_1(const float* in, std::byte* block);
void quantize_q5_0(const float* in, std::byte* block);
void quantize_q5_1(const float* in, std::byte* block);
void quantize_q8_0(const float* in, std::byte* block);

void read_q2_k(const std::byte* block, std::size_t sub, SubBlock& out);
void read_q3_k(const std::byte* block, std::size_t sub, SubBlock& out);
void read_q4_k(const std::byte* block, std::size_t sub, SubBlock& out);
void read_q5_k(const std::byte* block, std::size_t sub, SubBlock& out);
void read_q6_k(const std::byte* block, std::size_t sub, SubBlock& out);
void quantize_q4_k(const float* in, std::byte* block);
void quantize_q6_k(const float* in, std::byte* block);

void read_iq4_nl(const std::byte* block, std::size_t sub, SubBlock& out);
void read_iq4_xs(const std::byte* block, std::size_t sub, SubBlock& out);
void read_mxfp4(const std::byte* block, std::size_t sub, SubBlock& out);

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

// 16 bytes: the low nibbles are q[0…15], the high ones q[16…31].
inline void read_nibbles(const std::byte* nibbles, SubBlock& out) {
  for (std::size_t i = 0; i < kSubBlock / 2; ++i) {
    const unsigned byte = load_u8(nibbles + i);
    out.q[i] = static_cast<std::uint8_t>(byte & 15U);
    out.q[i + kSubBlock / 2] = static_cast<std::uint8_t>(byte >> 4U);
  }
}
inline void set_both(float (&pair)[2], float value) {
  pair[0] = pair[1] = value;
}

}  // namespace wattle::engine
