// Activations, and weights in F16 and BF16, in 16-bit integers, blocks of 32. Only where products
// of them are twice as fast as those of F32.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

#if defined(__AVX512VNNI__)

namespace wattle::engine::WATTLE_ISA {
namespace {

// Activations this small are zero: their inverse would overflow.
constexpr float kSmallest = 1e-30F;
constexpr std::int32_t kInfinity = 0x7F800000;
constexpr std::size_t kPairs = kQuantBlock / 2;
static_assert(kLanes == kPairs && kLanes == kRowGroup);

struct Block {
  F32v low, high;
};

// The largest magnitude, as bits: those of infinities and of what is no number are the greatest.
WATTLE_INLINE std::int32_t largest_bits(const Block& x) {
  const __m512i no_sign = _mm512_set1_epi32(0x7FFFFFFF);
  const __m512i low = _mm512_and_si512(_mm512_castps_si512(x.low), no_sign);
  const __m512i high = _mm512_and_si512(_mm512_castps_si512(x.high), no_sign);
  return _mm512_reduce_max_epi32(_mm512_max_epi32(low, high));
}

// x·factor in the nearest integers; zeros, whatever x is, if the factor is 0.
WATTLE_INLINE __m512i to_i16(const Block& x, float factor) {
  const auto keep = static_cast<__mmask16>(factor == 0.0F ? 0 : 0xFFFF);
  const F32v f = splat(factor);
  const __m512i low = _mm512_cvtps_epi32(_mm512_maskz_mul_ps(keep, x.low, f));
  const __m512i high = _mm512_cvtps_epi32(_mm512_maskz_mul_ps(keep, x.high, f));
  const __m512i in_order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  return _mm512_permutexvar_epi64(in_order, _mm512_packs_epi32(low, high));
}

WATTLE_INLINE float from_bits(std::int32_t bits) {
  float value = 0;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// The scale of weights is a power of two: a block's values from a quarter of the largest on in F16,
// and from a 32nd on in BF16, are held exactly. With BF16 that leaves next to no error, with F16 as
// much as the finest scale does.
struct Scale {
  std::uint8_t exponent;
  float inverse;
};
WATTLE_INLINE Scale weight_scale(std::int32_t largest) {
  constexpr std::int32_t kShift = 12;  // the largest becomes 4096 … 8191
  const std::int32_t biased = largest >> 23;
  if (largest >= kInfinity) return {255, 0.0F};
  if (biased <= kShift) return {0, 0.0F};
  return {static_cast<std::uint8_t>(biased - kShift), from_bits((254 + kShift - biased) << 23)};
}

WATTLE_INLINE Block load_block(const FloatRows& rows, std::size_t row, std::size_t b) {
  const char* bytes = static_cast<const char*>(rows.data) + row * rows.row_bytes;
  const auto* from = reinterpret_cast<const std::uint16_t*>(bytes) + b * kQuantBlock;
  if (rows.type == FloatType::f16) return {load_f16(from), load_f16(from + kLanes)};
  return {load_bf16(from), load_bf16(from + kLanes)};
}

}  // namespace

void pack_i16(const FloatRows& rows, std::int16_t* quants, std::uint8_t* exponents) {
  alignas(64) std::int32_t pairs[kRowGroup][kPairs] = {};
  for (std::size_t b = 0; b < rows.n_cols / kQuantBlock; ++b) {
    for (std::size_t r = 0; r < rows.n_rows; ++r) {
      const Block w = load_block(rows, r, b);
      const Scale scale = weight_scale(largest_bits(w));
      _mm512_store_si512(pairs[r], to_i16(w, scale.inverse));
      exponents[b * kRowGroup + r] = scale.exponent;
    }
    for (std::size_t r = rows.n_rows; r < kRowGroup; ++r) exponents[b * kRowGroup + r] = 0;
    std::int16_t* to = quants + b * kRowGroup * kQuantBlock;
    for (std::size_t i = 0; i < kPairs; ++i) {
      for (std::size_t r = 0; r < kRowGroup; ++r) {
        __builtin_memcpy(to + 2 * (i * kRowGroup + r), &pairs[r][i], sizeof pairs[r][i]);
      }
    }
  }
}

void quantize_i16(const float* x, std::size_t n_blocks, ActivationBlockI16* out) {
  constexpr auto kLevels = static_cast<float>(kI16Levels);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const Block block = {load(x + b * kQuantBlock), load(x + b * kQuantBlock + kLanes)};
    const std::int32_t bits = largest_bits(block);
    const bool finite = bits < kInfinity;
    const float largest = from_bits(bits);
    const float to_levels = finite && largest > kSmallest ? kLevels / largest : 0.0F;
    const __m512i q = to_i16(block, to_levels);
    __builtin_memcpy(out[b].q, &q, sizeof q);
    out[b].scale = finite ? largest / kLevels : __builtin_nanf("");
  }
}

}  // namespace wattle::engine::WATTLE_ISA

#endif
