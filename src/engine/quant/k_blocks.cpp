// The formats of 256 weights in sub-blocks of 16 or 32, whose scales are quantised themselves.
#include "engine/quant.hpp"
#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

struct ScaleMin {
  unsigned scale;
  unsigned min;
};

// Q4_K and Q5_K: eight 6-bit scales and eight 6-bit minima in 12 bytes. The first four of each are
// the low six bits of bytes 0–3 and 4–7; of the last four, the low nibbles are in bytes 8–11 (scale
// below, minimum above) and the upper two bits on top of bytes 0–3 and 4–7.
ScaleMin six_bit_pair(const std::byte* packed, std::size_t i) {
  if (i < 4) {
    return {load_u8(packed + i) & 63U, load_u8(packed + i + 4) & 63U};
  }
  const unsigned low = load_u8(packed + i + 4);
  return {(low & 15U) | ((load_u8(packed + i - 4) >> 6U) << 4U),
          (low >> 4U) | ((load_u8(packed + i) >> 6U) << 4U)};
}

// Q3_K: sixteen 6-bit scales in 12 bytes: the low nibbles of 0–7 and the high nibbles of 0–7 are
// the low four bits; bytes 8–11 hold the upper two, two bits at a time.
int three_bit_scale(const std::byte* packed, std::size_t i) {
  const unsigned byte = load_u8(packed + i % 8);
  const unsigned low = i < 8 ? byte & 15U : byte >> 4U;
  const unsigned high = (load_u8(packed + 8 + i % 4) >> (2U * (i / 4))) & 3U;
  return static_cast<int>(low | (high << 4U)) - 32;
}

float load_half(const std::byte* from) {
  return f16_to_f32(load<std::uint16_t>(from));
}

// Q4_K and Q5_K: f16 d, f16 dmin, packed pairs.
void read_scale_and_min(const std::byte* block, std::size_t sub, SubBlock& out) {
  const ScaleMin packed = six_bit_pair(block + 4, sub);
  out.d = load<std::uint16_t>(block);
  out.d_min = load<std::uint16_t>(block + 2);
  set_both(out.scale, f16_to_f32(out.d) * static_cast<float>(packed.scale));
  set_both(out.min, f16_to_f32(out.d_min) * static_cast<float>(packed.min));
  for (std::size_t h = 0; h < 2; ++h) {
    out.s[h] = static_cast<std::int8_t>(packed.scale);
    out.m[h] = static_cast<std::uint8_t>(packed.min);
  }
}

// The nibbles of 64 weights are in 32 bytes: low ones first.
void read_nibbles_of_64(const std::byte* quants, std::size_t sub, SubBlock& out) {
  for (std::size_t i = 0; i < kSubBlock; ++i) {
    const unsigned byte = load_u8(quants + kSubBlock * (sub / 2) + i);
    out.q[i] = static_cast<std::uint8_t>(sub % 2 == 0 ? byte & 15U : byte >> 4U);
  }
}

// Two bits each of 128 weights are in 32 bytes: sub-blocks 0 to 3 from the lowest bits up.
unsigned two_bits(const std::byte* bits, std::size_t sub, std::size_t i) {
  return (load_u8(bits + kSubBlock * (sub / 4) + i) >> (2 * (sub % 4))) & 3U;
}

}  // namespace

// 16 bytes: scale (low) and minimum (high nibble) of 16 weights each; 64 bytes of 2-bit weights;
// f16 d, f16 dmin. x = d·scale·q − dmin·minimum.
void read_q2_k(const std::byte* block, std::size_t sub, SubBlock& out) {
  const float d = load_half(block + 80);
  const float d_min = load_half(block + 82);
  for (std::size_t half = 0; half < 2; ++half) {
    const unsigned scales = load_u8(block + 2 * sub + half);
    out.scale[half] = d * static_cast<float>(scales & 15U);
    out.min[half] = d_min * static_cast<float>(scales >> 4U);
  }
  for (std::size_t i = 0; i < kSubBlock; ++i) {
    out.q[i] = static_cast<std::uint8_t>(two_bits(block + 16, sub, i));
  }
}

// 32 bytes of upper bits (bit s of byte i: weight i of sub-block s), 64 bytes of lower two bits, 12
// bytes of scales, f16 d. x = d·scale·(q − 4).
void read_q3_k(const std::byte* block, std::size_t sub, SubBlock& out) {
  const float d = load_half(block + 108);
  for (std::size_t half = 0; half < 2; ++half) {
    out.scale[half] = d * static_cast<float>(three_bit_scale(block + 96, 2 * sub + half));
    out.min[half] = 0.0F;
  }
  for (std::size_t i = 0; i < kSubBlock; ++i) {
    const unsigned upper = (load_u8(block + i) >> sub) & 1U;
    out.q[i] = static_cast<std::uint8_t>(two_bits(block + 32, sub, i) | (upper << 2U));
  }
}

// f16 d, f16 dmin, 12 bytes of scales and minima, 128 bytes of nibbles.
// x = d·scale·q − dmin·minimum.
void read_q4_k(const std::byte* block, std::size_t sub, SubBlock& out) {
  read_scale_and_min(block, sub, out);
  read_nibbles_of_64(block + 16, sub, out);
}

// As Q4_K, with 32 bytes of fifth bits (bit s of byte i: weight i of sub-block s) before the
// nibbles.
void read_q5_k(const std::byte* block, std::size_t sub, SubBlock& out) {
  read_scale_and_min(block, sub, out);
  read_nibbles_of_64(block + 48, sub, out);
  for (std::size_t i = 0; i < kSubBlock; ++i) {
    const unsigned fifth = (load_u8(block + 16 + i) >> sub) & 1U;
    out.q[i] = static_cast<std::uint8_t>(out.q[i] | (fifth << 4U));
  }
}

// 128 bytes of low nibbles, 64 bytes of upper two bits, 16 i8 scales, f16 d. x = d·scale·(q − 32).
// Of each 128 weights, quarter k has its nibbles in bytes 32·(k mod 2) … (high ones from k = 2 on)
// and its upper bits at 2·k of 32 bytes.
void read_q6_k(const std::byte* block, std::size_t sub, SubBlock& out) {
  out.d = load<std::uint16_t>(block + 208);
  const float d = f16_to_f32(out.d);
  for (std::size_t half = 0; half < 2; ++half) {
    out.s[half] = load<std::int8_t>(block + 192 + 2 * sub + half);
    out.scale[half] = d * static_cast<float>(out.s[half]);
    out.min[half] = 0.0F;
  }
  const std::size_t quarter = sub % 4;
  for (std::size_t i = 0; i < kSubBlock; ++i) {
    const unsigned byte = load_u8(block + 64 * (sub / 4) + kSubBlock * (quarter % 2) + i);
    const unsigned nibble = quarter < 2 ? byte & 15U : byte >> 4U;
    out.q[i] = static_cast<std::uint8_t>(nibble | (two_bits(block + 128, sub, i) << 4U));
  }
}

}  // namespace wattle::engine
