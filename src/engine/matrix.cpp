#include "engine/matrix.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

// Below this many multiplications one thread is faster than waking the others.
constexpr std::size_t kSerialWork = 1U << 20U;
// Rows a thread takes at a time.
constexpr std::size_t kItemRows = 128;

constexpr std::size_t group_bytes(TensorType type) {
  return type == TensorType::q4_0 ? 256 : 512;
}

std::size_t groups_of(std::size_t n_rows) {
  return (n_rows + kRowGroup - 1) / kRowGroup;
}

// One block of one row: the file's order within a block already is the interleaved one, four bytes
// at a time.
template <TensorType Type>
void pack_block(const std::byte* block, std::size_t row, std::uint8_t* quants,
                std::uint16_t* scales) {
  constexpr std::size_t kWords = Type == TensorType::q4_0 ? 4 : 8;
  std::memcpy(scales + row, block, 2);
  std::array<std::uint32_t, kWords> words;
  std::memcpy(words.data(), block + 2, sizeof words);
  for (std::size_t i = 0; i < kWords; ++i) {
    if constexpr (Type == TensorType::q8_0) words[i] ^= 0x80808080U;
    std::memcpy(quants + 64 * i + 4 * row, &words[i], 4);
  }
}

template <TensorType Type>
void pack_group(const Matrix& matrix, std::size_t group, std::uint8_t* quants,
                std::uint16_t* scales) {
  const std::size_t n_blocks = matrix.n_cols / kQuantBlock;
  const std::size_t block_bytes = info(Type).block_bytes;
  const std::size_t first = group * kRowGroup;
  const std::size_t n_rows = std::min(kRowGroup, matrix.n_rows - first);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const std::byte* block = matrix.rows + first * matrix.row_bytes + b * block_bytes;
    for (std::size_t r = 0; r < n_rows; ++r) {
      pack_block<Type>(block + r * matrix.row_bytes, r,
                       quants + (group * n_blocks + b) * group_bytes(Type),
                       scales + (group * n_blocks + b) * kRowGroup);
    }
  }
}

FloatRows float_rows(const Matrix& matrix, std::size_t begin, std::size_t end) {
  const FloatType type = matrix.type == TensorType::f32   ? FloatType::f32
                         : matrix.type == TensorType::f16 ? FloatType::f16
                                                          : FloatType::bf16;
  return {type, matrix.rows + begin * matrix.row_bytes, matrix.row_bytes, end - begin,
          matrix.n_cols};
}

PackedRows packed_rows(const Matrix& matrix, std::size_t begin, std::size_t end) {
  const std::size_t n_blocks = matrix.n_cols / kQuantBlock;
  const std::size_t group = begin / kRowGroup;
  return {matrix.type == TensorType::q4_0 ? PackedType::q4 : PackedType::q8,
          matrix.quants + group * n_blocks * group_bytes(matrix.type),
          matrix.scales + group * n_blocks * kRowGroup,
          groups_of(end - begin),
          n_blocks,
          end - begin};
}

// The largest tile for the tokens from `token` on; tiles need not know how many tokens precede.
std::size_t tile_width(std::size_t token_tile, std::size_t n_left) {
  return std::min(token_tile, std::bit_floor(n_left));
}

class Multiplication {
 public:
  Multiplication(const Compute& compute, const float* x, std::size_t n_cols, std::size_t n_tokens,
                 MatmulScratch& scratch)
      : compute_(compute), x_(x), n_cols_(n_cols), n_tokens_(n_tokens), scratch_(scratch) {}

  void quantize_activations() {
    const std::size_t n_blocks = n_cols_ / kQuantBlock;
    if (scratch_.activations.size() < n_blocks * n_tokens_) {
      scratch_.activations.resize(n_blocks * n_tokens_);
    }
    const std::size_t tile = compute_.kernels->token_tile;
    const std::size_t n_tiles = (n_tokens_ + tile - 1) / tile;
    const auto work = [&](std::size_t item, std::size_t) {
      const std::size_t end = std::min(n_tokens_, (item + 1) * tile);
      for (std::size_t t = item * tile; t < end;) {
        const std::size_t width = tile_width(tile, end - t);
        compute_.kernels->quantize_tile(x_ + t * n_cols_, n_cols_, width, n_blocks,
                                        &scratch_.activations[t * n_blocks]);
        t += width;
      }
    };
    if (n_tiles < 4) {
      for (std::size_t item = 0; item < n_tiles; ++item) work(item, 0);
    } else {
      compute_.pool->for_each(n_tiles, work);
    }
  }

  void rows(const Product& product, std::size_t begin, std::size_t end, std::size_t thread) const {
    const Matrix& matrix = *product.matrix;
    float* out = product.out + begin;
    if (matrix.is_packed()) {
      const std::size_t n_blocks = n_cols_ / kQuantBlock;
      for (std::size_t t = 0; t < n_tokens_;) {
        const std::size_t width = tile_width(compute_.kernels->token_tile, n_tokens_ - t);
        compute_.kernels->matmul_packed(packed_rows(matrix, begin, end),
                                        &scratch_.activations[t * n_blocks], width,
                                        out + t * product.out_stride, product.out_stride);
        t += width;
      }
    } else if (is_block_type(matrix.type)) {
      dequantized_rows(product, begin, end, thread);
    } else {
      compute_.kernels->matmul_float(float_rows(matrix, begin, end), x_, n_cols_, n_tokens_, out,
                                     product.out_stride);
    }
  }

  void reserve_dequantized() {
    const std::size_t n = static_cast<std::size_t>(compute_.pool->threads()) * kRowGroup * n_cols_;
    if (scratch_.dequantized.size() < n) scratch_.dequantized.resize(n);
  }

 private:
  // The exact path, and formats without a packed form: rows widened to F32, a group at a time.
  void dequantized_rows(const Product& product, std::size_t begin, std::size_t end,
                        std::size_t thread) const {
    const Matrix& matrix = *product.matrix;
    float* wide = &scratch_.dequantized[thread * kRowGroup * n_cols_];
    for (std::size_t first = begin; first < end; first += kRowGroup) {
      const std::size_t n = std::min(kRowGroup, end - first);
      for (std::size_t r = 0; r < n; ++r) {
        dequantize_row(matrix.type,
                       {matrix.rows + (first + r) * matrix.row_bytes, matrix.row_bytes},
                       {wide + r * n_cols_, n_cols_});
      }
      compute_.kernels->matmul_float({FloatType::f32, wide, n_cols_ * sizeof(float), n, n_cols_},
                                     x_, n_cols_, n_tokens_, product.out + first,
                                     product.out_stride);
    }
  }

  const Compute& compute_;
  const float* x_;
  std::size_t n_cols_;
  std::size_t n_tokens_;
  MatmulScratch& scratch_;
};

}  // namespace

bool can_pack(TensorType type) {
  return type == TensorType::q4_0 || type == TensorType::q8_0;
}

std::size_t packed_bytes(TensorType type, std::size_t n_rows, std::size_t n_cols) {
  const std::size_t n_blocks = groups_of(n_rows) * (n_cols / kQuantBlock);
  const std::size_t bytes = n_blocks * (group_bytes(type) + kRowGroup * sizeof(std::uint16_t));
  return (bytes + 63) / 64 * 64;
}

void pack(Matrix& matrix, std::byte* memory, ThreadPool& pool) {
  assert(can_pack(matrix.type) && matrix.n_cols % kQuantBlock == 0);
  const std::size_t n_groups = groups_of(matrix.n_rows);
  const std::size_t n_blocks = matrix.n_cols / kQuantBlock;
  auto* quants = reinterpret_cast<std::uint8_t*>(memory);
  auto* scales =
      reinterpret_cast<std::uint16_t*>(memory + n_groups * n_blocks * group_bytes(matrix.type));
  pool.for_each(n_groups, [&](std::size_t group, std::size_t) {
    if (matrix.type == TensorType::q4_0) {
      pack_group<TensorType::q4_0>(matrix, group, quants, scales);
    } else {
      pack_group<TensorType::q8_0>(matrix, group, quants, scales);
    }
  });
  matrix.quants = quants;
  matrix.scales = scales;
}

void multiply(const Compute& compute, std::span<const Product> products, const float* x,
              std::size_t n_tokens, MatmulScratch& scratch) {
  const std::size_t n_cols = products.front().matrix->n_cols;
  Multiplication multiplication(compute, x, n_cols, n_tokens, scratch);
  std::size_t n_items = 0;
  std::size_t n_rows = 0;
  bool packed = false;
  bool dequantize = false;
  for (const Product& product : products) {
    assert(product.matrix->n_cols == n_cols);
    n_rows += product.matrix->n_rows;
    n_items += (product.matrix->n_rows + kItemRows - 1) / kItemRows;
    packed |= product.matrix->is_packed();
    dequantize |= is_block_type(product.matrix->type) && !product.matrix->is_packed();
  }
  if (packed) multiplication.quantize_activations();
  if (dequantize) multiplication.reserve_dequantized();
  const auto work = [&](std::size_t item, std::size_t thread) {
    for (const Product& product : products) {
      const std::size_t items = (product.matrix->n_rows + kItemRows - 1) / kItemRows;
      if (item < items) {
        return multiplication.rows(product, item * kItemRows,
                                   std::min(product.matrix->n_rows, (item + 1) * kItemRows),
                                   thread);
      }
      item -= items;
    }
  };
  if (n_rows * n_cols * n_tokens < kSerialWork) {
    for (std::size_t item = 0; item < n_items; ++item) work(item, 0);
  } else {
    compute.pool->for_each(n_items, work);
  }
}

}  // namespace wattle::engine
