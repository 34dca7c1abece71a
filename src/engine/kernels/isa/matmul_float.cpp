// Matrix times activations for F32, F16 and BF16 weights, activations F32. Each output has one
// vector of partial sums over the columns, whatever the tile it is computed in.

#include "engine/kernels/isa/ops.hpp"
#include "engine/kernels/isa/simd.hpp"

namespace wattle::engine::WATTLE_ISA {
namespace {

struct F32Weight {
  using Element = float;
  static F32v vector(const float* p) { return load(p); }
  static float scalar(const float* p) { return *p; }
};
struct F16Weight {
  using Element = std::uint16_t;
  static F32v vector(const std::uint16_t* p) { return load_f16(p); }
  static float scalar(const std::uint16_t* p) {
    std::uint16_t lane[kLanes] = {*p};
    float value[kLanes];
    store(value, load_f16(lane));
    return value[0];
  }
};
struct Bf16Weight {
  using Element = std::uint16_t;
  static F32v vector(const std::uint16_t* p) { return load_bf16(p); }
  static float scalar(const std::uint16_t* p) {
    const std::uint32_t bits = static_cast<std::uint32_t>(*p) << 16U;
    float value = 0;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
  }
};

struct Tile {
  const char* weights;
  std::size_t row_bytes, n_cols;
  const float* x;
  std::size_t x_stride;
  float* out;
  std::size_t out_stride;
};

template <class Weight, std::size_t R, std::size_t T>
void multiply_tile(const Tile& tile) {
  using Element = typename Weight::Element;
  const auto row = [&tile](std::size_t r) {
    return reinterpret_cast<const Element*>(tile.weights + r * tile.row_bytes);
  };
  F32v sum[R][T] = {};
  std::size_t c = 0;
  for (; c + kLanes <= tile.n_cols; c += kLanes) {
    F32v x[T];
    for (std::size_t t = 0; t < T; ++t) x[t] = load(tile.x + t * tile.x_stride + c);
    for (std::size_t r = 0; r < R; ++r) {
      const F32v w = Weight::vector(row(r) + c);
      for (std::size_t t = 0; t < T; ++t) sum[r][t] = engine::fma(w, x[t], sum[r][t]);
    }
  }
  for (std::size_t r = 0; r < R; ++r) {
    for (std::size_t t = 0; t < T; ++t) {
      float total = sum_lanes(sum[r][t]);
      for (std::size_t j = c; j < tile.n_cols; ++j) {
        total += Weight::scalar(row(r) + j) * tile.x[t * tile.x_stride + j];
      }
      tile.out[t * tile.out_stride + r] = total;
    }
  }
}

// Tokens are taken in blocks whose activations stay in the second-level cache, and in tiles whose
// sums stay in registers.
#if defined(__AVX512F__)
constexpr std::size_t kTokenBlock = 48;
constexpr std::size_t kRows = 4, kTokens = 6;
#elif defined(__AVX2__)
constexpr std::size_t kTokenBlock = 48;
constexpr std::size_t kRows = 3, kTokens = 4;
#else
constexpr std::size_t kTokenBlock = 64;
constexpr std::size_t kRows = 4, kTokens = 4;
#endif

constexpr std::size_t kStreamRows = 8;  // of one token: weights come from memory

// T ≤ kTokens tokens.
template <class Weight, std::size_t R, std::size_t T = kTokens>
void multiply_tokens(const Tile& tile, std::size_t n) {
  if constexpr (T > 0) {
    if (n == T) return multiply_tile<Weight, R, T>(tile);
    multiply_tokens<Weight, R, T - 1>(tile, n);
  }
}

template <class Weight>
void multiply(const FloatRows& rows, const float* x, std::size_t x_stride, std::size_t n_tokens,
              float* out, std::size_t out_stride) {
  const auto tile = [&](std::size_t r, std::size_t t) {
    return Tile{static_cast<const char*>(rows.data) + r * rows.row_bytes,
                rows.row_bytes,
                rows.n_cols,
                x + t * x_stride,
                x_stride,
                out + t * out_stride + r,
                out_stride};
  };
  for (std::size_t begin = 0; begin < n_tokens; begin += kTokenBlock) {
    const std::size_t n = begin + kTokenBlock < n_tokens ? kTokenBlock : n_tokens - begin;
    const std::size_t n_tiles = (n + kTokens - 1) / kTokens;
    std::size_t r = 0;
    if (n_tokens == 1) {
      for (; r + kStreamRows <= rows.n_rows; r += kStreamRows) {
        multiply_tile<Weight, kStreamRows, 1>(tile(r, 0));
      }
    }
    for (; r + kRows <= rows.n_rows; r += kRows) {
      for (std::size_t i = 0; i < n_tiles; ++i) {
        const std::size_t t = i * n / n_tiles;
        multiply_tokens<Weight, kRows>(tile(r, begin + t), (i + 1) * n / n_tiles - t);
      }
    }
    for (; r < rows.n_rows; ++r) {
      for (std::size_t i = 0; i < n_tiles; ++i) {
        const std::size_t t = i * n / n_tiles;
        multiply_tokens<Weight, 1>(tile(r, begin + t), (i + 1) * n / n_tiles - t);
      }
    }
  }
}

}  // namespace

void matmul_float(const FloatRows& rows, const float* x, std::size_t x_stride, std::size_t n_tokens,
                  float* out, std::size_t out_stride) {
  switch (rows.type) {
    case FloatType::f32:
      return multiply<F32Weight>(rows, x, x_stride, n_tokens, out, out_stride);
    case FloatType::f16:
      return multiply<F16Weight>(rows, x, x_stride, n_tokens, out, out_stride);
    case FloatType::bf16:
      return multiply<Bf16Weight>(rows, x, x_stride, n_tokens, out, out_stride);
  }
}

}  // namespace wattle::engine::WATTLE_ISA
