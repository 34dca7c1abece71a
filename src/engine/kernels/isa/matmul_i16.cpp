// Matrix times activations in 16-bit integers: exact sums of 32 products by vpdpwssd, scaled and
// added in F32, block after block. An output is computed by the same operations in the same order
// in every tile, so its bits do not depend on how many tokens there are.
//
// Zen 4: one 512-bit vpdpwssd, fma or mul a cycle, so 16 + 2 for 16 rows and 32 columns: at most
// 89 % of the vpdpwssd rate, which is half that of bytes and twice that of F32; 82–88 % is reached.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

#if defined(__AVX512VNNI__)

namespace wattle::engine::WATTLE_ISA {
namespace {

#define WATTLE_UNROLL _Pragma("GCC unroll 16")

constexpr std::size_t kPairs = kQuantBlock / 2;
static_assert(kLanes == kRowGroup);

// Tile of many tokens: kTileVecs row groups by kTileTokens tokens.
constexpr std::size_t kTileVecs = 2;
constexpr std::size_t kTileTokens = 6;
// Of so many tokens and blocks of columns the activations stay in the second-level cache (261 kB).
constexpr std::size_t kTokenBlock = 10 * kTileTokens;
constexpr std::size_t kChunkBlocks = 64;
// How far ahead of the arithmetic the weights of one token are asked for. With more tokens the
// hardware's own prefetch of two streams reaches the same bandwidth.
constexpr std::size_t kPrefetch = 4096;

struct Tokens {
  const ActivationBlockI16* x;  // [n, stride]
  std::size_t stride;
  float* out;
  std::size_t out_stride;
};

// Row groups from `row` on, blocks begin … end − 1.
struct Part {
  const RowsI16& rows;
  std::size_t row, begin, end;
};

WATTLE_INLINE __m512i splat_pair(const std::int16_t* x) {
  std::int32_t pair = 0;
  __builtin_memcpy(&pair, x, sizeof pair);
  return _mm512_set1_epi32(pair);
}
WATTLE_INLINE F32v scales(const std::uint8_t* exponents) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(exponents));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu8_epi32(bytes), 23));
}

// A block of columns.
template <std::size_t V, std::size_t T>
WATTLE_INLINE void add_block(const std::int16_t* const (&w)[V],
                             const std::uint8_t* const (&exponents)[V], const ActivationBlockI16* x,
                             std::size_t stride, F32v (&sum)[V][T]) {
  __m512i dot[V][T] = {};
  WATTLE_UNROLL for (std::size_t i = 0; i < kPairs; ++i) {
    __m512i weights[V];
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      weights[v] = _mm512_load_si512(w[v] + i * 2 * kRowGroup);
    }
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      const __m512i pair = splat_pair(x[t * stride].q + 2 * i);
      WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
        dot[v][t] = _mm512_dpwssd_epi32(dot[v][t], weights[v], pair);
      }
    }
  }
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    const F32v scale = scales(exponents[v]);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      sum[v][t] =
          engine::fma(_mm512_cvtepi32_ps(dot[v][t]), scale * x[t * stride].scale, sum[v][t]);
    }
  }
}

// V row groups by T tokens. What blocks before `begin` gave is in `out`.
template <std::size_t V, std::size_t T>
void multiply_tile(const Part& part, const Tokens& tokens) {
  const RowsI16& rows = part.rows;
  const std::int16_t* w[V];
  const std::uint8_t* exponents[V];
  __mmask16 exist[V];
  F32v sum[V][T];
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    const std::size_t first = part.row + v * kRowGroup;
    const std::size_t block = first / kRowGroup * rows.n_blocks + part.begin;
    w[v] = rows.quants + block * kRowGroup * kQuantBlock;
    exponents[v] = rows.exponents + block * kRowGroup;
    const std::size_t left = rows.n_rows - first;
    exist[v] = static_cast<__mmask16>(left < kRowGroup ? (1U << left) - 1U : 0xFFFFU);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      const float* out = tokens.out + t * tokens.out_stride + first;
      sum[v][t] = part.begin == 0 ? F32v{} : _mm512_maskz_loadu_ps(exist[v], out);
    }
  }
  const ActivationBlockI16* x = tokens.x + part.begin;
  for (std::size_t b = part.begin; b < part.end; ++b, ++x) {
    for (std::size_t i = 0; V == 1 && T == 1 && i < kPairs; ++i) {
      __builtin_prefetch(reinterpret_cast<const char*>(w[0]) + kPrefetch + 64 * i, 0, 0);
    }
    add_block<V, T>(w, exponents, x, tokens.stride, sum);
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      w[v] += kRowGroup * kQuantBlock;
      exponents[v] += kRowGroup;
    }
  }
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      float* out = tokens.out + t * tokens.out_stride + part.row + v * kRowGroup;
      _mm512_mask_storeu_ps(out, exist[v], sum[v][t]);
    }
  }
}

template <std::size_t V, std::size_t T>
WATTLE_INLINE void multiply_tile_of(std::size_t n_tokens, const Part& part, const Tokens& tokens) {
  if constexpr (T > 0) {
    if (n_tokens == T) return multiply_tile<V, T>(part, tokens);
    multiply_tile_of<V, T - 1>(n_tokens, part, tokens);
  }
}

void multiply_one(const RowsI16& rows, const Tokens& token) {
  for (std::size_t row = 0; row < rows.n_rows; row += kRowGroup) {
    multiply_tile<1, 1>({rows, row, 0, rows.n_blocks}, token);
  }
}

// One or two row groups for all tokens of a block, in tiles that differ by one token at most.
WATTLE_INLINE void multiply_groups(const Part& part, const Tokens& tokens, std::size_t n_tokens) {
  const std::size_t n_tiles = (n_tokens + kTileTokens - 1) / kTileTokens;
  for (std::size_t i = 0; i < n_tiles; ++i) {
    const std::size_t begin = i * n_tokens / n_tiles;
    const std::size_t width = (i + 1) * n_tokens / n_tiles - begin;
    const Tokens tile = {tokens.x + begin * tokens.stride, tokens.stride,
                         tokens.out + begin * tokens.out_stride, tokens.out_stride};
    if (part.rows.n_rows - part.row > kRowGroup) {
      multiply_tile_of<kTileVecs, kTileTokens>(width, part, tile);
    } else {
      multiply_tile_of<1, kTileTokens>(width, part, tile);
    }
  }
}

void multiply_many(const RowsI16& rows, const Tokens& tokens, std::size_t n_tokens) {
  const std::size_t n = (n_tokens + kTokenBlock - 1) / kTokenBlock;
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t first = k * n_tokens / n;
    const Tokens here = {tokens.x + first * tokens.stride, tokens.stride,
                         tokens.out + first * tokens.out_stride, tokens.out_stride};
    for (std::size_t b = 0; b < rows.n_blocks; b += kChunkBlocks) {
      const std::size_t end = b + kChunkBlocks < rows.n_blocks ? b + kChunkBlocks : rows.n_blocks;
      for (std::size_t row = 0; row < rows.n_rows; row += kTileVecs * kRowGroup) {
        multiply_groups({rows, row, b, end}, here, (k + 1) * n_tokens / n - first);
      }
    }
  }
}

}  // namespace

void matmul_i16(const RowsI16& rows, const ActivationBlockI16* x, std::size_t n_tokens, float* out,
                std::size_t out_stride) {
  const Tokens tokens = {x, rows.n_blocks, out, out_stride};
  if (n_tokens == 1) return multiply_one(rows, tokens);
  multiply_many(rows, tokens, n_tokens);
}

}  // namespace wattle::engine::WATTLE_ISA

#endif
