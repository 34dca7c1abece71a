#pragma once
// Dot products of weights (unsigned bytes) and activations (signed bytes), four columns at a time
// for as many rows as a vector has 32-bit lanes. Exact in every instruction set: the sums are
// integers that never overflow.

#include "engine/kernels/isa/simd.hpp"

namespace wattle::engine {
namespace {

// What the driver (matmul_packed.cpp) asks of an instruction set:
//   Bytes                   a vector of weights: byte 4·r + j is column j of row r
//   load_bytes, splat_four  from memory; four activations repeated in every lane
//   low_nibbles, high_nibbles
//   plane_bits<S>(p, mask)  (p >> S or, if S < 0, p << −S) & mask, in bytes
//   Dot<Levels>             Σ weight · activation, weights being < Levels, |activations| ≤ 127
// NEON's Dot takes four quads of activations at a time and picks one (dot_neon.hpp).

#if defined(__AVX512VNNI__)

using Bytes = __m512i;
WATTLE_INLINE Bytes load_bytes(const std::uint8_t* p) {
  return _mm512_load_si512(p);
}
WATTLE_INLINE void store_bytes(std::uint8_t* p, Bytes v) {
  _mm512_store_si512(p, v);
}
WATTLE_INLINE Bytes splat_four(const std::int8_t* x) {
  std::int32_t four = 0;
  __builtin_memcpy(&four, x, sizeof four);
  return _mm512_set1_epi32(four);
}
WATTLE_INLINE Bytes low_nibbles(Bytes v) {
  return _mm512_and_si512(v, _mm512_set1_epi8(15));
}
WATTLE_INLINE Bytes high_nibbles(Bytes v) {
  return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
}
template <int Shift>
WATTLE_INLINE Bytes plane_bits(Bytes v, int mask) {
  constexpr auto kRight = static_cast<unsigned>(Shift > 0 ? Shift : 0);
  constexpr auto kLeft = static_cast<unsigned>(Shift < 0 ? -Shift : 0);
  const Bytes shifted = Shift < 0 ? _mm512_slli_epi16(v, kLeft) : _mm512_srli_epi16(v, kRight);
  return _mm512_and_si512(shifted, _mm512_set1_epi8(static_cast<char>(mask)));
}
WATTLE_INLINE Bytes either(Bytes a, Bytes b) {
  return _mm512_or_si512(a, b);
}

template <int Levels>
struct Dot {
  __m512i sum;
  WATTLE_INLINE void start(std::int32_t first) { sum = _mm512_set1_epi32(first); }
  WATTLE_INLINE void add(Bytes w, Bytes x) { sum = _mm512_dpbusd_epi32(sum, w, x); }
  WATTLE_INLINE F32v total() const { return _mm512_cvtepi32_ps(sum); }
};

#elif defined(__AVX2__)

using Bytes = __m256i;
WATTLE_INLINE Bytes load_bytes(const std::uint8_t* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}
WATTLE_INLINE void store_bytes(std::uint8_t* p, Bytes v) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(p), v);
}
WATTLE_INLINE Bytes splat_four(const std::int8_t* x) {
  std::int32_t four = 0;
  __builtin_memcpy(&four, x, sizeof four);
  return _mm256_set1_epi32(four);
}
WATTLE_INLINE Bytes low_nibbles(Bytes v) {
  return _mm256_and_si256(v, _mm256_set1_epi8(15));
}
WATTLE_INLINE Bytes high_nibbles(Bytes v) {
  return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
}
template <int Shift>
WATTLE_INLINE Bytes plane_bits(Bytes v, int mask) {
  const Bytes shifted = Shift >= 0 ? _mm256_srli_epi16(v, Shift >= 0 ? Shift : 0)
                                   : _mm256_slli_epi16(v, Shift < 0 ? -Shift : 0);
  return _mm256_and_si256(shifted, _mm256_set1_epi8(static_cast<char>(mask)));
}
WATTLE_INLINE Bytes either(Bytes a, Bytes b) {
  return _mm256_or_si256(a, b);
}

#if defined(__AVXVNNI__) || defined(WATTLE_EVEX_VNNI)
WATTLE_INLINE __m256i dot_bytes(__m256i sum, __m256i w, __m256i x) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(sum, w, x);
#else
  return _mm256_dpbusd_epi32(sum, w, x);
#endif
}
template <int Levels>
struct Dot {
  __m256i sum;
  WATTLE_INLINE void start(std::int32_t first) { sum = _mm256_set1_epi32(first); }
  WATTLE_INLINE void add(Bytes w, Bytes x) { sum = dot_bytes(sum, w, x); }
  WATTLE_INLINE F32v total() const { return _mm256_cvtepi32_ps(sum); }
};
#else
// vpmaddubsw adds two products with saturation at 32,767. With up to 64 levels the pair is at most
// 2·63·127 = 16,002 in magnitude.
template <int Levels>
struct Dot {
  __m256i sum;
  WATTLE_INLINE void start(std::int32_t first) { sum = _mm256_set1_epi32(first); }
  WATTLE_INLINE void add(Bytes w, Bytes x) {
    const __m256i pairs = _mm256_maddubs_epi16(w, x);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  WATTLE_INLINE F32v total() const { return _mm256_cvtepi32_ps(sum); }
};
// 16 levels: the eight pairs of a block are at most 8·2·15·127 = 30,480 together.
template <>
struct Dot<16> {
  __m256i pairs;
  std::int32_t first;
  WATTLE_INLINE void start(std::int32_t value) {
    pairs = _mm256_setzero_si256();
    first = value;
  }
  WATTLE_INLINE void add(Bytes w, Bytes x) {
    pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(w, x));
  }
  WATTLE_INLINE F32v total() const {
    const __m256i sum = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    return _mm256_cvtepi32_ps(_mm256_add_epi32(sum, _mm256_set1_epi32(first)));
  }
};
// 256 levels: as w − 128 with the sign moved to x, so that a pair is at most 2·128·127 = 32,512.
// The 128·Σx that this leaves out are in `first` (see first_sum()).
template <>
struct Dot<256> {
  __m256i sum;
  WATTLE_INLINE void start(std::int32_t first) { sum = _mm256_set1_epi32(first); }
  WATTLE_INLINE void add(Bytes w, Bytes x) {
    const __m256i signed_w = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
    const __m256i pairs =
        _mm256_maddubs_epi16(_mm256_abs_epi8(signed_w), _mm256_sign_epi8(x, signed_w));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  WATTLE_INLINE F32v total() const { return _mm256_cvtepi32_ps(sum); }
};
#define WATTLE_SIGNED_256
#endif

#else

using Bytes = std::uint8_t __attribute__((vector_size(16)));
WATTLE_INLINE Bytes load_bytes(const std::uint8_t* p) {
  Bytes v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
WATTLE_INLINE void store_bytes(std::uint8_t* p, Bytes v) {
  __builtin_memcpy(p, &v, sizeof v);
}
WATTLE_INLINE Bytes splat_four(const std::int8_t* x) {
  std::int32_t four = 0;
  __builtin_memcpy(&four, x, sizeof four);
  return (Bytes)(I32v{four, four, four, four});
}
WATTLE_INLINE Bytes low_nibbles(Bytes v) {
  return v & 15;
}
WATTLE_INLINE Bytes high_nibbles(Bytes v) {
  return v >> 4;
}
template <int Shift>
WATTLE_INLINE Bytes plane_bits(Bytes v, int mask) {
  return (Shift >= 0 ? v >> (Shift >= 0 ? Shift : 0) : v << (Shift < 0 ? -Shift : 0)) &
         static_cast<std::uint8_t>(mask);
}
WATTLE_INLINE Bytes either(Bytes a, Bytes b) {
  return a | b;
}

#if !defined(WATTLE_NEON)
template <int Levels>
struct Dot {
  I32v sum;
  WATTLE_INLINE void start(std::int32_t first) { sum = I32v{first, first, first, first}; }
  WATTLE_INLINE void add(Bytes w, Bytes x) {
    const I32v words = (I32v)x;
    const I32v weights = (I32v)w;
    for (int j = 0; j < 4; ++j) {
      const I32v signed_x = (words << (24 - 8 * j)) >> 24;
      sum += ((weights >> (8 * j)) & 255) * signed_x;
    }
  }
  WATTLE_INLINE F32v total() const { return __builtin_convertvector(sum, F32v); }
};
#endif

#endif

}  // namespace
}  // namespace wattle::engine

#if defined(WATTLE_NEON)
#include "engine/kernels/isa/dot_neon.hpp"
#endif
