#pragma once
// Dot products for NEON; included by dot.hpp. Activations come 16 columns at a time: Dot::add<I>
// takes the I-th four of them, for which most instructions have an operand of their own, so that
// nothing is repeated over the lanes.

namespace wattle::engine {
namespace {

using Sixteen = int8x16_t;
WATTLE_INLINE Sixteen load_sixteen(const std::int8_t* x) {
  return vld1q_s8(x);
}

// operand(w) is what add() wants in place of the weights w: it is worked out once for all tokens.
#if defined(__ARM_FEATURE_MATMUL_INT8)

template <int Levels>
struct Dot {
  int32x4_t sum;
  WATTLE_INLINE void start(std::int32_t first) { sum = vdupq_n_s32(first); }
  WATTLE_INLINE static Bytes operand(Bytes w) { return w; }
  template <int I>
  WATTLE_INLINE void add(Bytes w, Sixteen x) {
    sum = vusdotq_laneq_s32(sum, w, x, I);
  }
  WATTLE_INLINE F32v total() const { return vcvtq_f32_s32(sum); }
};

#else

// Without an instruction for unsigned times signed, up to 128 levels are signed as they are; 256
// become w − 128. The 128·Σx that this leaves out are in `first` (see first_sum()).
#define WATTLE_SIGNED_256
template <int Levels>
WATTLE_INLINE Bytes signed_weights(Bytes w) {
  static_assert(Levels <= 128 || Levels == 256);
  return Levels == 256 ? w ^ 128 : w;
}

#if defined(__ARM_FEATURE_DOTPROD)

template <int Levels>
struct Dot {
  int32x4_t sum;
  WATTLE_INLINE void start(std::int32_t first) { sum = vdupq_n_s32(first); }
  WATTLE_INLINE static Bytes operand(Bytes w) { return signed_weights<Levels>(w); }
  template <int I>
  WATTLE_INLINE void add(Bytes w, Sixteen x) {
    sum = vdotq_laneq_s32(sum, vreinterpretq_s8_u8(w), x, I);
  }
  WATTLE_INLINE F32v total() const { return vcvtq_f32_s32(sum); }
};

#else

template <int I>
WATTLE_INLINE int8x16_t repeat_four(Sixteen x) {
  return vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), I));
}

// Products are added up in 16 bits, of each column by itself: at most 8·31·127 = 31,496 with 32
// levels in the eight quads of a block, 4·63·127 = 32,004 with 64 levels in four quads.
template <int Levels>
struct Dot {
  static_assert(Levels <= 64);
  int16x8_t low, high;  // rows 0 and 1, 2 and 3
  std::int32_t first;
  WATTLE_INLINE void start(std::int32_t value) {
    low = high = vdupq_n_s16(0);
    first = value;
  }
  WATTLE_INLINE static Bytes operand(Bytes w) { return w; }
  template <int I>
  WATTLE_INLINE void add(Bytes w, Sixteen x) {
    const int8x16_t weights = vreinterpretq_s8_u8(w);
    const int8x16_t four = repeat_four<I>(x);
    low = vmlal_s8(low, vget_low_s8(weights), vget_low_s8(four));
    high = vmlal_high_s8(high, weights, four);
  }
  WATTLE_INLINE F32v total() const {
    const int32x4_t sum = vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
    return vcvtq_f32_s32(vaddq_s32(sum, vdupq_n_s32(first)));
  }
};
// 256 levels: a pair of products is at most 2·128·127 = 32,512.
template <>
struct Dot<256> {
  int32x4_t sum;
  WATTLE_INLINE void start(std::int32_t first) { sum = vdupq_n_s32(first); }
  WATTLE_INLINE static Bytes operand(Bytes w) { return signed_weights<256>(w); }
  template <int I>
  WATTLE_INLINE void add(Bytes w, Sixteen x) {
    const int8x16_t weights = vreinterpretq_s8_u8(w);
    const int8x16_t four = repeat_four<I>(x);
    const int16x8_t low = vmull_s8(vget_low_s8(weights), vget_low_s8(four));
    sum = vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(weights, four)));
  }
  WATTLE_INLINE F32v total() const { return vcvtq_f32_s32(sum); }
};

#endif
#endif

}  // namespace
}  // namespace wattle::engine
