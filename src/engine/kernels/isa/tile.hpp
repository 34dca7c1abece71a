#pragma once
// Tiles of a packed product: vectors of rows by tokens, all sums in registers.
//
// AVX-VNNI's vector instructions, without loads, for 16 rows, a block of 32 columns and one token,
// as GCC 12 compiles them: one token 48 with q4 and 24 with q8, many tokens 24; 16 are vpdpbusd.

#include "engine/kernels/isa/panel.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

// --- a few tokens

// Sum over quads Begin … End − 1 for T tokens.
template <PackedType Type, std::size_t V, std::size_t T, std::size_t Begin, std::size_t End>
WATTLE_INLINE void add_quads(const std::uint8_t* const (&block)[V], const Vec<Type> (&rows)[V],
                             const ActivationBlock* x, std::size_t stride,
                             Dot<kLevels<Type>> (&dot)[V][T]) {
  if constexpr (Begin < End) {
    Bytes w[V];
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) w[v] = quad<Type, Begin>(block[v], rows[v].v);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      const Bytes four = splat_four(x[t * stride].q + 4 * Begin);
      WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) dot[v][t].add(w[v], four);
    }
    add_quads<Type, V, T, Begin + 1, End>(block, rows, x, stride, dot);
  }
}

template <PackedType Type, std::size_t V, std::size_t T, std::size_t H>
WATTLE_INLINE void add_part(const std::uint8_t* const (&block)[V], const Vec<Type> (&rows)[V],
                            std::size_t b, const ActivationBlock* x, std::size_t stride,
                            F32v (&sum)[V][T]) {
  constexpr std::size_t kPartQuads = kQuads / kParts<Type>;
  Dot<kLevels<Type>> dot[V][T];
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      dot[v][t].start(first_sum<Type>(x[t * stride], H));
    }
  }
  add_quads<Type, V, T, H * kPartQuads, (H + 1) * kPartQuads>(block, rows, x, stride, dot);
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    const F32v scale = scale_of<Type>(rows[v].scales, b, H, rows[v].v);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      sum[v][t] = engine::fma(dot[v][t].total(), scale * x[t * stride].d, sum[v][t]);
    }
    if constexpr (kLayout<Type>.mins) {
      const F32v min = min_of<Type>(rows[v].scales, b, H, rows[v].v);
      WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
        sum[v][t] = engine::fma(-min, shift_of<Type>(x[t * stride], H), sum[v][t]);
      }
    }
  }
}

// V vectors of rows from `row` on, for T tokens.
template <PackedType Type, std::size_t V, std::size_t T>
void multiply_vectors(const PackedRows& rows, std::size_t row, const Tokens& tokens) {
  Vec<Type> vec[V];
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) vec[v] = vec_at<Type>(rows, row + v * kLanes);
  F32v sum[V][T] = {};
  for (std::size_t b = 0; b < rows.n_blocks; ++b) {
    const std::uint8_t* block[V];
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      block[v] = vec[v].quants + b * kLayout<Type>.quant_bytes;
      if constexpr (V == 1) ask_ahead<T>(block[v], kLayout<Type>.quant_bytes);
    }
    if constexpr (V > 1) tokens.later.ask(b);
    add_part<Type, V, T, 0>(block, vec, b, tokens.x + b, tokens.stride, sum);
    if constexpr (kParts<Type> == 2) {
      add_part<Type, V, T, 1>(block, vec, b, tokens.x + b, tokens.stride, sum);
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
  for (std::size_t row = 0; row < rows.n_rows; row += kLanes) {
    multiply_vectors<Type, 1, T>(rows, row, tokens);
  }
}

// --- many tokens

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

}  // namespace
}  // namespace wattle::engine::WATTLE_ISA
