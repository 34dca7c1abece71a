#pragma once
// Scales that several blocks share, as 16-bit whole numbers, for AVX-512 VNNI.
//
// Multiplications share the pipes of vpdpbusd, most other instructions do not. A vpmaddwd
// multiplies two parts at once by their scales: the sum of a block's products together with the
// sum of its activations, by scale and minimum; or the sums of its two halves. What is left is one
// fma: 8 + 2 instructions on those pipes for a block instead of 11 or 12.
//
// With c = 8 or 16, the centre of the levels, and Σ over a block's activations:
//   s·Σq·x − m·Σx = s·Σ(q − c)·x + (m / c − s)·(−c·Σx)
// Scales keep 14 bits of the larger of d and dmin / c, which have 11, times 6 or 8 bits; sums of 17
// bits lose their last.

#include "engine/kernels/isa/panel.hpp"

#if defined(__AVX512VNNI__)
namespace wattle::engine::WATTLE_ISA {
namespace {

template <PackedType Type>
concept Fixed = kLayout<Type>.unit_blocks > 1;

constexpr int kLowHalves = 0xFFFF;  // of 32-bit lanes
constexpr __mmask32 kUpperHalves = 0xAAAAAAAA;

// Of a row vector and a unit of blocks.
struct FixedUnit {
  __m512i d;      // [16] pairs of 16 bits: d and dmin / c, or d twice; or a pair of FixedScales
  F32v exponent;  // of what the products of whole numbers are multiplied by
};
// Of a row vector and a block.
struct FixedScales {
  __m512i pair;  // [16] pairs of 16 bits: s and m / c − s, or those of the halves
  F32v exponent;
};

WATTLE_INLINE __m512i join(__m512i low, __m512i high) {
  return _mm512_ternarylogic_epi32(low, _mm512_set1_epi32(kLowHalves), _mm512_slli_epi32(high, 16),
                                   0xEA);  // (a & b) | c
}

// (s, m) → (s, m − s)
WATTLE_INLINE __m512i minus_scale(__m512i pair) {
  return _mm512_sub_epi16(pair, _mm512_slli_epi32(pair, 16));
}

// Else no number.
WATTLE_INLINE F32v zero_if_finite(F32v x) {
  return x * splat(0.0F);
}

// Sums of 17 bits are halved.
template <PackedType Type>
constexpr bool kHalved = kLayout<Type>.bits > 4;

template <PackedType Type>
WATTLE_INLINE FixedUnit fixed_unit(const std::uint8_t* unit) {
  const auto half = [unit](std::size_t i) {
    return load_f16(reinterpret_cast<const std::uint16_t*>(unit) + i * kRowGroup);
  };
  const F32v least = splat(-100.0F);  // the exponent of zero is −∞
  const F32v d = half(0);
  const F32v halving = splat(kHalved<Type> ? 1.0F : 0.0F);
  if constexpr (kLayout<Type>.mins) {
    const F32v m = half(1) * splat(kLayout<Type>.bits == 4 ? 1.0F / 8.0F : 1.0F / 16.0F);
    const F32v e = _mm512_max_ps(_mm512_max_ps(_mm512_getexp_ps(d), _mm512_getexp_ps(m)), least);
    const F32v up = splat(13.0F) - e;
    const __m512i pair = join(_mm512_cvtps_epi32(_mm512_scalef_ps(d, up)),
                              _mm512_cvtps_epi32(_mm512_scalef_ps(m, up)));
    const F32v odd = zero_if_finite(d) + zero_if_finite(m);
    if constexpr (!kSuper<Type>) return {minus_scale(pair), odd - up};
    return {pair, e - splat(7.0F) + halving + odd};
  } else {
    const F32v e = _mm512_max_ps(_mm512_getexp_ps(d), least);
    const __m512i whole = _mm512_cvtps_epi32(_mm512_scalef_ps(d, splat(14.0F) - e));
    return {join(whole, whole), e - splat(7.0F) + halving + zero_if_finite(d)};
  }
}

// Block i of the unit.
template <PackedType Type>
WATTLE_INLINE FixedScales fixed_scales([[maybe_unused]] const std::uint8_t* unit,
                                       [[maybe_unused]] std::size_t i, const FixedUnit& of) {
  if constexpr (!kSuper<Type>) return {of.d, of.exponent};
  constexpr bool kMins = kLayout<Type>.mins;
  const __m256i bytes =
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(unit + (kMins ? 64 : 32) + 32 * i));
  const __m512i wide = kMins ? _mm512_cvtepu8_epi16(bytes) : _mm512_cvtepi8_epi16(bytes);
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512i pairs = _mm512_permutexvar_epi16(order, wide);
  if constexpr (kMins) {
    const __m512i both = _mm512_mulhrs_epi16(of.d, _mm512_slli_epi16(pairs, 9));
    return {minus_scale(both), of.exponent};
  } else {
    return {_mm512_mulhrs_epi16(of.d, _mm512_slli_epi16(pairs, 8)), of.exponent};
  }
}

// What the sum of part `h` of a block starts from: −c·Σx, for a panel −128·Σx.
template <PackedType Type, bool InPanel>
WATTLE_INLINE std::int32_t centred_start(const ActivationBlock& x, std::size_t h) {
  if constexpr (kLayout<Type>.bits == 4) {
    return x.minus_8_sum;
  } else if constexpr (kLayout<Type>.bits == 5) {
    return InPanel ? x.minus_128_sum : x.minus_128_sum >> 3;
  } else {
    return InPanel ? x.minus_128_half[h] : x.minus_128_half[h] >> 2;
  }
}
template <PackedType Type>
constexpr int kCentre = kLayout<Type>.bits == 4   ? 8
                        : kLayout<Type>.bits == 5 ? 16
                                                  : 32;
template <PackedType Type>
constexpr int kFixedPanelOffset = kLayout<Type>.bits == 4 ? 0 : 128 - kCentre<Type>;

// The 16-bit pairs that the scales are multiplied by.
template <PackedType Type, std::size_t V, std::size_t T>
WATTLE_INLINE __m512i sums_of(const __m512i (&dot)[kParts<Type>][V][T], std::size_t v,
                              std::size_t t, const ActivationBlock& x) {
  if constexpr (kLayout<Type>.halves) {
    return _mm512_mask_blend_epi16(kUpperHalves, _mm512_srli_epi32(dot[0][v][t], 1),
                                   _mm512_slli_epi32(dot[1][v][t], 15));
  } else {
    const __m512i sum = kHalved<Type> ? _mm512_srli_epi32(dot[0][v][t], 1) : dot[0][v][t];
    return join(sum, _mm512_set1_epi32(x.minus_8_sum));  // of 16 bits
  }
}

// weight.template operator()<I>(v) is quad I of vector v.
template <PackedType Type, std::size_t V, std::size_t T, std::size_t I, class Weight>
WATTLE_INLINE void add_fixed_quads(const Weight& weight, const ActivationBlock* x,
                                   std::size_t stride, __m512i (&dot)[kParts<Type>][V][T]) {
  if constexpr (I < kQuads) {
    constexpr std::size_t h = I * kParts<Type> / kQuads;
    __m512i w[V];
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) w[v] = weight.template operator()<I>(v);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      const __m512i four = splat_four(x[t * stride].q + 4 * I);
      WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
        dot[h][v][t] = _mm512_dpbusd_epi32(dot[h][v][t], w[v], four);
      }
    }
    add_fixed_quads<Type, V, T, I + 1>(weight, x, stride, dot);
  }
}

// One block of V vectors of rows for T tokens. scales_of(v) is asked last: registers are few.
template <PackedType Type, bool InPanel, std::size_t V, std::size_t T, class Weight, class Scales>
WATTLE_INLINE void add_fixed_block(const Weight& weight, const Scales& scales_of,
                                   const ActivationBlock* x, std::size_t stride,
                                   F32v (&sum)[V][T]) {
  __m512i dot[kParts<Type>][V][T];
  WATTLE_UNROLL for (std::size_t h = 0; h < kParts<Type>; ++h) {
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      const __m512i start = _mm512_set1_epi32(centred_start<Type, InPanel>(x[t * stride], h));
      WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) dot[h][v][t] = start;
    }
  }
  add_fixed_quads<Type, V, T, 0>(weight, x, stride, dot);
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    const FixedScales scales = scales_of(v);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      const __m512i whole =
          _mm512_madd_epi16(sums_of<Type, V, T>(dot, v, t, x[t * stride]), scales.pair);
      const F32v scaled = _mm512_scalef_ps(_mm512_cvtepi32_ps(whole), scales.exponent);
      sum[v][t] = engine::fma(scaled, splat(x[t * stride].d), sum[v][t]);
    }
  }
}

// As multiply_vectors() of tile.hpp.
template <PackedType Type, std::size_t V, std::size_t T>
  requires Fixed<Type>
void multiply_vectors(const PackedRows& rows, std::size_t row, const Tokens& tokens) {
  Vec<Type> vec[V];
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) vec[v] = vec_at<Type>(rows, row + v * kLanes);
  F32v sum[V][T] = {};
  constexpr std::size_t kUnit = kLayout<Type>.unit_blocks;
  FixedUnit unit[V];
  for (std::size_t b = 0; b < rows.n_blocks; ++b) {
    const std::uint8_t* block[V];
    const std::size_t scales_at = b / kUnit * kLayout<Type>.scale_bytes;
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      block[v] = vec[v].quants + b * kLayout<Type>.quant_bytes;
      if constexpr (V == 1) ask_ahead<T>(block[v], kLayout<Type>.quant_bytes);
      if (b % kUnit == 0) unit[v] = fixed_unit<Type>(vec[v].scales + scales_at);
    }
    if constexpr (V > 1) tokens.later.ask(b);
    const auto weight = [&block]<std::size_t I>(std::size_t v) {
      return quad<Type, I>(block[v], 0);
    };
    const auto scales = [&](std::size_t v) {
      return fixed_scales<Type>(vec[v].scales + scales_at, b % kUnit, unit[v]);
    };
    add_fixed_block<Type, false>(weight, scales, tokens.x + b, tokens.stride, sum);
  }
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      store_rows(tokens.out + t * tokens.out_stride + row + v * kLanes, sum[v][t],
                 rows.n_rows - row - v * kLanes);
    }
  }
}

template <PackedType Type>
  requires Fixed<Type>
struct PanelBlock<Type> {
  alignas(64) std::uint8_t q[kQuads][kTileVecs][kVecBytes];
  FixedScales scales[kTileVecs];
};

template <PackedType Type, std::size_t I = 0>
WATTLE_INLINE void unpack_fixed_quads(const std::uint8_t* block, std::size_t to,
                                      PanelBlock<Type>& out) {
  if constexpr (I < kQuads) {
    store_bytes(out.q[I][to], add_offset(quad<Type, I>(block, 0), kFixedPanelOffset<Type>));
    unpack_fixed_quads<Type, I + 1>(block, to, out);
  }
}

// As unpack() of panel.hpp. Precondition: `begin` is a multiple of the unit.
template <PackedType Type>
  requires Fixed<Type>
void unpack(const Vec<Type>& vec, std::size_t begin, std::size_t n, std::size_t to,
            PanelBlock<Type>* out) {
  constexpr std::size_t kUnit = kLayout<Type>.unit_blocks;
  FixedUnit unit;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t b = begin + i;
    const std::uint8_t* here = vec.scales + b / kUnit * kLayout<Type>.scale_bytes;
    if (i % kUnit == 0) unit = fixed_unit<Type>(here);
    out[i].scales[to] = fixed_scales<Type>(here, b % kUnit, unit);
    unpack_fixed_quads<Type>(vec.quants + b * kLayout<Type>.quant_bytes, to, out[i]);
  }
}

// As multiply_tile() of tile.hpp.
template <PackedType Type, std::size_t V, std::size_t T>
  requires Fixed<Type>
void multiply_tile(const PanelBlock<Type>* panel, std::size_t n_blocks, const Tokens& tokens,
                   bool first) {
  F32v sum[V][T];
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      sum[v][t] = first ? F32v{} : load(tokens.out + t * tokens.out_stride + v * kLanes);
    }
  }
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const PanelBlock<Type>& w = panel[b];
    const auto scales = [&w](std::size_t v) { return w.scales[v]; };
    const auto weight = [&w]<std::size_t I>(std::size_t v) { return load_bytes(w.q[I][v]); };
    add_fixed_block<Type, true>(weight, scales, tokens.x + b, tokens.stride, sum);
  }
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      store(tokens.out + t * tokens.out_stride + v * kLanes, sum[v][t]);
    }
  }
}

}  // namespace
}  // namespace wattle::engine::WATTLE_ISA
#endif
