// Attention of consecutive positions: the query heads that share a KV head, of several tokens,
// against all positions that each token sees. Keys and values are widened to F32 a tile at a time,
// which all rows (a row: one head of one token) then use from the first-level cache.
//
// A row's score is one sum over the dimensions in order, its softmax one pass over its positions,
// its output one sum over positions in order: the bits depend neither on the other rows nor on the
// pages that positions lie in.
//
// AVX-512 on Zen 4, 64 dimensions: tiles of 32 keys by 6 rows and of 64 dimensions by 6 rows; over
// prompts of 512 tokens about 70 % of the fma rate, softmax included.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

#define WATTLE_UNROLL _Pragma("GCC unroll 16")

// Vectors of keys, or of dimensions of values, by rows, that stay in registers.
#if defined(__AVX512F__)
constexpr std::size_t kKeyVecs = 2, kKeyRows = 6;
constexpr std::size_t kValueVecs = 4, kValueRows = 6;
#elif defined(__AVX2__)
constexpr std::size_t kKeyVecs = 2, kKeyRows = 5;
constexpr std::size_t kValueVecs = 4, kValueRows = 3;
#else
constexpr std::size_t kKeyVecs = 4, kKeyRows = 4;
constexpr std::size_t kValueVecs = 4, kValueRows = 4;
#endif

// Positions a token sees: begin … end − 1. Keys come in groups: `group` is where that of `begin`
// starts.
struct Seen {
  std::size_t group, begin, end;
};
WATTLE_INLINE Seen seen_by(const AttentionArgs& a, std::size_t token) {
  const std::size_t end = a.n_positions + token;
  const std::size_t begin = a.window == 0 || end <= a.window ? 0 : end - a.window;
  return {begin / kKeyGroup * kKeyGroup, begin, end};
}

struct Rows {
  const AttentionArgs& a;
  float* mixed;  // [n_rows, value_stride]
  float* tile;   // [kAttentionTile, value_stride]
  [[nodiscard]] std::size_t n() const { return a.n_tokens * a.n_q; }
  [[nodiscard]] Seen seen(std::size_t row) const { return seen_by(a, row / a.n_q); }
  [[nodiscard]] std::size_t offset(std::size_t row) const {
    return row / a.n_q * a.token_stride + row % a.n_q * a.head_stride;
  }
  [[nodiscard]] float* scores(std::size_t row) const { return a.scratch + row * a.score_stride; }
};

// Calls run(page, i, p, n) for each run of positions p … p + n − 1 that lie in one page, from its
// i-th position on, at most `most` of them.
template <class Run>
WATTLE_INLINE void for_each_run(const AttentionArgs& a, std::size_t begin, std::size_t end,
                                std::size_t most, Run&& run) {
  for (std::size_t p = begin; p < end;) {
    const std::size_t i = p % a.page_positions;
    std::size_t n = a.page_positions - i < end - p ? a.page_positions - i : end - p;
    n = n < most ? n : most;
    run(a.pages[p / a.page_positions], i, p, n);
    p += n;
  }
}

// Calls run.template operator()<T>(first) for tiles of rows, of sizes T ≤ Most that differ by one
// at most.
template <std::size_t T, class Run>
WATTLE_INLINE void run_tile(std::size_t n, std::size_t first, Run& run) {
  if constexpr (T > 0) {
    if (n == T) {
      run.template operator()<T>(first);
    } else {
      run_tile<T - 1>(n, first, run);
    }
  }
}
template <std::size_t Most, class Run>
WATTLE_INLINE void for_each_tile(std::size_t n_rows, Run&& run) {
  const std::size_t n_tiles = (n_rows + Most - 1) / Most;
  for (std::size_t i = 0; i < n_tiles; ++i) {
    const std::size_t first = i * n_rows / n_tiles;
    run_tile<Most>((i + 1) * n_rows / n_tiles - first, first, run);
  }
}

template <class Element>
WATTLE_INLINE void widen(const Element* from, std::size_t n, float* to) {
  for (std::size_t i = 0; i < n; i += kLanes) store(to + i, load(from + i));
}

// --- scores[row, p] = scale · q[row]·k[p]

// V vectors of keys, in a tile [head_dim, width], for T rows from `first` on.
template <std::size_t V, std::size_t T>
WATTLE_INLINE void score_tile(const Rows& rows, std::size_t first, const float* keys,
                              std::size_t width, const float* key_scales, std::size_t p) {
  const AttentionArgs& a = rows.a;
  const float* q[T];
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) q[t] = a.q + rows.offset(first + t);
  F32v sum[T][V] = {};
  for (std::size_t d = 0; d < a.head_dim; ++d) {
    F32v k[V];
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) k[v] = load(keys + d * width + v * kLanes);
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      const F32v x = splat(q[t][d]);
      WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) sum[t][v] = engine::fma(x, k[v], sum[t][v]);
    }
  }
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      F32v score = sum[t][v] * a.scale;
      if (key_scales != nullptr) score *= load(key_scales + v * kLanes);
      if (a.softcap > 0.0F) score = a.softcap * engine::tanh(score / a.softcap);
      store(rows.scores(first + t) + p + v * kLanes, score);
    }
  }
}

template <class Element>
void score(const Rows& rows) {
  const AttentionArgs& a = rows.a;
  const std::size_t end = a.n_positions + a.n_tokens - 1;
  const auto tile = [&rows, &a](const std::byte* page, std::size_t i, std::size_t p,
                                std::size_t n) {
    const auto* keys = reinterpret_cast<const Element*>(page + a.keys) + i * a.head_dim;
    const std::size_t n_groups = (n + kKeyGroup - 1) / kKeyGroup;
    const std::size_t width = n_groups * kKeyGroup;
    for (std::size_t g = 0; g < n_groups; ++g) {
      for (std::size_t d = 0; d < a.head_dim; ++d) {
        widen(keys + (g * a.head_dim + d) * kKeyGroup, kKeyGroup,
              rows.tile + d * width + g * kKeyGroup);
      }
    }
    const float* scales =
        sizeof(Element) == 1 ? reinterpret_cast<const float*>(page + a.key_scales) + i : nullptr;
    for_each_tile<kKeyRows>(rows.n(), [&]<std::size_t T>(std::size_t first) {
      std::size_t at = 0;
      for (; at + kKeyVecs * kLanes <= width; at += kKeyVecs * kLanes) {
        score_tile<kKeyVecs, T>(rows, first, rows.tile + at, width,
                                scales == nullptr ? nullptr : scales + at, p + at);
      }
      for (; at < width; at += kLanes) {
        score_tile<1, T>(rows, first, rows.tile + at, width,
                         scales == nullptr ? nullptr : scales + at, p + at);
      }
    });
  };
  for_each_run(a, seen_by(a, 0).group, end, kAttentionTile, tile);
}

// --- softmax, without the division

// In place: exp(score − max), without the first `skip` of n. Returns the sum.
float exponentiate(float* scores, std::size_t skip, std::size_t n) {
  constexpr float kLowest = -3.402823466e+38F;
  const std::size_t padded = (n + kKeyGroup - 1) / kKeyGroup * kKeyGroup;
  for (std::size_t i = 0; i < skip; ++i) scores[i] = kLowest;
  for (std::size_t i = n; i < padded; ++i) scores[i] = kLowest;
  F32v largest = splat(kLowest);
  for (std::size_t i = 0; i < padded; i += kLanes) largest = vector_max(load(scores + i), largest);
  const float max = max_lanes(largest);
  F32v sum{};
  for (std::size_t i = 0; i < padded; i += kLanes) {
    const F32v e = engine::exp(load(scores + i) - max);
    store(scores + i, e);
    sum += e;
  }
  return sum_lanes(sum);
}

// weights[p] ·= scale of the value at p
void scale_weights(const AttentionArgs& a, const Seen& seen, float* weights) {
  for_each_run(a, seen.begin, seen.end, a.page_positions,
               [&a, weights](const std::byte* page, std::size_t i, std::size_t p, std::size_t n) {
                 const auto* scales = reinterpret_cast<const float*>(page + a.value_scales) + i;
                 for (std::size_t j = 0; j < n; ++j) weights[p + j] *= scales[j];
               });
}

// --- mixed[row] = Σ_p weight[row, p] · v[p]

// Positions p … p + n − 1, whose values are [n, value_stride], for T rows and V vectors of
// dimensions from `d` on.
template <std::size_t V, std::size_t T>
WATTLE_INLINE void mix_vectors(const Rows& rows, std::size_t first, const float* values,
                               std::size_t p, std::size_t n, std::size_t d) {
  const std::size_t stride = rows.a.value_stride;
  const float* weights[T];
  F32v mixed[T][V];
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    weights[t] = rows.scores(first + t) + p;
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      mixed[t][v] = load(rows.mixed + (first + t) * stride + d + v * kLanes);
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    F32v value[V];
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      value[v] = load(values + j * stride + d + v * kLanes);
    }
    WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
      const F32v w = splat(weights[t][j]);
      WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
        mixed[t][v] = engine::fma(w, value[v], mixed[t][v]);
      }
    }
  }
  WATTLE_UNROLL for (std::size_t t = 0; t < T; ++t) {
    WATTLE_UNROLL for (std::size_t v = 0; v < V; ++v) {
      store(rows.mixed + (first + t) * stride + d + v * kLanes, mixed[t][v]);
    }
  }
}
template <std::size_t T>
void mix_positions(const Rows& rows, std::size_t first, const float* values, std::size_t p,
                   std::size_t n) {
  std::size_t d = 0;
  for (; d + kValueVecs * kLanes <= rows.a.value_stride; d += kValueVecs * kLanes) {
    mix_vectors<kValueVecs, T>(rows, first, values, p, n, d);
  }
  for (; d < rows.a.value_stride; d += kLanes) mix_vectors<1, T>(rows, first, values, p, n, d);
}

// The positions of a tile that all T rows see are taken together, those that only some see, at
// either end, row by row: what a row does not see is not touched, not even with weight zero.
template <std::size_t T>
void mix_rows(const Rows& rows, std::size_t first, const float* values, std::size_t p,
              std::size_t n) {
  const auto part = [&](std::size_t begin, std::size_t end, auto&& run) {
    const std::size_t from = begin > p ? begin : p;
    const std::size_t to = end < p + n ? end : p + n;
    if (from < to) run(values + (from - p) * rows.a.value_stride, from, to - from);
  };
  // Rows are in the order of their tokens: the last begins last, the first ends first.
  const std::size_t begin = rows.seen(first + T - 1).begin;
  const std::size_t end = rows.seen(first).end;
  const auto alone = [&rows](std::size_t row) {
    return [&rows, row](const float* v, std::size_t at, std::size_t count) {
      mix_positions<1>(rows, row, v, at, count);
    };
  };
  if (begin >= end) {
    for (std::size_t t = 0; t < T; ++t) {
      const Seen seen = rows.seen(first + t);
      part(seen.begin, seen.end, alone(first + t));
    }
    return;
  }
  for (std::size_t t = 0; t + 1 < T; ++t) {
    part(rows.seen(first + t).begin, begin, alone(first + t));
  }
  part(begin, end, [&rows, first](const float* v, std::size_t at, std::size_t count) {
    mix_positions<T>(rows, first, v, at, count);
  });
  for (std::size_t t = 1; t < T; ++t) part(end, rows.seen(first + t).end, alone(first + t));
}

template <class Element>
void mix(const Rows& rows) {
  const AttentionArgs& a = rows.a;
  const std::size_t end = a.n_positions + a.n_tokens - 1;
  for_each_run(a, seen_by(a, 0).begin, end, kAttentionTile,
               [&](const std::byte* page, std::size_t i, std::size_t p, std::size_t n) {
                 widen(reinterpret_cast<const Element*>(page + a.values) + i * a.value_stride,
                       n * a.value_stride, rows.tile);
                 for_each_tile<kValueRows>(rows.n(), [&]<std::size_t T>(std::size_t first) {
                   mix_rows<T>(rows, first, rows.tile, p, n);
                 });
               });
}

template <class Element>
void attend(const AttentionArgs& a) {
  float* mixed = a.scratch + a.n_tokens * a.n_q * a.score_stride;
  const Rows rows = {a, mixed, mixed + a.n_tokens * a.n_q * a.value_stride};
  score<Element>(rows);
  float sums[kMaxAttentionRows];
  for (std::size_t r = 0; r < rows.n(); ++r) {
    const Seen seen = rows.seen(r);
    sums[r] =
        exponentiate(rows.scores(r) + seen.group, seen.begin - seen.group, seen.end - seen.group);
    if constexpr (sizeof(Element) == 1) scale_weights(a, seen, rows.scores(r));
  }
  for (std::size_t i = 0; i < rows.n() * a.value_stride; i += kLanes) store(mixed + i, F32v{});
  mix<Element>(rows);
  for (std::size_t r = 0; r < rows.n(); ++r) {
    float* out = a.out + rows.offset(r);
    for (std::size_t d = 0; d < a.head_dim; d += kLanes) {
      const F32v result = load(mixed + r * a.value_stride + d) / sums[r];
      if (d + kLanes <= a.head_dim) {
        store(out + d, result);
      } else {
        store_part(out + d, result, a.head_dim - d);
      }
    }
  }
}

}  // namespace

void attention(const AttentionArgs& args) {
  switch (args.element) {
    case KvElement::f32:
      return attend<float>(args);
    case KvElement::f16:
      return attend<std::uint16_t>(args);
    case KvElement::i8:
      return attend<std::int8_t>(args);
  }
}

}  // namespace wattle::engine::WATTLE_ISA
