#pragma once
// What the tiles of a packed product work on: tokens, vectors of rows, unpacked panels.

#include "engine/kernels/isa/packed_types.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

#define WATTLE_UNROLL _Pragma("GCC unroll 16")

// Tile of many tokens: kTileVecs vectors of rows by kTileTokens tokens.
#if defined(__AVX512VNNI__)
constexpr std::size_t kTileVecs = 2;
constexpr std::size_t kTileTokens = 6;
constexpr std::size_t kNarrow = 10;  // up to so many tokens, weights are unpacked in registers
// Weights without scales for halves are unpacked in registers for any number of tokens: that takes
// 24 of 144 instructions of a tile, most on pipes that have nothing else to do, and no panel has to
// be written and read.
#define WATTLE_DIRECT
#elif defined(__AVX2__)
// 16 registers: 6 sums in integers, 6 in floats, 2 of weights, 1 of activations. AVX-VNNI needs as
// many; it is its instructions that are fewer.
constexpr std::size_t kTileVecs = 2;
constexpr std::size_t kTileTokens = 3;
constexpr std::size_t kNarrow = 4;
#elif defined(__ARM_FEATURE_MATMUL_INT8) && defined(WATTLE_NEON)
// usmmla takes two tokens at a time. 32 registers: 8 sums in integers, 8 in floats; more tokens
// would save loads only, and those are fewer than the arithmetic.
#define WATTLE_PAIRED_ROWS
constexpr std::size_t kTileVecs = 4;
constexpr std::size_t kTileTokens = 2;
constexpr std::size_t kNarrow = 3;
#elif defined(__ARM_FEATURE_DOTPROD) && defined(WATTLE_NEON)
// 32 registers: 12 sums in integers, 12 in floats, 3 of activations, 1 of weights.
constexpr std::size_t kTileVecs = 4;
constexpr std::size_t kTileTokens = 3;
constexpr std::size_t kNarrow = 3;
#else
constexpr std::size_t kTileVecs = 4;
constexpr std::size_t kTileTokens = 2;
constexpr std::size_t kNarrow = 2;
#endif
constexpr std::size_t kTileRows = kTileVecs * kLanes;
template <PackedType Type>
constexpr std::size_t kTokensOf = kTileTokens;
#if defined(__AVX512VNNI__)
template <>  // the sums of both halves are kept until they are scaled
constexpr std::size_t kTokensOf<PackedType::q6_super> = 5;
#endif
// Columns of a chunk, in blocks; a multiple of 8. A panel of tiles below 512 bits is 20 KiB with 32
// blocks: it stays in first-level caches of 32 KiB, and the activations of 256 tokens take 512 KiB.
#if defined(__AVX512VNNI__)
constexpr std::size_t kChunkBlocks = 64;
#else
constexpr std::size_t kChunkBlocks = 32;
#endif

// Asks for the weights that come some time after a block, for T tokens. For one or two they go
// past the outer caches; the activations of more would push them out of the first level.
template <std::size_t T>
WATTLE_INLINE void ask_ahead([[maybe_unused]] const std::uint8_t* block,
                             [[maybe_unused]] std::size_t bytes) {
#if defined(__AVX512F__)
  for (std::size_t i = 0; i < bytes; i += 64) {
    if constexpr (T <= 2) {
      __builtin_prefetch(block + 4096 + i, 0, 0);
    } else {
      __builtin_prefetch(block + 8192 + i, 0, 2);
    }
  }
#endif
}

// Weights that are multiplied later: asked for, into the second-level cache, in equal parts by each
// block of a tile. An address alone is asked for, so it may lie beyond the matrix.
struct Later {
  std::uintptr_t at = 0;
  std::size_t block_bytes = 0;  // by a block
  WATTLE_INLINE void ask(std::size_t block) const {
    const std::uintptr_t begin = at + block * block_bytes;
    for (std::uintptr_t line = begin & ~std::uintptr_t{63}; line < begin + block_bytes;
         line += 64) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr)
      __builtin_prefetch(reinterpret_cast<const void*>(line), 0, 2);
    }
  }
};

struct Tokens {
  const ActivationBlock* x;  // [n, stride]
  std::size_t stride;
  float* out;
  std::size_t out_stride;
  Later later{};
};

// Row group `g`, its vector v.
template <PackedType Type>
struct Vec {
  const std::uint8_t* quants;
  const std::uint8_t* scales;
  std::size_t v;
};
template <PackedType Type>
WATTLE_INLINE Vec<Type> vec_at(const PackedRows& rows, std::size_t row) {
  constexpr const PackedLayout& kL = kLayout<Type>;
  const std::size_t group = row / kRowGroup;
  return {rows.quants + group * rows.n_blocks * kL.quant_bytes,
          rows.scales + group * (rows.n_blocks / kL.unit_blocks) * kL.scale_bytes,
          row % kRowGroup / kLanes};
}

WATTLE_INLINE void store_rows(float* out, F32v v, std::size_t n) {
  if (n >= kLanes) {
    store(out, v);
  } else {
    store_part(out, v, n);
  }
}

// Unpacked weights of a tile's rows. Types without minima get zero 128 where theirs has no sum of
// its own among the activations.
template <PackedType Type>
constexpr PackedType kPanelType =
    kLayout<Type>.mins       ? (kLayout<Type>.halves ? PackedType::q8_halves_min : Type)
    : kLayout<Type>.halves   ? PackedType::q8_halves
    : Type == PackedType::q5 ? PackedType::q8
                             : Type;
template <PackedType Type>
constexpr int kPanelZero = kLayout<kPanelType<Type>>.zero;
template <PackedType Type>
constexpr int kPanelOffset = kPanelZero<Type> - kLayout<Type>.zero;

// How the panel keeps what the tile multiplies with. In pairs of rows, each pair of quads becomes
// eight columns of rows 0 and 1, then of rows 2 and 3, and every scale stands there twice.
#if defined(WATTLE_PAIRED_ROWS)
constexpr std::size_t kScaleLanes = 2 * kLanes;
WATTLE_INLINE void store_quads(std::uint8_t* even, std::uint8_t* odd, Bytes a, Bytes b) {
  store_bytes(even, (Bytes)vzip1q_u32((U32v)a, (U32v)b));
  store_bytes(odd, (Bytes)vzip2q_u32((U32v)a, (U32v)b));
}
WATTLE_INLINE void store_scale(float* to, F32v scale) {
  store(to, vzip1q_f32(scale, scale));
  store(to + kLanes, vzip2q_f32(scale, scale));
}
#else
constexpr std::size_t kScaleLanes = kLanes;
WATTLE_INLINE void store_quads(std::uint8_t* even, std::uint8_t* odd, Bytes a, Bytes b) {
  store_bytes(even, a);
  store_bytes(odd, b);
}
WATTLE_INLINE void store_scale(float* to, F32v scale) {
  store(to, scale);
}
#endif

// One block of columns: [quad][vec], then scales [part][vec], then minima likewise.
template <PackedType Type>
struct PanelBlock {
  static constexpr std::size_t kParts = wattle::engine::kParts<Type>;
  static constexpr std::size_t kMins = kLayout<Type>.mins ? kParts : 0;
  alignas(64) std::uint8_t q[kQuads][kTileVecs][kVecBytes];
  alignas(64) float scale[kParts][kTileVecs][kScaleLanes];
  alignas(64) float min[kMins + (kMins == 0)][kTileVecs][kScaleLanes];
};

WATTLE_INLINE Bytes add_offset(Bytes v, int offset) {
  using U8v = std::uint8_t __attribute__((vector_size(sizeof(Bytes))));
  return (Bytes)((U8v)v + static_cast<std::uint8_t>(offset));
}

// Quad I as the tile multiplies it.
template <PackedType Type, std::size_t I>
WATTLE_INLINE Bytes panel_quad(const std::uint8_t* block, std::size_t v) {
  const Bytes w = add_offset(quad<Type, I>(block, v), kPanelOffset<Type>);
#if defined(WATTLE_NEON)
  return Dot<kLevels<kPanelType<Type>>>::operand(w);
#else
  return w;
#endif
}

template <PackedType Type, std::size_t I = 0>
WATTLE_INLINE void unpack_quads(const std::uint8_t* block, std::size_t v, std::size_t to,
                                PanelBlock<Type>& out) {
  if constexpr (I < kQuads) {
    store_quads(out.q[I][to], out.q[I + 1][to], panel_quad<Type, I>(block, v),
                panel_quad<Type, I + 1>(block, v));
    unpack_quads<Type, I + 2>(block, v, to, out);
  }
}

template <PackedType Type>
void unpack(const Vec<Type>& vec, std::size_t begin, std::size_t n, std::size_t to,
            PanelBlock<Type>* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t b = begin + i;
    const std::uint8_t* block = vec.quants + b * kLayout<Type>.quant_bytes;
    unpack_quads<Type>(block, vec.v, to, out[i]);
    for (std::size_t h = 0; h < kParts<Type>; ++h) {
      store_scale(out[i].scale[h][to], scale_of<Type>(vec.scales, b, h, vec.v));
      if constexpr (kLayout<Type>.mins) {
        store_scale(out[i].min[h][to], min_of<Type>(vec.scales, b, h, vec.v));
      }
    }
  }
}

}  // namespace
}  // namespace wattle::engine::WATTLE_ISA
