// What the instructions of this instruction set reach at best: independent chains that stay in
// registers, enough of them to hide the latency of the instruction on every port that runs it.
#include "engine/kernels/isa/dot.hpp"
#include "engine/kernels/isa/ops.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

// As many as the registers hold beside the operands: 32 registers with AVX-512 and on 64-bit ARM,
// else 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr std::size_t kChains = 24;
#else
constexpr std::size_t kChains = 12;
#endif

// The compiler must believe that this changes `v`: it can then neither take work out of the loop
// nor work it out beforehand.
template <class V>
WATTLE_INLINE void opaque(V& v) {
#if defined(__x86_64__)
  asm volatile("" : "+x"(v));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(v));
#else
  asm volatile("" : "+m"(v));
#endif
}

WATTLE_INLINE std::uint64_t fold(I32v v) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kLanes; ++i) sum += static_cast<std::uint32_t>(v[i]);
  return sum;
}

// Bytes that one step of one chain multiplies, and the step: acc += Σ of neighbouring a·b, in the
// instructions that matmul_packed has for it.
#if defined(__AVX512VNNI__)
constexpr std::size_t kStepBytes = 64;
struct Operands {
  __m512i a, b;
};
WATTLE_INLINE Operands operands() {
  Operands o{_mm512_set1_epi8(3), _mm512_set1_epi8(-5)};
  opaque(o.a);
  opaque(o.b);
  return o;
}
WATTLE_INLINE void renew(Operands& /*o*/) {}  // the accumulator makes every step another one
WATTLE_INLINE I32v step(I32v acc, const Operands& o) {
  return (I32v)_mm512_dpbusd_epi32((__m512i)acc, o.a, o.b);
}
#elif defined(__AVXVNNI__) || defined(WATTLE_EVEX_VNNI)
constexpr std::size_t kStepBytes = 32;
struct Operands {
  __m256i a, b;
};
WATTLE_INLINE Operands operands() {
  Operands o{_mm256_set1_epi8(3), _mm256_set1_epi8(-5)};
  opaque(o.a);
  opaque(o.b);
  return o;
}
WATTLE_INLINE void renew(Operands& /*o*/) {}
WATTLE_INLINE I32v step(I32v acc, const Operands& o) {
  return (I32v)dot_bytes((__m256i)acc, o.a, o.b);
}
#elif defined(WATTLE_NEON)
struct Operands {
  uint8x16_t a;
  int8x16_t b;
};
WATTLE_INLINE Operands operands() {
  Operands o{vdupq_n_u8(3), vdupq_n_s8(-5)};
  opaque(o.a);
  opaque(o.b);
  return o;
}
WATTLE_INLINE void renew(Operands& /*o*/) {}
#if defined(__ARM_FEATURE_MATMUL_INT8)
constexpr std::size_t kStepBytes = 32;  // two rows of eight by two columns of eight
WATTLE_INLINE I32v step(I32v acc, const Operands& o) {
  return vusmmlaq_s32(acc, o.a, o.b);
}
#elif defined(__ARM_FEATURE_DOTPROD)
constexpr std::size_t kStepBytes = 16;
WATTLE_INLINE I32v step(I32v acc, const Operands& o) {
  return vdotq_s32(acc, vreinterpretq_s8_u8(o.a), o.b);
}
#else
constexpr std::size_t kStepBytes = 8;
WATTLE_INLINE I32v step(I32v acc, const Operands& o) {
  const int8x8_t a = vget_low_s8(vreinterpretq_s8_u8(o.a));
  return (I32v)vmlal_s8((int16x8_t)acc, a, vget_low_s8(o.b));
}
#endif
#elif defined(__AVX2__) && !defined(__AVX512F__)
constexpr std::size_t kStepBytes = 32;
struct Operands {
  __m256i a, b, ones;
};
WATTLE_INLINE Operands operands() {
  Operands o{_mm256_set1_epi8(3), _mm256_set1_epi8(-5), _mm256_set1_epi16(1)};
  opaque(o.a);
  opaque(o.b);
  opaque(o.ones);
  return o;
}
// The products do not depend on the accumulator.
WATTLE_INLINE void renew(Operands& o) {
  opaque(o.a);
}
WATTLE_INLINE I32v step(I32v acc, const Operands& o) {
  const __m256i pairs = _mm256_maddubs_epi16(o.a, o.b);
  return (I32v)_mm256_add_epi32((__m256i)acc, _mm256_madd_epi16(pairs, o.ones));
}
#else
// Plain code has no instruction for four bytes; compilers turn dot products into products of 16-bit
// lanes, two instructions for a vector of them.
constexpr std::size_t kStepBytes = 8;
using U16v = std::uint16_t __attribute__((vector_size(16)));
struct Operands {
  U16v a, b;
};
WATTLE_INLINE Operands operands() {
  Operands o{U16v{} + 3, U16v{} + 5};
  opaque(o.a);
  opaque(o.b);
  return o;
}
WATTLE_INLINE void renew(Operands& o) {
  opaque(o.a);
}
WATTLE_INLINE I32v step(I32v acc, const Operands& o) {
  return (I32v)((U16v)acc + o.a * o.b);
}
#endif

}  // namespace

PeakRun int8_peak(std::size_t iterations) {
  Operands o = operands();
  I32v sums[kChains];
  for (std::size_t c = 0; c < kChains; ++c) sums[c] = I32v{} + static_cast<std::int32_t>(c);
  for (std::size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 32
    for (std::size_t c = 0; c < kChains; ++c) {
      renew(o);
      sums[c] = step(sums[c], o);
    }
  }
  std::uint64_t kept = 0;
  for (const I32v& sum : sums) kept += fold(sum);
  return {2.0 * static_cast<double>(kStepBytes * kChains) * static_cast<double>(iterations), kept};
}

PeakRun f32_peak(std::size_t iterations) {
  F32v factor = splat(0.5F);
  F32v addend = splat(1.0F);
  opaque(factor);
  opaque(addend);
  F32v sums[kChains];
  for (std::size_t c = 0; c < kChains; ++c) sums[c] = splat(static_cast<float>(c));
  for (std::size_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 32
    for (std::size_t c = 0; c < kChains; ++c) sums[c] = fma(sums[c], factor, addend);
  }
  std::uint64_t kept = 0;
  for (const F32v& sum : sums) kept += fold((I32v)sum);
  return {2.0 * static_cast<double>(kLanes * kChains) * static_cast<double>(iterations), kept};
}

}  // namespace wattle::engine::WATTLE_ISA
