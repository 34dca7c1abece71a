// Matrix times activations for packed weights and 8-bit activations: integer dot products of 32
// columns, scaled and added in F32, block after block. An output is computed by the same operations
// in the same order in every tile, so its bits do not depend on how many tokens there are.
//
// A few tokens (decoding): weights are unpacked in registers as they stream in from memory, which
// is the limit. Many (prefill, batches): a chunk of a few rows is unpacked into the first-level
// cache once, and all tokens pass over it in tiles that stay in registers.
//
// AVX-512 on Zen 4: one 512-bit vpdpbusd, fma or mul a cycle, so 8 + 2 for a block of 16 rows: at
// most 80 % of the vpdpbusd rate; the tile of 32 rows and 6 tokens reaches 77–79 %.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/packed_types.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

#define WATTLE_UNROLL _Pragma("GCC unroll 16")

// Tile of many tokens: kTileVecs vectors of rows by kTileTokens tokens.
#if defined(__AVX512VNNI__)
constexpr std::size_t kTileVecs = 2;
constexpr std::size_t kTileTokens = 6;
constexpr std::size_t kNarrow = 4;  // up to so many tokens, weights are unpacked in registers
#elif defined(__AVX2__)
constexpr std::size_t kTileVecs = 2;
constexpr std::size_t kTileTokens = 3;
constexpr std::size_t kNarrow = 2;
#else
constexpr std::size_t kTileVecs = 4;
constexpr std::size_t kTileTokens = 2;
constexpr std::size_t kNarrow = 2;
#endif
constexpr std::size_t kNarrowVecs = 1;
constexpr std::size_t kTileRows = kTileVecs * kLanes;
constexpr std::size_t kChunkBlocks = 64;  // columns of a chunk, in blocks; a multiple of 8
// How far ahead of the arithmetic weights are asked for.
[[maybe_unused]] constexpr std::size_t kPrefetchBytes = 4096;

struct Tokens {
  const ActivationBlock* x;  // [n, stride]
  std::size_t stride;
  float* out;
  std::size_t out_stride;
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

// --- a few tokens

// Sum over quads Begin … End − 1 for T tokens.
template <PackedType Type, std::size_t T, std::size_t Begin, std::size_t End>
WATTLE_INLINE void add_quads(const std::uint8_t* block, std::size_t v, const ActivationBlock* x,
                             std::size_t stride, Dot<kLevels<Type>>* dot) {
  if constexpr (Begin < End) {
    const Bytes w = quad<Type, Begin>(block, v);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      dot[t].add(w, splat_four(x[t * stride].q + 4 * Begin));
    }
    add_quads<Type, T, Begin + 1, End>(block, v, x, stride, dot);
  }
}

template <PackedType Type, std::size_t T, std::size_t H>
WATTLE_INLINE void add_part(const std::uint8_t* block, const Vec<Type>& rows, std::size_t b,
                            const ActivationBlock* x, std::size_t stride, F32v* sum) {
  constexpr std::size_t kPartQuads = kQuads / kParts<Type>;
  Dot<kLevels<Type>> dot[T];
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) dot[t].start(first_sum<Type>(x[t * stride], H));
  add_quads<Type, T, H * kPartQuads, (H + 1) * kPartQuads>(block, rows.v, x, stride, dot);
  const F32v scale = scale_of<Type>(rows.scales, b, H, rows.v);
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    sum[t] = engine::fma(dot[t].total(), scale * x[t * stride].d, sum[t]);
  }
  if constexpr (kLayout<Type>.mins) {
    const F32v min = min_of<Type>(rows.scales, b, H, rows.v);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      sum[t] = engine::fma(-min, shift_of<Type>(x[t * stride], H), sum[t]);
    }
  }
}

// V vectors of rows from `row` on. Each row group is a stream of its own for the prefetchers.
template <PackedType Type, std::size_t V, std::size_t T>
void multiply_vectors(const PackedRows& rows, std::size_t row, const Tokens& tokens) {
  Vec<Type> vec[V];
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) vec[v] = vec_at<Type>(rows, row + v * kLanes);
  F32v sum[V][T] = {};
  for (std::size_t b = 0; b < rows.n_blocks; ++b) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      const std::uint8_t* block = vec[v].quants + b * kLayout<Type>.quant_bytes;
#if defined(__AVX512F__)
      for (std::size_t i = 0; i < kLayout<Type>.quant_bytes; i += 64) {
        __builtin_prefetch(block + kPrefetchBytes + i, 0, 0);
      }
#endif
      add_part<Type, T, 0>(block, vec[v], b, tokens.x + b, tokens.stride, sum[v]);
      if constexpr (kParts<Type> == 2) {
        add_part<Type, T, 1>(block, vec[v], b, tokens.x + b, tokens.stride, sum[v]);
      }
    }
  }
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      store_rows(tokens.out + t * tokens.out_stride + row + v * kLanes, sum[v][t],
                 rows.n_rows - row - v * kLanes);
    }
  }
}

template <PackedType Type, std::size_t T>
void multiply_narrow(const PackedRows& rows, const Tokens& tokens) {
  std::size_t row = 0;
  for (; row + kNarrowVecs * kLanes <= rows.n_rows; row += kNarrowVecs * kLanes) {
    multiply_vectors<Type, kNarrowVecs, T>(rows, row, tokens);
  }
  for (; row < rows.n_rows; row += kLanes) multiply_vectors<Type, 1, T>(rows, row, tokens);
}

// --- many tokens

// Unpacked weights of a tile's rows. Types without minima get zero 128 where theirs has no sum of
// its own among the activations.
template <PackedType Type>
constexpr PackedType kPanelType =
    kLayout<Type>.mins       ? (kLayout<Type>.halves ? PackedType::q8_halves_min : Type)
    : kLayout<Type>.halves   ? PackedType::q8_halves
    : Type == PackedType::q5 ? PackedType::q8
                             : Type;
template <PackedType Type>
constexpr int kPanelOffset = kLayout<kPanelType<Type>>.zero - kLayout<Type>.zero;

// One block of columns: [quad][vec], then scales [part][vec], then minima likewise.
template <PackedType Type>
struct PanelBlock {
  static constexpr std::size_t kParts = wattle::engine::kParts<Type>;
  static constexpr std::size_t kMins = kLayout<Type>.mins ? kParts : 0;
  alignas(64) std::uint8_t q[kQuads][kTileVecs][kVecBytes];
  alignas(64) float scale[kParts][kTileVecs][kLanes];
  alignas(64) float min[kMins + (kMins == 0)][kTileVecs][kLanes];
};

WATTLE_INLINE Bytes add_offset(Bytes v, int offset) {
  using U8v = std::uint8_t __attribute__((vector_size(sizeof(Bytes))));
  return (Bytes)((U8v)v + static_cast<std::uint8_t>(offset));
}

template <PackedType Type, std::size_t I = 0>
WATTLE_INLINE void unpack_quads(const std::uint8_t* block, std::size_t v, std::size_t to,
                                PanelBlock<Type>& out) {
  if constexpr (I < kQuads) {
    store_bytes(out.q[I][to], add_offset(quad<Type, I>(block, v), kPanelOffset<Type>));
    unpack_quads<Type, I + 1>(block, v, to, out);
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
      store(out[i].scale[h][to], scale_of<Type>(vec.scales, b, h, vec.v));
      if constexpr (kLayout<Type>.mins) {
        store(out[i].min[h][to], min_of<Type>(vec.scales, b, h, vec.v));
      }
    }
  }
}

// Rows: a tile. out [T, out_stride] is added to, unless the chunk is the first.
template <PackedType Type, std::size_t V, std::size_t T>
void multiply_tile(const PanelBlock<Type>* panel, std::size_t n_blocks, const Tokens& tokens,
                   bool first) {
  constexpr std::size_t kPartQuads = kQuads / kParts<Type>;
  constexpr PackedType kAs = kPanelType<Type>;
  F32v sum[T][V];
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      sum[t][v] = first ? F32v{} : load(tokens.out + t * tokens.out_stride + v * kLanes);
    }
  }
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const PanelBlock<Type>& w = panel[b];
    const ActivationBlock* x = tokens.x + b;
    WATTLE_UNROLL for (std::size_t h = 0; h < kParts<Type>; ++h) {
      Dot<kLevels<kAs>> dot[T][V];
      WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
        WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
          dot[t][v].start(first_sum<kAs>(x[t * tokens.stride], h));
        }
      }
      WATTLE_UNROLL for (std::size_t i = h * kPartQuads; i < (h + 1) * kPartQuads; ++i) {
        Bytes weights[V];
        WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) weights[v] = load_bytes(w.q[i][v]);
        WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
          const Bytes four = splat_four(x[t * tokens.stride].q + 4 * i);
          WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) dot[t][v].add(weights[v], four);
        }
      }
      WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
        const F32v scale = load(w.scale[h][v]);
        WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
          sum[t][v] = engine::fma(dot[t][v].total(), scale * x[t * tokens.stride].d, sum[t][v]);
        }
        if constexpr (kLayout<Type>.mins) {
          const F32v min = load(w.min[h][v]);
          WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
            sum[t][v] = engine::fma(-min, shift_of<Type>(x[t * tokens.stride], h), sum[t][v]);
          }
        }
      }
    }
  }
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      store(tokens.out + t * tokens.out_stride + v * kLanes, sum[t][v]);
    }
  }
}

template <PackedType Type, std::size_t V, std::size_t T = kTileTokens>
WATTLE_INLINE void multiply_tile_of(std::size_t n, const PanelBlock<Type>* panel,
                                    std::size_t n_blocks, const Tokens& tokens, bool first) {
  if constexpr (T > 0) {
    if (n == T) return multiply_tile<Type, V, T>(panel, n_blocks, tokens, first);
    multiply_tile_of<Type, V, T - 1>(n, panel, n_blocks, tokens, first);
  }
}

// Blocks b … b + n − 1 of V vectors of rows from `row` on, which are at `tokens.out`.
template <PackedType Type, std::size_t V>
void multiply_chunk(const PackedRows& rows, std::size_t row, std::size_t b, std::size_t n,
                    const Tokens& tokens, std::size_t n_tokens) {
  PanelBlock<Type> panel[kChunkBlocks];
  for (std::size_t v = 0; v < V; ++v) {
    unpack<Type>(vec_at<Type>(rows, row + v * kLanes), b, n, v, panel);
  }
  const std::size_t n_tiles = (n_tokens + kTileTokens - 1) / kTileTokens;
  for (std::size_t i = 0; i < n_tiles; ++i) {  // of sizes that differ by one at most
    const std::size_t begin = i * n_tokens / n_tiles;
    const std::size_t end = (i + 1) * n_tokens / n_tiles;
    multiply_tile_of<Type, V>(end - begin, panel, n,
                              {tokens.x + begin * tokens.stride + b, tokens.stride,
                               tokens.out + begin * tokens.out_stride, tokens.out_stride},
                              b == 0);
  }
}

// Calls run(b, n) for each chunk of blocks.
template <class Run>
WATTLE_INLINE void for_each_chunk(const PackedRows& rows, Run&& run) {
  for (std::size_t b = 0; b < rows.n_blocks; b += kChunkBlocks) {
    const std::size_t left = rows.n_blocks - b;
    run(b, left < kChunkBlocks ? left : kChunkBlocks);
  }
}

// The last rows, fewer than a tile: by way of a buffer that a tile fits in.
template <PackedType Type>
void multiply_last_rows(const PackedRows& rows, std::size_t row, const Tokens& tokens,
                        std::size_t n_tokens) {
  constexpr std::size_t kTokens = 8 * kTileTokens;
  alignas(64) float buffer[kTokens * kTileRows];
  const std::size_t n_rows = rows.n_rows - row;
  for (std::size_t t = 0; t < n_tokens; t += kTokens) {
    const std::size_t n = n_tokens - t < kTokens ? n_tokens - t : kTokens;
    const Tokens part = {tokens.x + t * tokens.stride, tokens.stride, buffer, kTileRows};
    for_each_chunk(rows, [&](std::size_t b, std::size_t n_blocks) {
      if (n_rows <= kLanes) {
        multiply_chunk<Type, 1>(rows, row, b, n_blocks, part, n);
      } else {
        multiply_chunk<Type, kTileVecs>(rows, row, b, n_blocks, part, n);
      }
    });
    for (std::size_t i = 0; i < n; ++i) {
      float* out = tokens.out + (t + i) * tokens.out_stride;
      for (std::size_t r = 0; r < n_rows; ++r) out[r] = buffer[i * kTileRows + r];
    }
  }
}

// Chunk by chunk, so that the activations of one stay in the second-level cache for all rows.
template <PackedType Type>
void multiply_wide(const PackedRows& rows, const Tokens& tokens, std::size_t n_tokens) {
  const std::size_t whole = rows.n_rows / kTileRows * kTileRows;
  for_each_chunk(rows, [&](std::size_t b, std::size_t n) {
    for (std::size_t row = 0; row < whole; row += kTileRows) {
      const Tokens here = {tokens.x, tokens.stride, tokens.out + row, tokens.out_stride};
      multiply_chunk<Type, kTileVecs>(rows, row, b, n, here, n_tokens);
    }
  });
  if (whole < rows.n_rows) {
    const Tokens here = {tokens.x, tokens.stride, tokens.out + whole, tokens.out_stride};
    multiply_last_rows<Type>(rows, whole, here, n_tokens);
  }
}

template <PackedType Type, std::size_t T = kNarrow>
WATTLE_INLINE void multiply(const PackedRows& rows, const Tokens& tokens, std::size_t n_tokens) {
  if constexpr (T == kNarrow) {
    if (n_tokens > kNarrow) return multiply_wide<Type>(rows, tokens, n_tokens);
  }
  if constexpr (T > 0) {
    if (n_tokens == T) return multiply_narrow<Type, T>(rows, tokens);
    multiply<Type, T - 1>(rows, tokens, n_tokens);
  }
}

}  // namespace

void matmul_packed(const PackedRows& rows, const ActivationBlock* x, std::size_t n_tokens,
                   float* out, std::size_t out_stride) {
  const Tokens tokens = {x, rows.n_blocks, out, out_stride};
  switch (rows.type) {
    case PackedType::q4:
      return multiply<PackedType::q4>(rows, tokens, n_tokens);
    case PackedType::q5:
      return multiply<PackedType::q5>(rows, tokens, n_tokens);
    case PackedType::q8:
      return multiply<PackedType::q8>(rows, tokens, n_tokens);
    case PackedType::q4_min:
      return multiply<PackedType::q4_min>(rows, tokens, n_tokens);
    case PackedType::q5_min:
      return multiply<PackedType::q5_min>(rows, tokens, n_tokens);
    case PackedType::q8_halves:
      return multiply<PackedType::q8_halves>(rows, tokens, n_tokens);
    case PackedType::q8_halves_min:
      return multiply<PackedType::q8_halves_min>(rows, tokens, n_tokens);
    case PackedType::q4_super:
      return multiply<PackedType::q4_super>(rows, tokens, n_tokens);
    case PackedType::q5_super:
      return multiply<PackedType::q5_super>(rows, tokens, n_tokens);
    case PackedType::q6_super:
      return multiply<PackedType::q6_super>(rows, tokens, n_tokens);
    case PackedType::q4_min_128:
      return multiply<PackedType::q4_min_128>(rows, tokens, n_tokens);
  }
}

}  // namespace wattle::engine::WATTLE_ISA
