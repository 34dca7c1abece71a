// Activations in 8 bits, blocks of 32.

#include <cmath>

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

using I8v = std::int8_t __attribute__((vector_size(kLanes)));

// Activations this small are zero: their inverse would overflow.
constexpr float kSmallest = 1e-30F;

WATTLE_INLINE F32v round_to_even(F32v x) {
#if defined(__AVX512F__)
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  return (x + 12582912.0F) - 12582912.0F;
#endif
}

// Scales that are tried: the largest magnitude becomes 127, 126 … 120. A lane each, so that no sum
// runs across lanes; vectors of 16 lanes take two columns at a time, which alternate.
constexpr std::size_t kTrials = 8;
constexpr std::size_t kColumns = kLanes > kTrials ? 2 : 1;
constexpr std::size_t kTrialVectors = kLanes > kTrials ? 1 : kTrials / kLanes;
struct Trials {
  alignas(64) float shrink[kTrialVectors * kLanes];
  alignas(64) float unit[kTrialVectors * kLanes];  // shrink⁻²
  alignas(64) std::int32_t index[kTrialVectors * kLanes];
};
constexpr float shrink_of(std::size_t trial) {
  return (127.0F - static_cast<float>(trial)) / 127.0F;
}
constexpr Trials make_trials() {
  Trials trials{};
  for (std::size_t i = 0; i < kTrialVectors * kLanes; ++i) {
    const std::size_t trial = i / kColumns;
    trials.shrink[i] = shrink_of(trial);
    trials.unit[i] = 1.0F / (shrink_of(trial) * shrink_of(trial));
    trials.index[i] = static_cast<std::int32_t>(trial);
  }
  return trials;
}
constexpr Trials kTried = make_trials();

// kColumns neighbouring columns in all trials.
WATTLE_INLINE F32v columns(const float* u) {
#if defined(__AVX512F__)
  double two = 0;
  __builtin_memcpy(&two, u, sizeof two);
  return _mm512_castpd_ps(_mm512_set1_pd(two));
#else
  return splat(*u);
#endif
}
WATTLE_INLINE F32v add_columns(F32v v) {
#if defined(__AVX512F__)
  return v + _mm512_permute_ps(v, 0xB1);
#else
  return v;
#endif
}

// The sum of the lanes of each.
WATTLE_INLINE void sum_four(F32v a, F32v b, F32v c, F32v d, float (&sum)[4]) {
#if defined(__AVX512F__)
  const __m512 ab = _mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b);
  const __m512 cd = _mm512_unpacklo_ps(c, d) + _mm512_unpackhi_ps(c, d);
  const __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  const __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  const __m512 all = _mm512_castpd_ps(low) + _mm512_castpd_ps(high);
  const __m256 eight = _mm512_castps512_ps256(all) + _mm512_extractf32x8_ps(all, 1);
  _mm_storeu_ps(sum, _mm256_castps256_ps128(eight) + _mm256_extractf128_ps(eight, 1));
#else
  sum[0] = sum_lanes(a);
  sum[1] = sum_lanes(b);
  sum[2] = sum_lanes(c);
  sum[3] = sum_lanes(d);
#endif
}

// Of one block: x in levels, u = 127·x / max |x|, and the trial that was chosen.
struct Scaled {
  alignas(64) float u[kQuantBlock];
  float largest;
  float shrink;
};

void scale(const float* x, Scaled& block) {
  constexpr std::size_t kVectors = kQuantBlock / kLanes;
  F32v magnitude{};
  for (std::size_t i = 0; i < kVectors; ++i) {
    const F32v value = load(x + i * kLanes);
    magnitude = vector_max(vector_max(value, -value), magnitude);
  }
  block.largest = max_lanes(magnitude);
  const float to_levels = block.largest > kSmallest ? 127.0F / block.largest : 0.0F;
  for (std::size_t i = 0; i < kVectors; ++i) {
    store(block.u + i * kLanes, load(x + i * kLanes) * to_levels);
  }
}

// The trial whose rounding leaves the smallest squared error is kept. Against plain rounding to 127
// levels the error falls by about a quarter.
void choose(Scaled& block) {
  // Two sums each, for shorter chains of additions.
  F32v error[2][kTrialVectors] = {};
  for (std::size_t c = 0; c < kQuantBlock; c += 2 * kColumns) {
    for (std::size_t odd = 0; odd < 2; ++odd) {
      const F32v here = columns(block.u + c + odd * kColumns);
      for (std::size_t k = 0; k < kTrialVectors; ++k) {
        const F32v scaled = here * load(kTried.shrink + k * kLanes);
        const F32v left = scaled - round_to_even(scaled);
        error[odd][k] = engine::fma(left, left, error[odd][k]);
      }
    }
  }
  // The lowest bits of an error, which do not matter, are the index of its trial: the least of all
  // brings it along, and of equals it is the one closest to 127 levels.
  F32v least = splat(HUGE_VALF);
  for (std::size_t k = 0; k < kTrialVectors; ++k) {
    const F32v all = add_columns(error[0][k] + error[1][k]) * load(kTried.unit + k * kLanes);
    I32v index;
    __builtin_memcpy(&index, kTried.index + k * kLanes, sizeof index);
    least = vector_min((F32v)(((I32v)all & -static_cast<std::int32_t>(kTrials)) | index), least);
  }
  const float winner = -max_lanes(-least);
  std::uint32_t bits = 0;
  __builtin_memcpy(&bits, &winner, sizeof bits);
  block.shrink = shrink_of(bits % kTrials);
}

// With the scale that suits the chosen levels best, Σu·q / Σq². A block of zeros: d = 0.
void round(const Scaled& block, ActivationBlock& out) {
  constexpr std::size_t kVectors = kQuantBlock / kLanes;
  F32v along{};
  F32v square{};
  F32v half_total[2] = {};  // whole numbers below 2²⁴: exact
  for (std::size_t i = 0; i < kVectors; ++i) {
    const F32v u = load(block.u + i * kLanes);
    const F32v rounded = round_to_even(u * block.shrink);
    along = engine::fma(u, rounded, along);
    square = engine::fma(rounded, rounded, square);
    half_total[2 * i / kVectors] += rounded;
    const I8v narrow = __builtin_convertvector(__builtin_convertvector(rounded, I32v), I8v);
    __builtin_memcpy(out.q + i * kLanes, &narrow, sizeof narrow);
  }
  float sums[4];
  sum_four(along, square, half_total[0], half_total[1], sums);
  out.d = (sums[1] > 0.0F ? sums[0] / sums[1] : 0.0F) * (block.largest / 127.0F);
  const std::int32_t half_sum[2] = {static_cast<std::int32_t>(sums[2]),
                                    static_cast<std::int32_t>(sums[3])};
  const std::int32_t sum = half_sum[0] + half_sum[1];
  out.minus_8_sum = -8 * sum;
  out.minus_128_sum = -128 * sum;
  out.shift = out.d * static_cast<float>(sum);
  for (std::size_t h = 0; h < 2; ++h) {
    out.minus_128_half[h] = -128 * half_sum[h];
    out.half_shift[h] = out.d * static_cast<float>(half_sum[h]);
  }
}

// Step by step for several blocks: a step of one waits for its own results most of the time.
constexpr std::size_t kTogether = 4;

}  // namespace

void quantize(const float* x, std::size_t n_blocks, ActivationBlock* out) {
  Scaled blocks[kTogether];
  for (std::size_t b = 0; b < n_blocks; b += kTogether) {
    const std::size_t n = n_blocks - b < kTogether ? n_blocks - b : kTogether;
    for (std::size_t i = 0; i < n; ++i) scale(x + (b + i) * kQuantBlock, blocks[i]);
    for (std::size_t i = 0; i < n; ++i) choose(blocks[i]);
    for (std::size_t i = 0; i < n; ++i) round(blocks[i], out[b + i]);
  }
}

}  // namespace wattle::engine::WATTLE_ISA
