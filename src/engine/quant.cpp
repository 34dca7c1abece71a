#include "engine/quant.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

namespace wattle::engine {
namespace {

constexpr std::size_t kBlock = kQ8BlockElements;
constexpr std::size_t kQ8Bytes = 34;
constexpr std::size_t kQ4Bytes = 18;

std::uint16_t load_u16(const std::byte* p) {
  std::uint16_t value = 0;
  std::memcpy(&value, p, sizeof value);
  return value;
}

void store_u16(std::byte* p, std::uint16_t value) {
  std::memcpy(p, &value, sizeof value);
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

void quantize_q8_0(const float* x, std::byte* out) {
  float magnitude = 0.0F;
  for (std::size_t i = 0; i < kBlock; ++i) magnitude = std::max(magnitude, std::fabs(x[i]));
  const float d = magnitude / 127.0F;
  const float inverse = d != 0.0F ? 1.0F / d : 0.0F;
  store_u16(out, f32_to_f16(d));
  std::array<std::int8_t, kBlock> q{};
  for (std::size_t i = 0; i < kBlock; ++i) q[i] = round_to_i8(x[i] * inverse);
  std::memcpy(out + 2, q.data(), q.size());
}

void dequantize_q8_0(const std::byte* in, float* out) {
  const float d = f16_to_f32(load_u16(in));
  std::array<std::int8_t, kBlock> q{};
  std::memcpy(q.data(), in + 2, q.size());
  for (std::size_t i = 0; i < kBlock; ++i) out[i] = d * static_cast<float>(q[i]);
}

std::uint8_t to_nibble(float scaled) {
  // Two statements, so that no compiler fuses multiply and add (the reference rounds in between).
  const float shifted = scaled + 8.5F;
  if (!(shifted > 0.0F)) return shifted <= 0.0F ? 0 : 8;  // the second: NaN
  return static_cast<std::uint8_t>(std::min(15.0F, shifted));
}

void quantize_q4_0(const float* x, std::byte* out) {
  float magnitude = 0.0F;
  float extreme = 0.0F;
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (std::fabs(x[i]) > magnitude) {
      magnitude = std::fabs(x[i]);
      extreme = x[i];
    }
  }
  const float d = extreme / -8.0F;
  const float inverse = d != 0.0F ? 1.0F / d : 0.0F;
  store_u16(out, f32_to_f16(d));
  for (std::size_t i = 0; i < kBlock / 2; ++i) {
    const float low = x[i] * inverse;
    const float high = x[i + kBlock / 2] * inverse;
    out[2 + i] = static_cast<std::byte>(to_nibble(low) | (to_nibble(high) << 4U));
  }
}

void dequantize_q4_0(const std::byte* in, float* out) {
  const float d = f16_to_f32(load_u16(in));
  for (std::size_t i = 0; i < kBlock / 2; ++i) {
    const int packed = std::to_integer<int>(in[2 + i]);
    out[i] = d * static_cast<float>((packed & 15) - 8);
    out[i + kBlock / 2] = d * static_cast<float>((packed >> 4) - 8);
  }
}

}  // namespace

float f16_to_f32(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 31U;
  const std::uint32_t mantissa = half & 1023U;
  if (exponent == 0) {  // zero and subnormal: mantissa · 2⁻²⁴
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t biased = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | (biased << 23U) | (mantissa << 13U));
}

std::uint16_t f32_to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  std::uint32_t half = 0;
  if (magnitude > 0x7F800000U) {  // NaN: quiet, upper payload bits kept
    half = 0x7E00U | ((magnitude >> 13U) & 0x3FFU);
  } else if (magnitude >= 0x477FF000U) {  // rounds to 65,536 or more
    half = 0x7C00U;
  } else if (magnitude >= 0x38800000U) {  // normal: round the 13 lost bits to nearest even
    const std::uint32_t rebased = magnitude - 0x38000000U;
    half = (rebased + 0xFFFU + ((rebased >> 13U) & 1U)) >> 13U;
  } else {  // subnormal: adding 0.5 makes the FPU round at bit 2⁻²⁴, to nearest even
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    half = std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U;
  }
  return static_cast<std::uint16_t>(sign | half);
}

float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

std::uint16_t f32_to_bf16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) {  // NaN: keep it one after truncation
    return static_cast<std::uint16_t>((bits >> 16U) | 64U);
  }
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

void dequantize_row(TensorType type, std::span<const std::byte> bytes, std::span<float> out) {
  const TensorTypeInfo& layout = info(type);
  assert(out.size() % layout.block_elements == 0);
  assert(bytes.size() == out.size() / layout.block_elements * layout.block_bytes);
  const std::size_t n_blocks = out.size() / layout.block_elements;
  const std::byte* in = bytes.data();
  switch (type) {
    case TensorType::f32:
      if (!out.empty()) std::memcpy(out.data(), in, out.size_bytes());
      return;
    case TensorType::f16:
      for (std::size_t i = 0; i < n_blocks; ++i) out[i] = f16_to_f32(load_u16(in + 2 * i));
      return;
    case TensorType::bf16:
      for (std::size_t i = 0; i < n_blocks; ++i) out[i] = bf16_to_f32(load_u16(in + 2 * i));
      return;
    case TensorType::q8_0:
      for (std::size_t i = 0; i < n_blocks; ++i)
        dequantize_q8_0(in + kQ8Bytes * i, &out[kBlock * i]);
      return;
    case TensorType::q4_0:
      for (std::size_t i = 0; i < n_blocks; ++i)
        dequantize_q4_0(in + kQ4Bytes * i, &out[kBlock * i]);
      return;
  }
}

void quantize_row(TensorType type, std::span<const float> in, std::span<std::byte> out) {
  const TensorTypeInfo& layout = info(type);
  assert(in.size() % layout.block_elements == 0);
  assert(out.size() == in.size() / layout.block_elements * layout.block_bytes);
  const std::size_t n_blocks = in.size() / layout.block_elements;
  std::byte* to = out.data();
  switch (type) {
    case TensorType::f32:
      if (!in.empty()) std::memcpy(to, in.data(), in.size_bytes());
      return;
    case TensorType::f16:
      for (std::size_t i = 0; i < n_blocks; ++i) store_u16(to + 2 * i, f32_to_f16(in[i]));
      return;
    case TensorType::bf16:
      for (std::size_t i = 0; i < n_blocks; ++i) store_u16(to + 2 * i, f32_to_bf16(in[i]));
      return;
    case TensorType::q8_0:
      for (std::size_t i = 0; i < n_blocks; ++i) quantize_q8_0(&in[kBlock * i], to + kQ8Bytes * i);
      return;
    case TensorType::q4_0:
      for (std::size_t i = 0; i < n_blocks; ++i) quantize_q4_0(&in[kBlock * i], to + kQ4Bytes * i);
      return;
  }
}

}  // namespace wattle::engine
