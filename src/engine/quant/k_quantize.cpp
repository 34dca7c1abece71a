// Quantisers of Q4_K and Q6_K. The formats do not prescribe how scales are found; here each
// sub-block tries a few roundings and keeps the one whose least-squares fit leaves the smallest
// weighted error. Large weights count more: they meet the activations that matter.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "engine/quant.hpp"
#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kSuper = 256;
constexpr int kTrials = 20;
constexpr float kTrialStep = 0.1F;  // in levels

void store_half(std::byte* to, float value) {
  const std::uint16_t half = f32_to_f16(value);
  std::memcpy(to, &half, sizeof half);
}

// Rounded to a level; NaN (only from non-finite weights, which the callers refuse) becomes `least`.
int to_level(float x, int least, int most) {
  if (!(x > static_cast<float>(least))) return least;
  return static_cast<int>(std::lrint(std::min(x, static_cast<float>(most))));
}

template <std::size_t N>
std::array<float, N> importance(std::span<const float, N> x) {
  float square = 0.0F;
  for (const float value : x) square += value * value;
  const float typical = std::sqrt(square / static_cast<float>(N));
  std::array<float, N> weights{};
  for (std::size_t i = 0; i < N; ++i) weights[i] = typical + std::fabs(x[i]);
  return weights;
}

struct Fit {
  float scale = 0.0F;
  float offset = 0.0F;  // x ≈ scale·q − offset, offset ≥ 0
};

// Levels 0 … most with an offset.
class AffineFit {
 public:
  AffineFit(std::span<const float, 32> x, int most) : x_(x), most_(most), weights_(importance(x)) {}

  Fit best() {
    const auto [lowest, highest] = std::ranges::minmax(x_);
    const float low = std::min(0.0F, lowest);
    const float range = highest - low;
    if (!(range > 0.0F)) return {0.0F, -low};  // all equal, and not above zero
    Fit best{range / static_cast<float>(most_), -low};
    float best_error = error(best);
    for (int trial = -kTrials; trial <= kTrials; ++trial) {
      const float levels = static_cast<float>(most_) + kTrialStep * static_cast<float>(trial);
      const Fit fitted = least_squares({range / levels, -low});
      const float fitted_error = error(fitted);
      if (fitted_error < best_error) {
        best = fitted;
        best_error = fitted_error;
      }
    }
    return best;
  }

 private:
  int level(const Fit& fit, float x) const {
    return to_level((x + fit.offset) / fit.scale, 0, most_);
  }

  float error(const Fit& fit) const {
    if (!(fit.scale > 0.0F)) return std::numeric_limits<float>::max();
    float sum = 0.0F;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      const float back = fit.scale * static_cast<float>(level(fit, x_[i])) - fit.offset;
      sum += weights_[i] * (back - x_[i]) * (back - x_[i]);
    }
    return sum;
  }

  // The scale and offset that suit the levels to which `rounding` rounds.
  Fit least_squares(const Fit& rounding) const {
    float w = 0.0F, wq = 0.0F, wqq = 0.0F, wx = 0.0F, wqx = 0.0F;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      const auto q = static_cast<float>(level(rounding, x_[i]));
      w += weights_[i];
      wq += weights_[i] * q;
      wqq += weights_[i] * q * q;
      wx += weights_[i] * x_[i];
      wqx += weights_[i] * q * x_[i];
    }
    const float determinant = w * wqq - wq * wq;
    if (determinant > 0.0F) {
      const Fit fit{(w * wqx - wq * wx) / determinant, (wq * wqx - wqq * wx) / determinant};
      if (fit.offset >= 0.0F) return fit;
    }
    return {wqq > 0.0F ? wqx / wqq : 0.0F, 0.0F};
  }

  std::span<const float, 32> x_;
  int most_;
  std::array<float, 32> weights_;
};

// Levels −32 … 31 without an offset; the scale may be negative, so that either end can be the one
// with a level more.
float symmetric_scale(std::span<const float, 16> x) {
  const float extreme = *std::ranges::max_element(x, {}, [](float v) { return std::fabs(v); });
  if (extreme == 0.0F) return 0.0F;
  const std::array<float, 16> weights = importance(x);
  float best_scale = 0.0F;
  float best_gain = 0.0F;  // what the fit takes away from Σ w·x²
  for (int trial = -kTrials; trial <= kTrials; ++trial) {
    const float inverse = (-32.0F + kTrialStep * static_cast<float>(trial)) / extreme;
    float along = 0.0F;
    float square = 0.0F;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto q = static_cast<float>(to_level(x[i] * inverse, -32, 31));
      along += weights[i] * q * x[i];
      square += weights[i] * q * q;
    }
    if (square > 0.0F && along * along > best_gain * square) {
      best_gain = along * along / square;
      best_scale = along / square;
    }
  }
  return best_scale;
}

void put(std::byte& to, unsigned bits) {
  to |= static_cast<std::byte>(bits);
}

}  // namespace

void quantize_q4_k(const float* in, std::byte* block) {
  std::array<Fit, 8> fits;
  float largest_scale = 0.0F;
  float largest_offset = 0.0F;
  for (std::size_t sub = 0; sub < 8; ++sub) {
    fits[sub] = AffineFit(std::span<const float, 32>(in + 32 * sub, 32), 15).best();
    largest_scale = std::max(largest_scale, fits[sub].scale);
    largest_offset = std::max(largest_offset, fits[sub].offset);
  }
  std::fill_n(block, info(TensorType::q4_k).block_bytes, std::byte{0});
  store_half(block, largest_scale / 63.0F);
  store_half(block + 2, largest_offset / 63.0F);
  const float d = f16_to_f32(load<std::uint16_t>(block));
  const float d_min = f16_to_f32(load<std::uint16_t>(block + 2));
  for (std::size_t sub = 0; sub < 8; ++sub) {
    const int scale = d > 0.0F ? to_level(fits[sub].scale / d, 0, 63) : 0;
    const int offset = d_min > 0.0F ? to_level(fits[sub].offset / d_min, 0, 63) : 0;
    const auto s = static_cast<unsigned>(scale);
    const auto m = static_cast<unsigned>(offset);
    if (sub < 4) {
      put(block[4 + sub], s);
      put(block[8 + sub], m);
    } else {
      put(block[sub], (s >> 4U) << 6U);
      put(block[4 + sub], (m >> 4U) << 6U);
      put(block[8 + sub], (s & 15U) | ((m & 15U) << 4U));
    }
    const float step = d * static_cast<float>(scale);
    for (std::size_t i = 0; i < 32; ++i) {
      const float above = in[32 * sub + i] + d_min * static_cast<float>(offset);
      const int q = step > 0.0F ? to_level(above / step, 0, 15) : 0;
      put(block[16 + 32 * (sub / 2) + i], static_cast<unsigned>(q) << (sub % 2 == 0 ? 0U : 4U));
    }
  }
}

void quantize_q6_k(const float* in, std::byte* block) {
  std::array<float, 16> scales{};
  float extreme = 0.0F;
  for (std::size_t sub = 0; sub < 16; ++sub) {
    scales[sub] = symmetric_scale(std::span<const float, 16>(in + 16 * sub, 16));
    if (std::fabs(scales[sub]) > std::fabs(extreme)) extreme = scales[sub];
  }
  std::fill_n(block, info(TensorType::q6_k).block_bytes, std::byte{0});
  store_half(block + 208, extreme / -128.0F);
  const float d = f16_to_f32(load<std::uint16_t>(block + 208));
  for (std::size_t i = 0; i < kSuper; ++i) {
    const int scale = d != 0.0F ? to_level(scales[i / 16] / d, -128, 127) : 0;
    block[192 + i / 16] = static_cast<std::byte>(static_cast<std::int8_t>(scale));
    const float step = d * static_cast<float>(scale);
    const int q = step != 0.0F ? to_level(in[i] / step, -32, 31) : 0;
    const auto bits = static_cast<unsigned>(q + 32);
    const std::size_t quarter = i % 128 / 32;
    put(block[64 * (i / 128) + 32 * (quarter % 2) + i % 32], (bits & 15U)
                                                                 << (quarter < 2 ? 0U : 4U));
    put(block[128 + 32 * (i / 128) + i % 32], (bits >> 4U) << (2 * quarter));
  }
}

}  // namespace wattle::engine
