#pragma once
// Vectors of floats as wide as the instruction set this file is compiled for. Everything is in an
// unnamed namespace: the same source is compiled several times and must not be merged by the
// linker.

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(WATTLE_NEON)  // scalar code is also compiled for CPUs that have it
#include <arm_neon.h>
#endif

namespace wattle::engine {
namespace {

#define WATTLE_INLINE [[maybe_unused, gnu::always_inline]] inline

#if defined(__AVX512F__)
inline constexpr std::size_t kLanes = 16;
using F32v = __m512;
using I32v = std::int32_t __attribute__((vector_size(64)));
WATTLE_INLINE F32v fma(F32v a, F32v b, F32v c) {
  return _mm512_fmadd_ps(a, b, c);
}
WATTLE_INLINE F32v load(const float* p) {
  return _mm512_loadu_ps(p);
}
WATTLE_INLINE void store(float* p, F32v v) {
  _mm512_storeu_ps(p, v);
}
WATTLE_INLINE F32v splat(float x) {
  return _mm512_set1_ps(x);
}
WATTLE_INLINE F32v load_f16(const std::uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
WATTLE_INLINE F32v load_bf16(const std::uint16_t* p) {
  const __m512i wide =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
WATTLE_INLINE void store_f16(std::uint16_t* p, F32v v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
WATTLE_INLINE F32v load(const std::int8_t* p) {
  return _mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
WATTLE_INLINE F32v vector_max(F32v a, F32v b) {
  return _mm512_max_ps(a, b);
}
WATTLE_INLINE F32v vector_min(F32v a, F32v b) {
  return _mm512_min_ps(a, b);
}
#elif defined(__AVX2__)
inline constexpr std::size_t kLanes = 8;
using F32v = __m256;
using I32v = std::int32_t __attribute__((vector_size(32)));
WATTLE_INLINE F32v fma(F32v a, F32v b, F32v c) {
  return _mm256_fmadd_ps(a, b, c);
}
WATTLE_INLINE F32v load(const float* p) {
  return _mm256_loadu_ps(p);
}
WATTLE_INLINE void store(float* p, F32v v) {
  _mm256_storeu_ps(p, v);
}
WATTLE_INLINE F32v splat(float x) {
  return _mm256_set1_ps(x);
}
WATTLE_INLINE F32v load_f16(const std::uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
WATTLE_INLINE F32v load_bf16(const std::uint16_t* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
WATTLE_INLINE void store_f16(std::uint16_t* p, F32v v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
WATTLE_INLINE F32v load(const std::int8_t* p) {
  return _mm256_cvtepi32_ps(
      _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
WATTLE_INLINE F32v vector_max(F32v a, F32v b) {
  return _mm256_max_ps(a, b);
}
WATTLE_INLINE F32v vector_min(F32v a, F32v b) {
  return _mm256_min_ps(a, b);
}
#else
inline constexpr std::size_t kLanes = 4;
using F32v = float __attribute__((vector_size(16)));
using I32v = std::int32_t __attribute__((vector_size(16)));
using U32v = std::uint32_t __attribute__((vector_size(16)));
WATTLE_INLINE F32v load(const float* p) {
  F32v v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
WATTLE_INLINE void store(float* p, F32v v) {
  __builtin_memcpy(p, &v, sizeof v);
}
WATTLE_INLINE F32v splat(float x) {
  return F32v{x, x, x, x};
}
WATTLE_INLINE F32v vector_max(F32v a, F32v b) {
  return a > b ? a : b;
}
WATTLE_INLINE F32v vector_min(F32v a, F32v b) {
  return a < b ? a : b;
}
#if defined(WATTLE_NEON)
WATTLE_INLINE F32v fma(F32v a, F32v b, F32v c) {
  return vfmaq_f32(c, a, b);
}
WATTLE_INLINE F32v load_f16(const std::uint16_t* p) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
WATTLE_INLINE F32v load_bf16(const std::uint16_t* p) {
  return (F32v)(vmovl_u16(vld1_u16(p)) << 16U);
}
WATTLE_INLINE void store_f16(std::uint16_t* p, F32v v) {
  vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v)));
}
WATTLE_INLINE F32v load(const std::int8_t* p) {
  std::int32_t four = 0;
  __builtin_memcpy(&four, p, sizeof four);
  const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}
#else
WATTLE_INLINE F32v fma(F32v a, F32v b, F32v c) {
  return a * b + c;
}
WATTLE_INLINE U32v load_u16(const std::uint16_t* p) {
  return U32v{p[0], p[1], p[2], p[3]};
}
WATTLE_INLINE F32v load_f16(const std::uint16_t* p) {
  const U32v half = load_u16(p);
  const U32v magnitude = half & 0x7FFFU;
  // Normal numbers: shift and rebias. Subnormal: mantissa · 2⁻²⁴. Inf and NaN: exponent 255.
  const U32v normal = (magnitude << 13U) + (112U << 23U);
  const U32v special = (magnitude << 13U) | (255U << 23U);
  const F32v tiny = __builtin_convertvector((I32v)magnitude, F32v) * 0x1p-24F;
  U32v bits = magnitude < 0x400U ? (U32v)tiny : normal;
  bits = magnitude >= 0x7C00U ? special : bits;
  return (F32v)(bits | ((half & 0x8000U) << 16U));
}
WATTLE_INLINE F32v load_bf16(const std::uint16_t* p) {
  return (F32v)(load_u16(p) << 16U);
}
WATTLE_INLINE void store_f16(std::uint16_t* p, F32v v) {
  const U32v bits = (U32v)v;
  const U32v magnitude = bits & 0x7FFFFFFFU;
  const U32v rebased = magnitude - 0x38000000U;
  const U32v normal = (rebased + 0xFFFU + ((rebased >> 13U) & 1U)) >> 13U;
  const U32v subnormal = (U32v)((F32v)magnitude + 0.5F) - 0x3F000000U;  // rounds at bit 2⁻²⁴
  U32v half = magnitude < 0x38800000U ? subnormal : normal;
  const U32v infinity = U32v{} + 0x7C00U;
  const U32v nan = infinity + 0x200U;
  half = magnitude >= 0x477FF000U ? infinity : half;
  half = magnitude > 0x7F800000U ? nan : half;
  half |= (bits >> 16U) & 0x8000U;
  for (std::size_t i = 0; i < kLanes; ++i) p[i] = static_cast<std::uint16_t>(half[i]);
}
WATTLE_INLINE F32v load(const std::int8_t* p) {
  return __builtin_convertvector((I32v{p[0], p[1], p[2], p[3]}), F32v);
}
#endif
#endif

WATTLE_INLINE F32v load(const std::uint16_t* p) {
  return load_f16(p);
}

// Fixed order: halves are added until one lane is left.
WATTLE_INLINE float sum_lanes(F32v v) {
#if defined(__AVX2__)
#if defined(__AVX512F__)
  const __m256 eight = _mm512_castps512_ps256(v) + _mm512_extractf32x8_ps(v, 1);
#else
  const __m256 eight = v;
#endif
  const __m128 four = _mm256_castps256_ps128(eight) + _mm256_extractf128_ps(eight, 1);
  const __m128 two = four + _mm_movehl_ps(four, four);
  return two[0] + two[1];
#elif defined(WATTLE_NEON)
  const float32x2_t two = vadd_f32(vget_low_f32(v), vget_high_f32(v));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
#else
  return (v[0] + v[2]) + (v[1] + v[3]);
#endif
}
WATTLE_INLINE float max_lanes(F32v v) {
#if defined(__AVX2__)
#if defined(__AVX512F__)
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
#else
  const __m256 eight = v;
#endif
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return two[0] > two[1] ? two[0] : two[1];
#else
  const float low = v[0] > v[2] ? v[0] : v[2];
  const float high = v[1] > v[3] ? v[1] : v[3];
  return low > high ? low : high;
#endif
}

// The first n < kLanes floats, the others `fill`.
WATTLE_INLINE F32v load_part(const float* p, std::size_t n, float fill) {
  float lane[kLanes];
  for (std::size_t i = 0; i < kLanes; ++i) lane[i] = i < n ? p[i] : fill;
  return load(lane);
}
WATTLE_INLINE void store_part(float* p, F32v v, std::size_t n) {
  float lane[kLanes];
  store(lane, v);
  for (std::size_t i = 0; i < n; ++i) p[i] = lane[i];
}

// exp to about 1 unit in the last place: x = n·ln 2 + r, |r| ≤ ln 2 / 2, exp(r) by its Taylor
// polynomial of degree 7 (remainder < 6e-9). Below −87 the result is 0, above 88 it is exp(88).
WATTLE_INLINE F32v exp(F32v x) {
  const F32v clamped = x > 88.0F ? splat(88.0F) : x;
  const F32v n = (clamped * 1.44269504F + 12582912.0F) - 12582912.0F;
  F32v r = fma(n, splat(-0.693359375F), clamped);
  r = fma(n, splat(2.12194440e-4F), r);
  F32v p = splat(1.0F / 5040.0F);
  p = fma(p, r, splat(1.0F / 720.0F));
  p = fma(p, r, splat(1.0F / 120.0F));
  p = fma(p, r, splat(1.0F / 24.0F));
  p = fma(p, r, splat(1.0F / 6.0F));
  p = fma(p, r, splat(0.5F));
  p = fma(p, r, splat(1.0F));
  p = fma(p, r, splat(1.0F));
  const F32v safe = x < -87.0F ? F32v{} : n;
  const I32v exponent = (__builtin_convertvector(safe, I32v) + 127) << 23;
  const F32v result = p * (F32v)exponent;
  return x < -87.0F ? F32v{} : result;
}

WATTLE_INLINE F32v tanh(F32v x) {
  return 1.0F - 2.0F / (exp(2.0F * x) + 1.0F);
}

}  // namespace
}  // namespace wattle::engine
