// The formats of 32 weights with one scale, and perhaps one offset, each.
#include <algorithm>
#include <array>
#include <cmath>

#include "engine/quant.hpp"
#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kBlock = kQ8BlockElements;
constexpr std::size_t kHalf = kBlock / 2;

void store_half(std::byte* to, float value) {
  const std::uint16_t half = f32_to_f16(value);
  std::memcpy(to, &half, sizeof half);
}

// The value of largest magnitude, the first of equals, sign kept.
float extreme_of(const float* x) {
  float magnitude = 0.0F;
  float extreme = 0.0F;
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (std::fabs(x[i]) > magnitude) {
      magnitude = std::fabs(x[i]);
      extreme = x[i];
    }
  }
  return extreme;
}

// Truncates x + `shift` into 0 … largest. NaN (only from non-finite weights, which the callers
// refuse) becomes 0.
unsigned to_level(float x, float shift, unsigned largest) {
  // Two statements, so that no compiler fuses multiply and add (the reference rounds in between).
  const float shifted = x + shift;
  if (!(shifted > 0.0F)) return 0;
  return static_cast<unsigned>(std::min(static_cast<float>(largest), shifted));
}

struct Affine {
  float low, step, inverse;
};
// The range of a block in `levels` steps.
Affine affine_of(const float* x, float levels) {
  const auto [low, high] = std::minmax_element(x, x + kBlock);
  const float step = (*high - *low) / levels;
  return {*low, step, step != 0.0F ? 1.0F / step : 0.0F};
}

void store_nibbles(const std::array<unsigned, kBlock>& q, std::byte* out) {
  for (std::size_t i = 0; i < kHalf; ++i) {
    out[i] = static_cast<std::byte>((q[i] & 15U) | ((q[i + kHalf] & 15U) << 4U));
  }
}

void store_fifth_bits(const std::array<unsigned, kBlock>& q, std::byte* out) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < kBlock; ++i) bits |= ((q[i] >> 4U) & 1U) << i;
  std::memcpy(out, &bits, sizeof bits);
}

void add_fifth_bits(const std::byte* bits, SubBlock& out) {
  const auto fifth = load<std::uint32_t>(bits);
  for (std::size_t i = 0; i < kBlock; ++i) {
    out.q[i] = static_cast<std::uint8_t>(out.q[i] | (((fifth >> i) & 1U) << 4U));
  }
}

float load_half(const std::byte* from) {
  return f16_to_f32(load<std::uint16_t>(from));
}

// Half away from zero, like std::round, for |x| < 2³⁰; inline and without a library call. The
// difference x − trunc(x) is exact. NaN and values beyond ±127 (only from non-finite weights, which
// the callers refuse) are clamped rather than left to undefined behaviour.
std::int8_t round_to_i8(float x) {
  if (!(x > -128.0F && x < 128.0F)) return 0;
  const int whole = static_cast<int>(x);
  const float rest = x - static_cast<float>(whole);
  const int rounded = whole + (rest >= 0.5F ? 1 : 0) - (rest <= -0.5F ? 1 : 0);
  return static_cast<std::int8_t>(std::clamp(rounded, -127, 127));
}

}  // namespace

// f16 d, 32 × i8 q: x = d·q.
void quantize_q8_0(const float* x, std::byte* out) {
  float magnitude = 0.0F;
  for (std::size_t i = 0; i < kBlock; ++i) magnitude = std::max(magnitude, std::fabs(x[i]));
  const float d = magnitude / 127.0F;
  const float inverse = d != 0.0F ? 1.0F / d : 0.0F;
  store_half(out, d);
  std::array<std::int8_t, kBlock> q{};
  for (std::size_t i = 0; i < kBlock; ++i) q[i] = round_to_i8(x[i] * inverse);
  std::memcpy(out + 2, q.data(), q.size());
}

void read_q8_0(const std::byte* block, std::size_t, SubBlock& out) {
  set_both(out.scale, load_half(block));
  set_both(out.min, 0.0F);
  for (std::size_t i = 0; i < kBlock; ++i) {
    out.q[i] = static_cast<std::uint8_t>(load_u8(block + 2 + i) ^ 0x80U);
  }
}

// f16 d, 16 bytes of nibbles: x = d·(q − 8).
void quantize_q4_0(const float* x, std::byte* out) {
  const float d = extreme_of(x) / -8.0F;
  const float inverse = d != 0.0F ? 1.0F / d : 0.0F;
  store_half(out, d);
  std::array<unsigned, kBlock> q{};
  for (std::size_t i = 0; i < kBlock; ++i) {
    const float scaled = x[i] * inverse;
    q[i] = to_level(scaled, 8.5F, 15);
  }
  store_nibbles(q, out + 2);
}

void read_q4_0(const std::byte* block, std::size_t, SubBlock& out) {
  set_both(out.scale, load_half(block));
  set_both(out.min, 0.0F);
  read_nibbles(block + 2, out);
}

// f16 d, f16 m, 16 bytes of nibbles: x = d·q + m.
void quantize_q4_1(const float* x, std::byte* out) {
  const Affine range = affine_of(x, 15.0F);
  store_half(out, range.step);
  store_half(out + 2, range.low);
  std::array<unsigned, kBlock> q{};
  for (std::size_t i = 0; i < kBlock; ++i) {
    const float scaled = (x[i] - range.low) * range.inverse;
    q[i] = to_level(scaled, 0.5F, 15);
  }
  store_nibbles(q, out + 4);
}

void read_q4_1(const std::byte* block, std::size_t, SubBlock& out) {
  set_both(out.scale, load_half(block));
  set_both(out.min, -load_half(block + 2));
  read_nibbles(block + 4, out);
}

// f16 d, u32 of fifth bits, 16 bytes of nibbles: x = d·(q − 16).
void quantize_q5_0(const float* x, std::byte* out) {
  const float d = extreme_of(x) / -16.0F;
  const float inverse = d != 0.0F ? 1.0F / d : 0.0F;
  store_half(out, d);
  std::array<unsigned, kBlock> q{};
  for (std::size_t i = 0; i < kBlock; ++i) {
    const float scaled = x[i] * inverse;
    q[i] = to_level(scaled, 16.5F, 31);
  }
  store_fifth_bits(q, out + 2);
  store_nibbles(q, out + 6);
}

void read_q5_0(const std::byte* block, std::size_t, SubBlock& out) {
  set_both(out.scale, load_half(block));
  set_both(out.min, 0.0F);
  read_nibbles(block + 6, out);
  add_fifth_bits(block + 2, out);
}

// f16 d, f16 m, u32 of fifth bits, 16 bytes of nibbles: x = d·q + m.
void quantize_q5_1(const float* x, std::byte* out) {
  const Affine range = affine_of(x, 31.0F);
  store_half(out, range.step);
  store_half(out + 2, range.low);
  std::array<unsigned, kBlock> q{};
  for (std::size_t i = 0; i < kBlock; ++i) {
    const float scaled = (x[i] - range.low) * range.inverse;
    q[i] = to_level(scaled, 0.5F, 31);
  }
  store_fifth_bits(q, out + 4);
  store_nibbles(q, out + 8);
}

void read_q5_1(const std::byte* block, std::size_t, SubBlock& out) {
  set_both(out.scale, load_half(block));
  set_both(out.min, -load_half(block + 2));
  read_nibbles(block + 8, out);
  add_fifth_bits(block + 4, out);
}

}  // namespace wattle::engine
