#include "compress/synth_weights.hpp"

#include <cassert>
#include <cmath>
#include <cstring>
#include <numbers>

#include "engine/quant.hpp"

namespace wattle::compress {
namespace {

using engine::TensorType;

constexpr std::size_t kTableSize = 65536;
constexpr std::size_t kMaxBlockBytes = 34;

// Blocks of one F16 scale and then whole 16-bit words of quants can be put together from samples.
bool is_scale_and_quants(TensorType type) {
  return type == TensorType::q4_0 || type == TensorType::q8_0;
}

std::uint16_t u16_at(const std::byte* p) {
  std::uint16_t value = 0;
  std::memcpy(&value, p, sizeof value);
  return value;
}

}  // namespace

std::uint64_t SplitMix64::next() {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

double SplitMix64::uniform() {
  return static_cast<double>(next() >> 11U) * 0x1p-53;
}

double SplitMix64::normal() {  // Box and Muller 1958; 1 − u avoids log(0)
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

WeightSource::WeightSource(TensorType type, std::uint64_t seed) : type_(type), seed_(seed) {
  SplitMix64 random(seed);
  const auto& layout = engine::info(type);
  if (!is_scale_and_quants(type)) {
    values_.resize(kTableSize);
    for (float& value : values_) value = static_cast<float>(random.normal());
    return;
  }
  std::vector<float> block(layout.block_elements);
  std::vector<std::byte> bytes(layout.block_bytes);
  double squared_scale = 0.0;
  double squared_quant = 0.0;
  while (quants_.size() < kTableSize) {
    for (float& value : block) value = static_cast<float>(random.normal());
    engine::quantize_row(type, block, bytes);
    const float d = engine::f16_to_f32(u16_at(bytes.data()));
    engine::dequantize_row(type, bytes, block);
    squared_scale += static_cast<double>(d) * d;
    for (const float value : block) squared_quant += std::pow(static_cast<double>(value) / d, 2);
    values_.push_back(d);
    for (std::size_t i = 2; i < bytes.size() && quants_.size() < kTableSize; i += 2) {
      quants_.push_back(u16_at(&bytes[i]));
    }
  }
  // Scales and quants are drawn apart, though in a real block a large scale goes with small quants:
  // without this the variance would be 8 % too large in Q4_0.
  const double n_blocks = static_cast<double>(values_.size());
  const double n_quants = n_blocks * static_cast<double>(layout.block_elements);
  const double rms = std::sqrt(squared_scale / n_blocks * squared_quant / n_quants);
  for (float& d : values_) d = static_cast<float>(d / rms);
}

void WeightSource::fill(std::uint64_t tensor, std::uint64_t chunk, float sigma,
                        std::span<std::byte> out) const {
  // Three rounds of mixing keep the streams of neighbouring chunks apart.
  SplitMix64 mixer(seed_ ^ SplitMix64(tensor ^ SplitMix64(chunk).next()).next());
  SplitMix64 random(mixer.next());
  const auto& layout = engine::info(type_);
  assert(out.size() % layout.block_bytes == 0);
  std::byte* to = out.data();
  const std::byte* end = to + out.size();

  if (!is_scale_and_quants(type_)) {
    std::vector<float> block(layout.block_elements);
    std::uint64_t bits = 0;
    for (std::size_t i = 0; to != end; to += layout.block_bytes) {
      for (float& value : block) {
        bits = i++ % 4 == 0 ? random.next() : bits >> 16U;
        value = values_[bits & 0xFFFFU] * sigma;
      }
      engine::quantize_row(type_, block, {to, layout.block_bytes});
    }
    return;
  }
  const std::size_t n_quants = (layout.block_bytes - 2) / 2;
  std::uint16_t block[kMaxBlockBytes / 2] = {};
  for (; to != end; to += layout.block_bytes) {
    block[0] = engine::f32_to_f16(values_[random.next() % values_.size()] * sigma);
    for (std::size_t i = 0; i < n_quants; i += 4) {  // 8 or 16: always whole draws
      std::uint64_t bits = random.next();
      for (std::size_t k = 1; k <= 4; ++k, bits >>= 16U) block[i + k] = quants_[bits & 0xFFFFU];
    }
    std::memcpy(to, block, layout.block_bytes);
  }
}

}  // namespace wattle::compress
