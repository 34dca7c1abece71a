#pragma once
// Tiles of a packed product for NEON. A few tokens take whole groups of 16 rows, so that each
// activation loaded serves four vectors.
//
// Vector instructions, without loads, for 16 rows, a block of 32 columns and one token, as GCC 12
// compiles them; in brackets the multiplications of bytes among them:
//               one q4    one q8    many q4   many q8
//   neon        137 (64)  188 (64)  101 (64)  153 (64)
//   dot product  84 (32)   84 (32)   49 (32)   49 (32)
//   i8mm         84 (32)   52 (32)   38 (16)   38 (16)

#include "engine/kernels/isa/panel.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

// --- a few tokens

// Sum over quads I … End − 1 for T tokens and all rows of a group; x[t]: their 16 columns.
template <PackedType Type, std::size_t T, std::size_t I, std::size_t End>
WATTLE_INLINE void add_quads(const std::uint8_t* block, const Sixteen (&x)[T],
                             Dot<kLevels<Type>> (&dot)[T][kVecs]) {
  if constexpr (I < End) {
    WATTLE_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
      const Bytes w = Dot<kLevels<Type>>::operand(quad<Type, I>(block, v));
      WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) dot[t][v].template add<I % 4>(w, x[t]);
    }
    add_quads<Type, T, I + 1, End>(block, x, dot);
  }
}

template <std::size_t T>
WATTLE_INLINE void load_columns(const ActivationBlock* x, std::size_t stride, std::size_t half,
                                Sixteen (&columns)[T]) {
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    columns[t] = load_sixteen(x[t * stride].q + 16 * half);
  }
}

template <PackedType Type, std::size_t T, std::size_t H>
WATTLE_INLINE void add_part(const std::uint8_t* block, const std::uint8_t* scales, std::size_t b,
                            const ActivationBlock* x, std::size_t stride, F32v (&sum)[T][kVecs]) {
  Dot<kLevels<Type>> dot[T][kVecs];
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    WATTLE_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
      dot[t][v].start(first_sum<Type>(x[t * stride], H));
    }
  }
  Sixteen columns[T];
  load_columns(x, stride, H, columns);
  add_quads<Type, T, 4 * H, 4 * H + 4>(block, columns, dot);
  if constexpr (kParts<Type> == 1) {
    load_columns(x, stride, 1, columns);
    add_quads<Type, T, 4, 8>(block, columns, dot);
  }
  WATTLE_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
    const F32v scale = scale_of<Type>(scales, b, H, v);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      sum[t][v] = engine::fma(dot[t][v].total(), scale * x[t * stride].d, sum[t][v]);
    }
    if constexpr (kLayout<Type>.mins) {
      const F32v min = min_of<Type>(scales, b, H, v);
      WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
        sum[t][v] = engine::fma(-min, shift_of<Type>(x[t * stride], H), sum[t][v]);
      }
    }
  }
}

template <PackedType Type, std::size_t T>
void multiply_narrow(const PackedRows& rows, const Tokens& tokens) {
  for (std::size_t row = 0; row < rows.n_rows; row += kRowGroup) {
    const Vec<Type> group = vec_at<Type>(rows, row);
    F32v sum[T][kVecs] = {};
    for (std::size_t b = 0; b < rows.n_blocks; ++b) {
      const std::uint8_t* block = group.quants + b * kLayout<Type>.quant_bytes;
      add_part<Type, T, 0>(block, group.scales, b, tokens.x + b, tokens.stride, sum);
      if constexpr (kParts<Type> == 2) {
        add_part<Type, T, 1>(block, group.scales, b, tokens.x + b, tokens.stride, sum);
      }
    }
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      float* out = tokens.out + t * tokens.out_stride;
      WATTLE_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
        const std::size_t at = row + v * kLanes;
        if (at < rows.n_rows) store_rows(out + at, sum[t][v], rows.n_rows - at);
      }
    }
  }
}

// --- many tokens

#if defined(WATTLE_PAIRED_ROWS)

// usmmla multiplies two rows by two tokens, eight columns at a time: [r0·t0, r0·t1, r1·t0, r1·t1].
// Sums, scales and minima stay in that order until the chunk is done.
WATTLE_INLINE F32v pair_of(float first, float second) {
  const float32x2_t pair = {first, second};
  return vcombine_f32(pair, pair);
}
WATTLE_INLINE int32x4_t pair_of(std::int32_t first, std::int32_t second) {
  const int32x2_t pair = {first, second};
  return vcombine_s32(pair, pair);
}

// Rows: a tile. out [T, out_stride] is added to, unless the chunk is the first.
template <PackedType Type, std::size_t V, std::size_t T>
void multiply_tile(const PanelBlock<Type>* panel, std::size_t n_blocks, const Tokens& tokens,
                   bool first) {
  static_assert(T == 1 || T == 2);
  constexpr std::size_t kPartColumns = kQuantBlock / kParts<Type>;
  constexpr PackedType kAs = kPanelType<Type>;
  // A single token is its own neighbour.
  const std::size_t to_second = T == 2 ? tokens.stride : 0;
  float* second_out = tokens.out + (T == 2 ? tokens.out_stride : 0);
  F32v sum[V][2];
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    const F32v a = first ? F32v{} : load(tokens.out + v * kLanes);
    const F32v b = first ? F32v{} : load(second_out + v * kLanes);
    sum[v][0] = vzip1q_f32(a, b);
    sum[v][1] = vzip2q_f32(a, b);
  }
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const PanelBlock<Type>& w = panel[b];
    const ActivationBlock& x0 = tokens.x[b];
    const ActivationBlock& x1 = tokens.x[b + to_second];
    const F32v d = pair_of(x0.d, x1.d);
    WATTLE_UNROLL for (std::size_t h = 0; h < kParts<Type>; ++h) {
      int32x4_t dot[V][2];
      const int32x4_t start = pair_of(first_sum<kAs>(x0, h), first_sum<kAs>(x1, h));
      WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) dot[v][0] = dot[v][1] = start;
      WATTLE_UNROLL for (std::size_t c = h * kPartColumns; c < (h + 1) * kPartColumns; c += 16) {
        const int64x2_t a = vreinterpretq_s64_s8(load_sixteen(x0.q + c));
        const int64x2_t e = vreinterpretq_s64_s8(load_sixteen(x1.q + c));
        const Sixteen eight[2] = {vreinterpretq_s8_s64(vzip1q_s64(a, e)),
                                  vreinterpretq_s8_s64(vzip2q_s64(a, e))};
        WATTLE_UNROLL for (std::size_t i = 0; i < 4; ++i) {
          WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
            dot[v][i % 2] =
                vusmmlaq_s32(dot[v][i % 2], load_bytes(w.q[c / 4 + i][v]), eight[i / 2]);
          }
        }
      }
      WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
        WATTLE_UNROLL for (std::size_t i = 0; i < 2; ++i) {
          const F32v scale = load(w.scale[h][v] + i * kLanes);
          sum[v][i] = engine::fma(vcvtq_f32_s32(dot[v][i]), scale * d, sum[v][i]);
        }
      }
      if constexpr (kLayout<Type>.mins) {
        const F32v shift = pair_of(shift_of<Type>(x0, h)[0], shift_of<Type>(x1, h)[0]);
        WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
          WATTLE_UNROLL for (std::size_t i = 0; i < 2; ++i) {
            sum[v][i] = engine::fma(-load(w.min[h][v] + i * kLanes), shift, sum[v][i]);
          }
        }
      }
    }
  }
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    store(tokens.out + v * kLanes, vuzp1q_f32(sum[v][0], sum[v][1]));
    if constexpr (T == 2) store(second_out + v * kLanes, vuzp2q_f32(sum[v][0], sum[v][1]));
  }
}

#else

// Quads 4·H … 4·H + 3; x[t]: their columns.
template <PackedType Type, std::size_t H, std::size_t V, std::size_t T, std::size_t I = 0>
WATTLE_INLINE void add_panel_quads(const PanelBlock<Type>& w, const Sixteen (&x)[T],
                                   Dot<kLevels<kPanelType<Type>>> (&dot)[T][V]) {
  if constexpr (I < 4) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      const Bytes weights = load_bytes(w.q[4 * H + I][v]);
      WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) dot[t][v].template add<I>(weights, x[t]);
    }
    add_panel_quads<Type, H, V, T, I + 1>(w, x, dot);
  }
}

template <PackedType Type, std::size_t H, std::size_t V, std::size_t T>
WATTLE_INLINE void add_panel_part(const PanelBlock<Type>& w, const ActivationBlock* x,
                                  std::size_t stride, F32v (&sum)[T][V]) {
  constexpr PackedType kAs = kPanelType<Type>;
  Dot<kLevels<kAs>> dot[T][V];
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      dot[t][v].start(first_sum<kAs>(x[t * stride], H));
    }
  }
  Sixteen columns[T];
  load_columns(x, stride, H, columns);
  add_panel_quads<Type, H>(w, columns, dot);
  if constexpr (kParts<Type> == 1) {
    load_columns(x, stride, 1, columns);
    add_panel_quads<Type, 1>(w, columns, dot);
  }
  WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
    const F32v scale = load(w.scale[H][v]);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      sum[t][v] = engine::fma(dot[t][v].total(), scale * x[t * stride].d, sum[t][v]);
    }
    if constexpr (kLayout<Type>.mins) {
      const F32v min = load(w.min[H][v]);
      WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
        sum[t][v] = engine::fma(-min, shift_of<Type>(x[t * stride], H), sum[t][v]);
      }
    }
  }
}

// Rows: a tile. out [T, out_stride] is added to, unless the chunk is the first.
template <PackedType Type, std::size_t V, std::size_t T>
void multiply_tile(const PanelBlock<Type>* panel, std::size_t n_blocks, const Tokens& tokens,
                   bool first) {
  F32v sum[T][V];
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      sum[t][v] = first ? F32v{} : load(tokens.out + t * tokens.out_stride + v * kLanes);
    }
  }
  for (std::size_t b = 0; b < n_blocks; ++b) {
    add_panel_part<Type, 0>(panel[b], tokens.x + b, tokens.stride, sum);
    if constexpr (kParts<Type> == 2) {
      add_panel_part<Type, 1>(panel[b], tokens.x + b, tokens.stride, sum);
    }
  }
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      store(tokens.out + t * tokens.out_stride + v * kLanes, sum[t][v]);
    }
  }
}

#endif

}  // namespace
}  // namespace wattle::engine::WATTLE_ISA
