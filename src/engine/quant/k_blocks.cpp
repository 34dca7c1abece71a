// The formats of 256 weights in sub-blocks of 16 or 32, whose scales are quantised themselves.
#include <array>

#include "engine/quant.hpp"
#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kSuper = 256;
constexpr std::size_t kHalf = 128;

struct ScaleMin {
  float scale;
  float min;
};

// Q4_K and Q5_K: eight 6-bit scales and eight 6-bit minima in 12 bytes. The first four of each are
// the low six bits of bytes 0–3 and 4–7; of the last four, the low nibbles are in bytes 8–11 (scale
// below, minimum above) and the upper two bits on top of bytes 0–3 and 4–7.
ScaleMin six_bit_pair(const std::byte* packed, std::size_t i) {
  if (i < 4) {
    return {static_cast<float>(load_u8(packed + i) & 63U),
            static_cast<float>(load_u8(packed + i + 4) & 63U)};
  }
  const unsigned low = load_u8(packed + i + 4);
  return {static_cast<float>((low & 15U) | ((load_u8(packed + i - 4) >> 6U) << 4U)),
          static_cast<float>((low >> 4U) | ((load_u8(packed + i) >> 6U) << 4U))};
}

// Q3_K: sixteen 6-bit scales in 12 bytes: the low nibbles of 0–7 and the high nibbles of 0–7 are
// the low four bits; bytes 8–11 hold the upper two, two bits at a time.
int three_bit_scale(const std::byte* packed, std::size_t i) {
  const unsigned byte = load_u8(packed + i % 8);
  const unsigned low = i < 8 ? byte & 15U : byte >> 4U;
  const unsigned high = (load_u8(packed + 8 + i % 4) >> (2U * (i / 4))) & 3U;
  return static_cast<int>(low | (high << 4U)) - 32;
}

}  // namespace

// 16 bytes: scale (low) and minimum (high nibble) of 16 weights each; 64 bytes of 2-bit weights;
// f16 d, f16 dmin. x = d·scale·q − dmin·minimum.
void dequantize_q2_k(const std::byte* block, float* out) {
  const std::byte* quants = block + 16;
  const float d = f16_to_f32(load<std::uint16_t>(block + 80));
  const float d_min = f16_to_f32(load<std::uint16_t>(block + 82));
  for (std::size_t i = 0; i < kSuper; ++i) {
    const std::size_t half = i / kHalf;
    const std::size_t within = i % kHalf;
    const unsigned q = (load_u8(quants + half * 32 + within % 32) >> (2 * (within / 32))) & 3U;
    const unsigned scales = load_u8(block + i / 16);
    const float scale = d * static_cast<float>(scales & 15U);
    const float offset = d_min * static_cast<float>(scales >> 4U);
    out[i] = scale * static_cast<float>(q) - offset;
  }
}

// 32 bytes of upper bits, 64 bytes of lower two bits, 12 bytes of scales, f16 d. x = d·scale·(q −
// 4).
void dequantize_q3_k(const std::byte* block, float* out) {
  const std::byte* low = block + 32;
  const std::byte* scales = block + 96;
  const float d = f16_to_f32(load<std::uint16_t>(block + 108));
  for (std::size_t i = 0; i < kSuper; ++i) {
    const std::size_t half = i / kHalf;
    const std::size_t within = i % kHalf;
    const unsigned two = (load_u8(low + half * 32 + within % 32) >> (2 * (within / 32))) & 3U;
    const unsigned upper = (load_u8(block + i % 32) >> (i / 32)) & 1U;
    const int q = static_cast<int>(two | (upper << 2U)) - 4;
    const float scale = d * static_cast<float>(three_bit_scale(scales, i / 16));
    out[i] = scale * static_cast<float>(q);
  }
}

// f16 d, f16 dmin, 12 bytes of scales and minima, 128 bytes: of each 64 weights, the first 32 are
// the low nibbles of 32 bytes. x = d·scale·q − dmin·minimum.
void dequantize_q4_k(const std::byte* block, float* out) {
  const float d = f16_to_f32(load<std::uint16_t>(block));
  const float d_min = f16_to_f32(load<std::uint16_t>(block + 2));
  const std::byte* quants = block + 16;
  for (std::size_t sub = 0; sub < 8; ++sub) {
    const ScaleMin packed = six_bit_pair(block + 4, sub);
    const float scale = d * packed.scale;
    const float offset = d_min * packed.min;
    for (std::size_t i = 0; i < 32; ++i) {
      const unsigned byte = load_u8(quants + 32 * (sub / 2) + i);
      out[32 * sub + i] =
          scale * static_cast<float>(sub % 2 == 0 ? byte & 15U : byte >> 4U) - offset;
    }
  }
}

// As Q4_K, with 32 bytes of fifth bits (bit s of byte i belongs to weight i of sub-block s) before
// the nibbles.
void dequantize_q5_k(const std::byte* block, float* out) {
  const float d = f16_to_f32(load<std::uint16_t>(block));
  const float d_min = f16_to_f32(load<std::uint16_t>(block + 2));
  const std::byte* upper = block + 16;
  const std::byte* quants = block + 48;
  for (std::size_t sub = 0; sub < 8; ++sub) {
    const ScaleMin packed = six_bit_pair(block + 4, sub);
    const float scale = d * packed.scale;
    const float offset = d_min * packed.min;
    for (std::size_t i = 0; i < 32; ++i) {
      const unsigned byte = load_u8(quants + 32 * (sub / 2) + i);
      const unsigned fifth = (load_u8(upper + i) >> sub) & 1U;
      const unsigned q = (sub % 2 == 0 ? byte & 15U : byte >> 4U) | (fifth << 4U);
      out[32 * sub + i] = scale * static_cast<float>(q) - offset;
    }
  }
}

// 128 bytes of low nibbles, 64 bytes of upper two bits, 16 i8 scales, f16 d. x = d·scale·(q − 32).
// Of each 128 weights, quarter k has its nibbles in bytes 32·(k mod 2) … (high ones from k = 2 on)
// and its upper bits at 2·k of 32 bytes.
void dequantize_q6_k(const std::byte* block, float* out) {
  const std::byte* upper = block + 128;
  const std::byte* scales = block + 192;
  const float d = f16_to_f32(load<std::uint16_t>(block + 208));
  for (std::size_t i = 0; i < kSuper; ++i) {
    const std::size_t half = i / kHalf;
    const std::size_t quarter = i % kHalf / 32;
    const unsigned byte = load_u8(block + half * 64 + 32 * (quarter % 2) + i % 32);
    const unsigned nibble = quarter < 2 ? byte & 15U : byte >> 4U;
    const unsigned high = (load_u8(upper + half * 32 + i % 32) >> (2 * quarter)) & 3U;
    const int q = static_cast<int>(nibble | (high << 4U)) - 32;
    const float scale = d * static_cast<float>(load<std::int8_t>(scales + i / 16));
    out[i] = scale * static_cast<float>(q);
  }
}

}  // namespace wattle::engine
