#pragma once
// What the packed types are, at compile time, and how their weights become bytes and their scales
// floats.

#include "engine/kernels/isa/dot.hpp"
#include "engine/kernels/kernels.hpp"

namespace wattle::engine {
namespace {

template <PackedType Type>
inline constexpr const PackedLayout& kLayout = kPackedLayouts[static_cast<std::size_t>(Type)];
template <PackedType Type>
inline constexpr std::size_t kParts = kLayout<Type>.halves ? 2 : 1;
template <PackedType Type>
inline constexpr bool kSuper = kLayout<Type>.unit_blocks == 8;
template <PackedType Type>
inline constexpr int kLevels = 1 << kLayout<Type>.bits;
static_assert(kLayout<PackedType::q6_super>.halves, "64 levels are added up in 16 bits");

inline constexpr std::size_t kQuads = kQuantBlock / 4;    // of a block
inline constexpr std::size_t kVecs = kRowGroup / kLanes;  // vectors of a row group
inline constexpr std::size_t kVecBytes = kLanes * 4;

// Columns 4·i … 4·i + 3 of the rows of vector v of a group.
template <PackedType Type, std::size_t I>
WATTLE_INLINE Bytes quad(const std::uint8_t* block, std::size_t v) {
  constexpr int kBits = kLayout<Type>.bits;
  const auto at = [block, v](std::size_t i) { return load_bytes(block + 64 * i + v * kVecBytes); };
  if constexpr (kBits == 8) {
    return at(I);
  } else {
    const Bytes nibble = I < 4 ? low_nibbles(at(I % 4)) : high_nibbles(at(I % 4));
    if constexpr (kBits == 5) {
      return either(nibble, plane_bits<static_cast<int>(I) - 4>(at(4), 0x10));
    } else if constexpr (kBits == 6) {
      return either(nibble, plane_bits<static_cast<int>(2 * (I % 4)) - 4>(at(4 + I / 4), 0x30));
    } else {
      return nibble;
    }
  }
}

WATTLE_INLINE F32v load_u8(const std::uint8_t* p) {
#if defined(__AVX512F__)
  return _mm512_cvtepi32_ps(
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined(__AVX2__)
  return _mm256_cvtepi32_ps(
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#elif defined(WATTLE_NEON)
  std::uint32_t four = 0;
  __builtin_memcpy(&four, p, sizeof four);
  const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)));
#else
  return __builtin_convertvector((I32v{p[0], p[1], p[2], p[3]}), F32v);
#endif
}

// Scale and minimum of part `h` of block `b`, for the rows of vector v of a group.
template <PackedType Type>
WATTLE_INLINE F32v scale_of(const std::uint8_t* scales, std::size_t b, std::size_t h,
                            std::size_t v) {
  constexpr const PackedLayout& kL = kLayout<Type>;
  const std::uint8_t* unit = scales + b / kL.unit_blocks * kL.scale_bytes;
  if constexpr (!kSuper<Type>) {
    return load_f16(reinterpret_cast<const std::uint16_t*>(unit) + h * kRowGroup + v * kLanes);
  } else {
    const F32v d = load_f16(reinterpret_cast<const std::uint16_t*>(unit) + v * kLanes);
    const std::size_t i = b % kL.unit_blocks;
    if constexpr (kL.mins) return d * load_u8(unit + 64 + i * 32 + v * kLanes);
    return d *
           load(reinterpret_cast<const std::int8_t*>(unit) + 32 + (2 * i + h) * 16 + v * kLanes);
  }
}
template <PackedType Type>
WATTLE_INLINE F32v min_of(const std::uint8_t* scales, std::size_t b, std::size_t h, std::size_t v) {
  constexpr const PackedLayout& kL = kLayout<Type>;
  const std::uint8_t* unit = scales + b / kL.unit_blocks * kL.scale_bytes;
  if constexpr (!kSuper<Type>) {
    return load_f16(reinterpret_cast<const std::uint16_t*>(unit) + (kParts<Type> + h) * kRowGroup +
                    v * kLanes);
  } else {
    const F32v d = load_f16(reinterpret_cast<const std::uint16_t*>(unit) + kRowGroup + v * kLanes);
    return d * load_u8(unit + 64 + b % kL.unit_blocks * 32 + 16 + v * kLanes);
  }
}

// What the integer sum of part `h` of a block starts from: minus zero·Σx.
template <PackedType Type>
WATTLE_INLINE std::int32_t first_sum(const ActivationBlock& x, std::size_t h) {
  constexpr const PackedLayout& kL = kLayout<Type>;
#if defined(WATTLE_SIGNED_256)
  if constexpr (kL.bits == 8) {
    static_assert(kL.zero == 128 || kL.mins);
    if constexpr (kL.zero == 128) return 0;
    return kL.halves ? -x.minus_128_half[h] : -x.minus_128_sum;
  }
#endif
  if constexpr (kL.zero == 0) return 0;
  if constexpr (kL.zero == 128) return kL.halves ? x.minus_128_half[h] : x.minus_128_sum;
  if constexpr (kL.zero == 8) return x.minus_8_sum;
  constexpr int kShift = kL.zero == 32 ? 2 : 3;  // 128 / zero; the sums are multiples of 128
  static_assert(kL.zero << kShift == 128 || kL.zero == 0 || kL.zero == 8 || kL.zero == 128);
  return (kL.halves ? x.minus_128_half[h] : x.minus_128_sum) >> kShift;
}
// d·Σx, which the minima are multiplied by.
template <PackedType Type>
WATTLE_INLINE F32v shift_of(const ActivationBlock& x, std::size_t h) {
  return splat(kLayout<Type>.halves ? x.half_shift[h] : x.shift);
}

}  // namespace
}  // namespace wattle::engine
