// Activations in 8 bits, blocks of 32.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

using I8v = std::int8_t __attribute__((vector_size(kLanes)));

// Activations this small are zero: their inverse would overflow.
constexpr float kSmallest = 1e-30F;

WATTLE_INLINE F32v round_to_even(F32v x) {
  return (x + 12582912.0F) - 12582912.0F;
}

// Scales that are tried: the largest magnitude becomes 127, 126 … 120. A lane each, so that no sum
// runs across lanes; vectors of 16 lanes take two columns at a time, which alternate.
constexpr std::size_t kTrials = 8;
constexpr std::size_t kColumns = kLanes > kTrials ? 2 : 1;
constexpr std::size_t kTrialVectors = kLanes > kTrials ? 1 : kTrials / kLanes;
struct Trials {
  alignas(64) float shrink[kTrialVectors * kLanes];
};
constexpr Trials make_trials() {
  Trials trials{};
  for (std::size_t i = 0; i < kTrialVectors * kLanes; ++i) {
    const std::size_t trial = i / kColumns;
    trials.shrink[i] = (127.0F - static_cast<float>(trial)) / 127.0F;
  }
  return trials;
}
constexpr Trials kShrinks = make_trials();

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

// Of one block: x in levels, u = 127·x / max |x|, and the trial that was chosen.
struct Scaled {
  alignas(64) float u[kQuantBlock];
  float largest;
  float shrink;
  float scale;
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

// The trial whose rounding leaves the smallest squared error is kept, with the scale that suits it
// best, Σu·q / Σq². Against plain rounding to 127 the error falls by about a quarter.
void choose(Scaled& block) {
  // Two sums each, for shorter chains of additions.
  F32v along[2][kTrialVectors] = {};
  F32v square[2][kTrialVectors] = {};
  for (std::size_t c = 0; c < kQuantBlock; c += 2 * kColumns) {
    for (std::size_t odd = 0; odd < 2; ++odd) {
      const F32v here = columns(block.u + c + odd * kColumns);
      for (std::size_t k = 0; k < kTrialVectors; ++k) {
        const F32v q = round_to_even(here * load(kShrinks.shrink + k * kLanes));
        along[odd][k] = engine::fma(here, q, along[odd][k]);
        square[odd][k] = engine::fma(q, q, square[odd][k]);
      }
    }
  }
  // (Σu·q)² / Σq² is what the approximation takes away from Σu². In a block of zeros it is not a
  // number, and nothing is best.
  F32v gain[kTrialVectors];
  F32v fit[kTrialVectors];
  F32v most = splat(0.0F);
  for (std::size_t k = 0; k < kTrialVectors; ++k) {
    const F32v uq = add_columns(along[0][k] + along[1][k]);
    fit[k] = uq / add_columns(square[0][k] + square[1][k]);
    gain[k] = uq * fit[k];
    most = gain[k] > most ? gain[k] : most;
  }
  const float best_gain = max_lanes(most);
  F32v shrinks = splat(0.0F);
  for (std::size_t k = 0; k < kTrialVectors; ++k) {  // of equals, the one closest to 127 levels
    const F32v shrink = load(kShrinks.shrink + k * kLanes);
    shrinks = vector_max(shrinks, gain[k] == best_gain ? shrink : splat(0.0F));
  }
  block.shrink = best_gain > 0.0F ? max_lanes(shrinks) : 0.0F;
  F32v scales = splat(0.0F);
  for (std::size_t k = 0; k < kTrialVectors; ++k) {
    const F32v shrink = load(kShrinks.shrink + k * kLanes);
    scales = vector_max(scales, shrink == block.shrink ? fit[k] : splat(0.0F));
  }
  block.scale = max_lanes(scales);
}

// A block of zeros: d = 0.
void round(const Scaled& block, ActivationBlock& out) {
  constexpr std::size_t kVectors = kQuantBlock / kLanes;
  F32v half_total[2] = {};  // whole numbers below 2²⁴: exact
  for (std::size_t i = 0; i < kVectors; ++i) {
    const F32v rounded = round_to_even(load(block.u + i * kLanes) * block.shrink);
    half_total[2 * i / kVectors] += rounded;
    const I8v narrow = __builtin_convertvector(__builtin_convertvector(rounded, I32v), I8v);
    __builtin_memcpy(out.q + i * kLanes, &narrow, sizeof narrow);
  }
  out.d = block.scale * (block.largest / 127.0F);
  const std::int32_t half_sum[2] = {static_cast<std::int32_t>(sum_lanes(half_total[0])),
                                    static_cast<std::int32_t>(sum_lanes(half_total[1]))};
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
