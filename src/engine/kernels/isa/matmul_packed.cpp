// Matrix times activations for packed weights and 8-bit activations: integer dot products of 32
// columns, scaled and added in F32, block after block. An output is computed by the same operations
// in the same order in every tile, so its bits do not depend on how many tokens there are.
//
// A few tokens (decoding): weights are unpacked in registers as they stream in from memory, which
// is the limit. Many (prefill, batches): either the same with two row groups at a time, or a chunk
// of a few rows is first unpacked to a panel in the cache; tiles of tokens stay in registers.
//
// AVX-512 on Zen 4: one 512-bit vpdpbusd, fma or mul a cycle, so 8 + 2 for a block of 16 rows: at
// most 80 % of the vpdpbusd rate; tiles of 32 rows and 6 tokens reach 77–79 %. One token: 97–103 %
// of the bandwidth that reading the same memory reaches.

#include "engine/kernels/isa/ops.hpp"
#if defined(WATTLE_NEON)
#include "engine/kernels/isa/tile_neon.hpp"
#else
#include "engine/kernels/isa/fixed_scales.hpp"
#include "engine/kernels/isa/tile.hpp"
#endif

namespace wattle::engine::WATTLE_ISA {
namespace {

template <PackedType Type, std::size_t V, std::size_t T = kTokensOf<Type>>
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
  const std::size_t n_tiles = (n_tokens + kTokensOf<Type> - 1) / kTokensOf<Type>;
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

#if defined(WATTLE_DIRECT)
template <PackedType Type, std::size_t V, std::size_t T = kTokensOf<Type>>
WATTLE_INLINE void multiply_vectors_of(std::size_t n_tokens, const PackedRows& rows,
                                       std::size_t row, const Tokens& tokens) {
  if constexpr (T > 0) {
    if (n_tokens == T) return multiply_vectors<Type, V, T>(rows, row, tokens);
    multiply_vectors_of<Type, V, T - 1>(n_tokens, rows, row, tokens);
  }
}

// Without a panel: row groups stay in the first-level cache as they are, the activations of a block
// of tokens in the second, and outputs are written once.
template <PackedType Type>
void multiply_direct(const PackedRows& rows, const Tokens& tokens, std::size_t n_tokens) {
  constexpr std::size_t kTokenBlock = 10 * kTileTokens;
  const std::size_t n_blocks = (n_tokens + kTokenBlock - 1) / kTokenBlock;
  for (std::size_t k = 0; k < n_blocks; ++k) {
    const std::size_t first = k * n_tokens / n_blocks;
    const std::size_t n = (k + 1) * n_tokens / n_blocks - first;
    const std::size_t n_tiles = (n + kTokensOf<Type> - 1) / kTokensOf<Type>;
    for (std::size_t row = 0; row < rows.n_rows; row += kTileRows) {
      // The tiles of these rows together ask for the next ones.
      const std::size_t later_bytes = kTileVecs * kLayout<Type>.quant_bytes / n_tiles + 1;
      const auto later = reinterpret_cast<std::uintptr_t>(
          vec_at<Type>(rows, row).quants + kTileVecs * rows.n_blocks * kLayout<Type>.quant_bytes);
      for (std::size_t i = 0; i < n_tiles; ++i) {
        const std::size_t begin = first + i * n / n_tiles;
        const std::size_t width = first + (i + 1) * n / n_tiles - begin;
        const Tokens tile = {tokens.x + begin * tokens.stride,
                             tokens.stride,
                             tokens.out + begin * tokens.out_stride,
                             tokens.out_stride,
                             {later + i * rows.n_blocks * later_bytes, later_bytes}};
        if (rows.n_rows - row > kLanes) {
          multiply_vectors_of<Type, kTileVecs>(width, rows, row, tile);
        } else {
          multiply_vectors_of<Type, 1>(width, rows, row, tile);
        }
      }
    }
  }
}
#endif

template <PackedType Type, std::size_t T = kNarrow>
WATTLE_INLINE void multiply(const PackedRows& rows, const Tokens& tokens, std::size_t n_tokens) {
  if constexpr (T == kNarrow) {
    if (n_tokens > kNarrow) {
#if defined(WATTLE_DIRECT)
      // Whole-number scales take more registers than there are: a panel is faster for many tokens.
      if constexpr (!kLayout<Type>.halves) {
        if (kLayout<Type>.unit_blocks == 1 || n_tokens <= 64)
          return multiply_direct<Type>(rows, tokens, n_tokens);
      }
#endif
      return multiply_wide<Type>(rows, tokens, n_tokens);
    }
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
