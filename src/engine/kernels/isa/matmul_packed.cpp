// Matrix times activations for packed 4- and 8-bit weights and 8-bit activations: integer dot
// products of 32 columns, scaled and added in F32, block after block. An output's value does not
// depend on the tile it is computed in.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

using I8v = std::int8_t __attribute__((vector_size(kLanes)));

WATTLE_INLINE std::int32_t four_activations(const ActivationBlock& x, std::size_t i) {
  std::int32_t value = 0;
  __builtin_memcpy(&value, x.q + 4 * i, sizeof value);
  return value;
}

// Activations this small are zero: their inverse would overflow.
constexpr float kSmallest = 1e-30F;

WATTLE_INLINE F32v round_to_even(F32v x) {
  return (x + 12582912.0F) - 12582912.0F;
}

// Five scales are tried: the largest magnitude becomes 127, 126.5 … 125. The one whose rounding
// leaves the smallest squared error is kept, with the scale that suits it best, Σu·q / Σq². Against
// plain rounding to 127 the error falls by about a seventh. d = 0 for a block of zeros.
void quantize_block(const float* x, ActivationBlock& out) {
  constexpr std::size_t kVectors = kQuantBlock / kLanes;
  F32v value[kVectors];
  F32v magnitude{};
  for (std::size_t i = 0; i < kVectors; ++i) {
    value[i] = load(x + i * kLanes);
    magnitude = vector_max(vector_max(value[i], -value[i]), magnitude);
  }
  const float largest = max_lanes(magnitude);
  const float to_levels = largest > kSmallest ? 127.0F / largest : 0.0F;
  for (std::size_t i = 0; i < kVectors; ++i) value[i] = value[i] * to_levels;
  float best_gain = 0.0F;  // (Σu·q)² / Σq²: what the approximation takes away from Σu²
  float best_shrink = 0.0F;
  float best_scale = 0.0F;
  for (float level = 127.0F; level > 124.9F; level -= 0.5F) {
    const float shrink = level / 127.0F;
    F32v along{};
    F32v square{};
    for (std::size_t i = 0; i < kVectors; ++i) {
      const F32v q = round_to_even(value[i] * shrink);
      along = engine::fma(value[i], q, along);
      square = engine::fma(q, q, square);
    }
    const float uq = sum_lanes(along);
    const float qq = sum_lanes(square);
    if (qq > 0.0F && uq * uq / qq > best_gain) {
      best_gain = uq * uq / qq;
      best_shrink = shrink;
      best_scale = uq / qq;
    }
  }
  out.d = best_scale * (largest / 127.0F);
  out.half_sum[0] = out.half_sum[1] = 0;
  for (std::size_t i = 0; i < kVectors; ++i) {
    const I32v q = __builtin_convertvector(round_to_even(value[i] * best_shrink), I32v);
    for (std::size_t k = 0; k < kLanes; ++k) out.half_sum[2 * i / kVectors] += q[k];
    const I8v narrow = __builtin_convertvector(q, I8v);
    __builtin_memcpy(out.q + i * kLanes, &narrow, sizeof narrow);
  }
  const std::int32_t sum = out.half_sum[0] + out.half_sum[1];
  out.minus_8_sum = -8 * sum;
  out.minus_128_sum = -128 * sum;
}

template <PackedType Type>
inline constexpr bool kNibbles = Type == PackedType::q4 || Type == PackedType::q4_min;
template <PackedType Type>
inline constexpr bool kHalves = Type == PackedType::q8_halves || Type == PackedType::q8_halves_min;
template <PackedType Type>
inline constexpr bool kMins =
    Type == PackedType::q4_min || Type == PackedType::q8_min || Type == PackedType::q8_halves_min;
template <PackedType Type>
inline constexpr std::size_t kGroupBytes = kNibbles<Type> ? 256 : 512;
// Scales, and from kMinsAt on minima, of one block of a group.
template <PackedType Type>
inline constexpr std::size_t kMinsAt = kHalves<Type> ? 2 * kRowGroup : kRowGroup;
template <PackedType Type>
inline constexpr std::size_t kScales = kMins<Type> ? 2 * kMinsAt<Type> : kMinsAt<Type>;

// What the integer dot product of one half, or of a whole block, starts from.
template <PackedType Type>
WATTLE_INLINE std::int32_t first_sum(const ActivationBlock& x, std::size_t half) {
  if constexpr (kMins<Type>) return 0;
  if constexpr (kHalves<Type>) return -128 * x.half_sum[half];
  return kNibbles<Type> ? x.minus_8_sum : x.minus_128_sum;
}
// d·Σq, to be multiplied by the minima.
template <PackedType Type>
WATTLE_INLINE float total(const ActivationBlock& x, std::size_t half) {
  const std::int32_t sum = kHalves<Type> ? x.half_sum[half] : x.half_sum[0] + x.half_sum[1];
  return x.d * static_cast<float>(sum);
}

// How far ahead of the arithmetic weights are asked for.
[[maybe_unused]] constexpr std::size_t kPrefetchBytes = 4096;

struct Tile {
  const std::uint8_t* quants;
  const std::uint16_t* scales;
  std::size_t n_blocks;
  const ActivationBlock* x;
  std::size_t n_rows;
  float* out;
  std::size_t out_stride;
};

#if defined(__AVX512VNNI__)

template <PackedType Type>
WATTLE_INLINE void unpack(const std::uint8_t* quants, __m512i* w) {
  if constexpr (kNibbles<Type>) {
    const __m512i low = _mm512_set1_epi8(15);
    for (std::size_t i = 0; i < 4; ++i) {
      const __m512i packed = _mm512_load_si512(quants + 64 * i);
      w[i] = _mm512_and_si512(packed, low);
      w[4 + i] = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
    }
  } else {
    for (std::size_t i = 0; i < 8; ++i) w[i] = _mm512_load_si512(quants + 64 * i);
  }
}

template <PackedType Type, std::size_t T>
void multiply_tile(const Tile& tile) {
  __m512 sum[T];
  for (std::size_t t = 0; t < T; ++t) sum[t] = _mm512_setzero_ps();
  for (std::size_t b = 0; b < tile.n_blocks; ++b) {
    __m512i w[8];
    unpack<Type>(tile.quants + b * kGroupBytes<Type>, w);
    if constexpr (T == 1) {  // one token: the weights come from memory, ask for them early
      for (std::size_t i = 0; i < kGroupBytes<Type>; i += 64) {
        __builtin_prefetch(tile.quants + b * kGroupBytes<Type> + kPrefetchBytes + i);
      }
    }
    constexpr std::size_t kParts = kHalves<Type> ? 2 : 1;
    const std::uint16_t* scales = tile.scales + b * kScales<Type>;
    const ActivationBlock* x = tile.x + b * T;
    for (std::size_t t = 0; t < T; ++t) {
      for (std::size_t h = 0; h < kParts; ++h) {
        const __m512 scale = load_f16(scales + h * kRowGroup);
        __m512i dot = _mm512_set1_epi32(first_sum<Type>(x[t], h));
        for (std::size_t i = h * 4; i < (kHalves<Type> ? h * 4 + 4 : 8); ++i) {
          dot = _mm512_dpbusd_epi32(dot, w[i], _mm512_set1_epi32(four_activations(x[t], i)));
        }
        const __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(x[t].d));
        sum[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), factor, sum[t]);
        if constexpr (kMins<Type>) {
          const __m512 min = load_f16(scales + kMinsAt<Type> + h * kRowGroup);
          sum[t] = _mm512_fnmadd_ps(min, _mm512_set1_ps(total<Type>(x[t], h)), sum[t]);
        }
      }
    }
  }
  const auto mask = static_cast<__mmask16>((1U << tile.n_rows) - 1U);
  for (std::size_t t = 0; t < T; ++t) {
    _mm512_mask_storeu_ps(tile.out + t * tile.out_stride, mask, sum[t]);
  }
}

#elif defined(__AVX2__)

WATTLE_INLINE __m256i load_rows(const std::uint8_t* quants) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(quants));
}

// Σ of the products of four columns for each of eight rows, over column quads `begin` … `end` − 1.
template <PackedType Type>
WATTLE_INLINE __m256i dot_block(const std::uint8_t* quants, const ActivationBlock& x,
                                std::size_t begin, std::size_t end) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sum = _mm256_setzero_si256();
  if constexpr (kNibbles<Type>) {
    const __m256i low = _mm256_set1_epi8(15);
    for (std::size_t i = 0; i < 4; ++i) {  // at most 8·2·15·127 = 30,480 in magnitude
      const __m256i packed = load_rows(quants + 64 * i);
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_and_si256(packed, low),
                                                       _mm256_set1_epi32(four_activations(x, i))));
      sum = _mm256_add_epi16(
          sum, _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(packed, 4), low),
                                    _mm256_set1_epi32(four_activations(x, 4 + i))));
    }
    sum = _mm256_madd_epi16(sum, ones);
    if constexpr (!kMins<Type>) sum = _mm256_add_epi32(sum, _mm256_set1_epi32(x.minus_8_sum));
  } else if constexpr (kMins<Type>) {  // levels below 128: a pair is at most 2·127·127 = 32,258
    for (std::size_t i = begin; i < end; ++i) {
      const __m256i pairs = _mm256_maddubs_epi16(load_rows(quants + 64 * i),
                                                 _mm256_set1_epi32(four_activations(x, i)));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
  } else {
    // maddubs saturates at 32,767: with |w| ≤ 128 unsigned and the sign moved to x, a pair is at
    // most 2·128·127 = 32,512.
    const __m256i offset = _mm256_set1_epi8(-128);
    for (std::size_t i = begin; i < end; ++i) {
      const __m256i w = _mm256_xor_si256(load_rows(quants + 64 * i), offset);
      const __m256i signed_x = _mm256_sign_epi8(_mm256_set1_epi32(four_activations(x, i)), w);
      const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), signed_x);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
  }
  return sum;
}

template <PackedType Type, std::size_t T>
void multiply_tile(const Tile& tile) {
  constexpr std::size_t kParts = kHalves<Type> ? 2 : 1;
  for (std::size_t half = 0; half < 2; ++half) {  // rows 0–7, then 8–15
    if (half * 8 >= tile.n_rows) break;
    __m256 sum[T];
    for (std::size_t t = 0; t < T; ++t) sum[t] = _mm256_setzero_ps();
    for (std::size_t b = 0; b < tile.n_blocks; ++b) {
      const std::uint8_t* quants = tile.quants + b * kGroupBytes<Type> + half * 32;
      const std::uint16_t* scales = tile.scales + b * kScales<Type> + half * 8;
      const ActivationBlock* x = tile.x + b * T;
      for (std::size_t t = 0; t < T; ++t) {
        for (std::size_t h = 0; h < kParts; ++h) {
          const __m256 scale = load_f16(scales + h * kRowGroup);
          const __m256i dot = dot_block<Type>(quants, x[t], h * 4, kHalves<Type> ? h * 4 + 4 : 8);
          const __m256 factor = _mm256_mul_ps(scale, _mm256_set1_ps(x[t].d));
          sum[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), factor, sum[t]);
          if constexpr (kMins<Type>) {
            const __m256 min = load_f16(scales + kMinsAt<Type> + h * kRowGroup);
            sum[t] = _mm256_fnmadd_ps(min, _mm256_set1_ps(total<Type>(x[t], h)), sum[t]);
          }
        }
      }
    }
    const std::size_t rows = tile.n_rows - half * 8 < 8 ? tile.n_rows - half * 8 : 8;
    for (std::size_t t = 0; t < T; ++t) {
      float* out = tile.out + t * tile.out_stride + half * 8;
      if (rows == 8) {
        store(out, sum[t]);
      } else {
        store_part(out, sum[t], rows);
      }
    }
  }
}

#else

// Over column quads `begin` … `end` − 1.
template <PackedType Type>
void dot_block(const std::uint8_t* quants, const ActivationBlock& x, std::size_t half,
               std::int32_t* dot) {
  for (std::size_t r = 0; r < kRowGroup; ++r) dot[r] = first_sum<Type>(x, half);
  constexpr std::size_t kChunks = kGroupBytes<Type> / 64;
  const std::size_t begin = kHalves<Type> ? half * 4 : 0;
  const std::size_t end = kHalves<Type> ? begin + 4 : kChunks;
  for (std::size_t i = begin; i < end; ++i) {
    for (std::size_t r = 0; r < kRowGroup; ++r) {
      for (std::size_t j = 0; j < 4; ++j) {
        const int w = quants[64 * i + 4 * r + j];
        if constexpr (kNibbles<Type>) {
          dot[r] += (w & 15) * x.q[4 * i + j] + (w >> 4) * x.q[16 + 4 * i + j];
        } else {
          dot[r] += w * x.q[4 * i + j];
        }
      }
    }
  }
}

WATTLE_INLINE void load_halves(const std::uint16_t* from, float* to) {
  for (std::size_t r = 0; r < kRowGroup; r += kLanes) store(to + r, load_f16(from + r));
}

template <PackedType Type, std::size_t T>
void multiply_tile(const Tile& tile) {
  float sum[T][kRowGroup] = {};
  for (std::size_t b = 0; b < tile.n_blocks; ++b) {
    const std::uint16_t* scales = tile.scales + b * kScales<Type>;
    for (std::size_t h = 0; h < (kHalves<Type> ? 2 : 1); ++h) {
      float scale[kRowGroup];
      float min[kRowGroup] = {};
      load_halves(scales + h * kRowGroup, scale);
      if constexpr (kMins<Type>) load_halves(scales + kMinsAt<Type> + h * kRowGroup, min);
      for (std::size_t t = 0; t < T; ++t) {
        const ActivationBlock& x = tile.x[b * T + t];
        std::int32_t dot[kRowGroup];
        dot_block<Type>(tile.quants + b * kGroupBytes<Type>, x, h, dot);
        for (std::size_t r = 0; r < kRowGroup; ++r) {
          sum[t][r] += static_cast<float>(dot[r]) * (scale[r] * x.d);
          if constexpr (kMins<Type>) sum[t][r] -= min[r] * total<Type>(x, h);
        }
      }
    }
  }
  for (std::size_t t = 0; t < T; ++t) {
    for (std::size_t r = 0; r < tile.n_rows; ++r) tile.out[t * tile.out_stride + r] = sum[t][r];
  }
}

#endif

template <PackedType Type, std::size_t T>
void multiply_groups(const PackedRows& rows, const ActivationBlock* x, float* out,
                     std::size_t out_stride) {
  for (std::size_t g = 0; g < rows.n_groups; ++g) {
    const std::size_t left = rows.n_rows - g * kRowGroup;
    multiply_tile<Type, T>({rows.quants + g * rows.n_blocks * kGroupBytes<Type>,
                            rows.scales + g * rows.n_blocks * kScales<Type>, rows.n_blocks, x,
                            left < kRowGroup ? left : kRowGroup, out + g * kRowGroup, out_stride});
  }
}

template <PackedType Type>
void multiply(const PackedRows& rows, const ActivationBlock* x, std::size_t n_tokens, float* out,
              std::size_t out_stride) {
  switch (n_tokens) {
    case 1:
      return multiply_groups<Type, 1>(rows, x, out, out_stride);
    case 2:
      return multiply_groups<Type, 2>(rows, x, out, out_stride);
    case 4:
      return multiply_groups<Type, 4>(rows, x, out, out_stride);
#if defined(__AVX512VNNI__)
    case 8:
      return multiply_groups<Type, 8>(rows, x, out, out_stride);
    case 16:
      return multiply_groups<Type, 16>(rows, x, out, out_stride);
#endif
    default:
      return;  // never: tiles are powers of two up to kTokenTile
  }
}

}  // namespace

#if defined(__AVX512VNNI__)
const std::size_t kTokenTile = 16;
#else
const std::size_t kTokenTile = 4;
#endif

void quantize_tile(const float* x, std::size_t x_stride, std::size_t n_tokens, std::size_t n_blocks,
                   ActivationBlock* out) {
  for (std::size_t b = 0; b < n_blocks; ++b) {
    for (std::size_t t = 0; t < n_tokens; ++t) {
      quantize_block(x + t * x_stride + b * kQuantBlock, out[b * n_tokens + t]);
    }
  }
}

void matmul_packed(const PackedRows& rows, const ActivationBlock* tile, std::size_t n_tokens,
                   float* out, std::size_t out_stride) {
  switch (rows.type) {
    case PackedType::q4:
      return multiply<PackedType::q4>(rows, tile, n_tokens, out, out_stride);
    case PackedType::q8:
      return multiply<PackedType::q8>(rows, tile, n_tokens, out, out_stride);
    case PackedType::q4_min:
      return multiply<PackedType::q4_min>(rows, tile, n_tokens, out, out_stride);
    case PackedType::q8_min:
      return multiply<PackedType::q8_min>(rows, tile, n_tokens, out, out_stride);
    case PackedType::q8_halves:
      return multiply<PackedType::q8_halves>(rows, tile, n_tokens, out, out_stride);
    case PackedType::q8_halves_min:
      return multiply<PackedType::q8_halves_min>(rows, tile, n_tokens, out, out_stride);
  }
}

}  // namespace wattle::engine::WATTLE_ISA
