#include "engine/quant.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>

#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

// type, zero, halves, mins
constexpr auto kFormats = std::to_array<BlockFormat>({
    {TensorType::q4_0, 8, false, false, read_q4_0, quantize_q4_0},
    {TensorType::q4_1, 0, false, true, read_q4_1, quantize_q4_1},
    {TensorType::q5_0, 16, false, false, read_q5_0, quantize_q5_0},
    {TensorType::q5_1, 0, false, true, read_q5_1, quantize_q5_1},
    {TensorType::q8_0, 128, false, false, read_q8_0, quantize_q8_0},
    {TensorType::q2_k, 0, true, true, read_q2_k, nullptr},
    {TensorType::q3_k, 4, true, false, read_q3_k, nullptr},
    {TensorType::q4_k, 0, false, true, read_q4_k, quantize_q4_k},
    {TensorType::q5_k, 0, false, true, read_q5_k, nullptr},
    {TensorType::q6_k, 32, true, false, read_q6_k, quantize_q6_k},
    {TensorType::iq4_nl, 128, false, false, read_iq4_nl, nullptr},
    {TensorType::iq4_xs, 128, false, false, read_iq4_xs, nullptr},
    {TensorType::mxfp4, 128, false, false, read_mxfp4, nullptr},
});

void store_u16(std::byte* p, std::uint16_t value) {
  std::memcpy(p, &value, sizeof value);
}

}  // namespace

const BlockFormat* block_format(TensorType type) {
  const auto* found = std::ranges::find(kFormats, type, &BlockFormat::type);
  return found == kFormats.end() ? nullptr : found;
}

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

bool can_quantize(TensorType type) {
  const BlockFormat* format = block_format(type);
  return format == nullptr || format->quantize != nullptr;
}

void dequantize_row(TensorType type, std::span<const std::byte> bytes, std::span<float> out) {
  const TensorTypeInfo& layout = info(type);
  assert(out.size() % layout.block_elements == 0);
  assert(bytes.size() == out.size() / layout.block_elements * layout.block_bytes);
  const std::byte* in = bytes.data();
  if (const BlockFormat* format = block_format(type)) {
    const std::size_t n_subs = layout.block_elements / kSubBlock;
    SubBlock block;
    for (std::size_t i = 0; i < out.size(); i += kSubBlock) {
      const std::size_t sub = i / kSubBlock;
      format->read(in + sub / n_subs * layout.block_bytes, sub % n_subs, block);
      for (std::size_t k = 0; k < kSubBlock; ++k) {
        const auto level = static_cast<float>(block.q[k] - format->zero);
        out[i + k] = block.scale[k / 16] * level - block.min[k / 16];
      }
    }
  } else if (type == TensorType::f16) {
    for (float& value : out) {
      value = f16_to_f32(load<std::uint16_t>(in));
      in += 2;
    }
  } else if (type == TensorType::bf16) {
    for (float& value : out) {
      value = bf16_to_f32(load<std::uint16_t>(in));
      in += 2;
    }
  } else if (!out.empty()) {
    std::memcpy(out.data(), in, out.size_bytes());
  }
}

void quantize_row(TensorType type, std::span<const float> in, std::span<std::byte> out) {
  const TensorTypeInfo& layout = info(type);
  assert(can_quantize(type));
  assert(in.size() % layout.block_elements == 0);
  assert(out.size() == in.size() / layout.block_elements * layout.block_bytes);
  std::byte* to = out.data();
  if (const BlockFormat* format = block_format(type)) {
    for (std::size_t i = 0; i < in.size(); i += layout.block_elements) {
      format->quantize(&in[i], to);
      to += layout.block_bytes;
    }
  } else if (type == TensorType::f16) {
    for (const float value : in) {
      store_u16(to, f32_to_f16(value));
      to += 2;
    }
  } else if (type == TensorType::bf16) {
    for (const float value : in) {
      store_u16(to, f32_to_bf16(value));
      to += 2;
    }
  } else if (!in.empty()) {
    std::memcpy(to, in.data(), in.size_bytes());
  }
}

}  // namespace wattle::engine
