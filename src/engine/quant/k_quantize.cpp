// Quantisers of Q4_K and Q6_K. The formats do not prescribe how scales are found; here each
// sub-block tries a few roundings and keeps the one whose least-squares fit leaves the smallest
// weighted error. Large weights count more: they meet the activations that matter.
//
// A trial costs one pass of four lanes over the sub-block: the sums of its levels give the
// least-squares fit and, without another pass, the error that this fit leaves.
#include <algorithm>
#include <array>
#include <cmath>

#include "engine/quant.hpp"
#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kSuper = 256;

// Roundings tried: the range of a sub-block in levels − kReach … levels + kReach steps.
constexpr int kTrials = 8;
constexpr float kTrialStep = 0.25F;
// Then the levels of the best fit are rounded anew and fitted anew, so many times; each time the
// error can only fall.
constexpr int kRefinements = 2;

// Four lanes are one register of the oldest CPUs, x86-64 and AArch64, that Wattle is built for. The
// order of every sum is fixed, so the bits are too.
using Lanes [[gnu::vector_size(16)]] = float;
constexpr std::size_t kLanes = 4;

Lanes load_lanes(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

float sum_of(Lanes x) {
  return (x[0] + x[2]) + (x[1] + x[3]);
}

// To the nearest whole number, ties to even, for |x| < 2²²: where a float has no bits below one,
// adding does the rounding. Larger values stay large.
Lanes rounded(Lanes x) {
  constexpr float kShift = 0x1.8p23F;
  return (x + kShift) - kShift;
}

// Rounded to a level; NaN stays NaN.
Lanes level_of(Lanes x, float least, float most) {
  Lanes q = rounded(x);
  q = q < least ? Lanes{} + least : q;
  return q > most ? Lanes{} + most : q;
}

// One value; NaN (only from non-finite weights, which the callers refuse) becomes `least`.
int to_level(float x, int least, int most) {
  if (!(x > static_cast<float>(least))) return least;
  return static_cast<int>(std::lrint(std::min(x, static_cast<float>(most))));
}

void store_half(std::byte* to, float value) {
  const std::uint16_t half = f32_to_f16(value);
  std::memcpy(to, &half, sizeof half);
}

// The weights of one sub-block and how much each counts.
template <std::size_t N>
struct Weighted {
  std::array<float, N> x;
  std::array<float, N> weight;

  explicit Weighted(const float* from) {
    std::copy_n(from, N, x.begin());
    Lanes squares{};
    for (std::size_t i = 0; i < N; i += kLanes) {
      const Lanes value = load_lanes(&x[i]);
      squares += value * value;
    }
    const float typical = std::sqrt(sum_of(squares) / static_cast<float>(N));
    for (std::size_t i = 0; i < N; ++i) weight[i] = typical + std::fabs(x[i]);
  }
};

struct Fit {
  float scale = 0.0F;
  float offset = 0.0F;  // x ≈ scale·q − offset, offset ≥ 0
};

// Levels 0 … most with an offset.
class AffineFit {
 public:
  AffineFit(const float* x, float most) : sub_(x), most_(most) {
    Lanes w{};
    Lanes wx{};
    for (std::size_t i = 0; i < 32; i += kLanes) {
      const Lanes weight = load_lanes(&sub_.weight[i]);
      w += weight;
      wx += weight * load_lanes(&sub_.x[i]);
    }
    w_ = sum_of(w);
    wx_ = sum_of(wx);
  }

  Fit best() {
    const auto [lowest, highest] = std::ranges::minmax(sub_.x);
    const float low = std::min(0.0F, lowest);
    const float range = highest - low;
    if (!(range > 0.0F)) return {0.0F, -low};  // all equal, and not above zero
    best_ = {range / most_, -low};
    for (int trial = -kTrials; trial <= kTrials; ++trial) {
      consider((most_ + kTrialStep * static_cast<float>(trial)) / range, -low);
    }
    for (int i = 0; i < kRefinements && best_.scale > 0.0F; ++i) {
      if (!consider(1.0F / best_.scale, best_.offset)) break;
    }
    return best_;
  }

 private:
  // Rounds (x + offset)·inverse to levels and fits scale and offset to them. True: better than all
  // before.
  bool consider(float inverse, float offset) {
    Lanes wq{};
    Lanes wqq{};
    Lanes wqx{};
    for (std::size_t i = 0; i < 32; i += kLanes) {
      const Lanes x = load_lanes(&sub_.x[i]);
      const Lanes q = level_of((x + offset) * inverse, 0.0F, most_);
      const Lanes weighted = load_lanes(&sub_.weight[i]) * q;
      wq += weighted;
      wqq += weighted * q;
      wqx += weighted * x;
    }
    return fit(sum_of(wq), sum_of(wqq), sum_of(wqx));
  }

  // What a fit takes away from Σ w·x², the error of no fit at all, tells which is best.
  bool fit(float wq, float wqq, float wqx) {
    const float determinant = w_ * wqq - wq * wq;
    Fit fitted{wqq > 0.0F ? wqx / wqq : 0.0F, 0.0F};
    if (determinant > 0.0F) {
      const Fit both{(w_ * wqx - wq * wx_) / determinant, (wq * wqx - wqq * wx_) / determinant};
      if (both.offset >= 0.0F) fitted = both;
    }
    const float gain = fitted.scale * wqx - fitted.offset * wx_;
    if (!(fitted.scale > 0.0F && gain > best_gain_)) return false;
    best_ = fitted;
    best_gain_ = gain;
    return true;
  }

  Weighted<32> sub_;
  float most_;
  float w_ = 0.0F;
  float wx_ = 0.0F;
  Fit best_;
  float best_gain_ = 0.0F;
};

// Levels −32 … 31 without an offset; the scale may be negative, so that either end can be the one
// with a level more.
class SymmetricFit {
 public:
  explicit SymmetricFit(const float* x) : sub_(x) {}

  float best() {
    const float extreme =
        *std::ranges::max_element(sub_.x, {}, [](float v) { return std::fabs(v); });
    if (extreme == 0.0F) return 0.0F;
    for (int trial = -kTrials; trial <= kTrials; ++trial) {
      consider((-32.0F + kTrialStep * static_cast<float>(trial)) / extreme);
    }
    for (int i = 0; i < kRefinements && best_scale_ != 0.0F; ++i) {
      if (!consider(1.0F / best_scale_)) break;
    }
    return best_scale_;
  }

 private:
  bool consider(float inverse) {
    Lanes along{};
    Lanes square{};
    for (std::size_t i = 0; i < 16; i += kLanes) {
      const Lanes x = load_lanes(&sub_.x[i]);
      const Lanes q = level_of(x * inverse, -32.0F, 31.0F);
      const Lanes weighted = load_lanes(&sub_.weight[i]) * q;
      along += weighted * x;
      square += weighted * q;
    }
    const float a = sum_of(along);
    const float s = sum_of(square);
    if (!(s > 0.0F && a * a > best_gain_ * s)) return false;
    best_gain_ = a * a / s;  // what the fit takes away from Σ w·x²
    best_scale_ = a / s;
    return true;
  }

  Weighted<16> sub_;
  float best_scale_ = 0.0F;
  float best_gain_ = 0.0F;
};

void put(std::byte& to, unsigned bits) {
  to |= static_cast<std::byte>(bits);
}

}  // namespace

void quantize_q4_k(const float* in, std::byte* block) {
  std::array<Fit, 8> fits;
  float largest_scale = 0.0F;
  float largest_offset = 0.0F;
  for (std::size_t sub = 0; sub < 8; ++sub) {
    fits[sub] = AffineFit(in + 32 * sub, 15.0F).best();
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
    scales[sub] = SymmetricFit(in + 16 * sub).best();
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
