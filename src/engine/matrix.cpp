#include "engine/matrix.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include "engine/quant.hpp"
#include "engine/quant/blocks.hpp"

namespace wattle::engine {
namespace {

// Below this many multiplications one thread is faster than waking the others.
constexpr std::size_t kSerialWork = 1U << 20U;
// Rows a thread takes at a time.
constexpr std::size_t kItemRows = 128;

// How a block format is packed.
PackedType packed_type(const BlockFormat& format) {
  if (format.halves) {
    return format.has_mins ? PackedType::q8_halves_min : PackedType::q8_halves;
  }
  if (format.has_mins) return format.nibbles ? PackedType::q4_min : PackedType::q8_min;
  return format.nibbles ? PackedType::q4 : PackedType::q8;
}

// Of one block of 32 columns of a row group.
struct GroupLayout {
  std::size_t quant_bytes;
  std::size_t n_scales;  // the minima included
};
GroupLayout layout_of(TensorType type) {
  const BlockFormat& format = *block_format(type);
  const bool nibbles = format.nibbles && !format.halves;
  return {nibbles ? 256U : 512U,
          kRowGroup * (format.halves ? 2U : 1U) * (format.has_mins ? 2U : 1U)};
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
  const std::size_t quant_bytes = layout_of(Type).quant_bytes;
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const std::byte* block = matrix.rows + first * matrix.row_bytes + b * block_bytes;
    for (std::size_t r = 0; r < n_rows; ++r) {
      pack_block<Type>(block + r * matrix.row_bytes, r,
                       quants + (group * n_blocks + b) * quant_bytes,
                       scales + (group * n_blocks + b) * kRowGroup);
    }
  }
}

// Any format, one sub-block of one row; `quants` and `scales` are those of the group's block.
void pack_sub_block(const BlockFormat& format, const SubBlock& from, std::size_t row,
                    std::uint8_t* quants, std::uint16_t* scales) {
  const auto at = [row](std::size_t column) { return 64 * (column / 4) + 4 * row + column % 4; };
  if (format.nibbles && !format.halves) {
    for (std::size_t c = 0; c < kQuantBlock / 2; ++c) {
      quants[at(c)] = static_cast<std::uint8_t>(from.q[c] | (from.q[c + 16] << 4U));
    }
  } else {
    const int offset = format.has_mins ? 0 : 128 - format.zero;
    for (std::size_t c = 0; c < kQuantBlock; ++c) {
      quants[at(c)] = static_cast<std::uint8_t>(from.q[c] + offset);
    }
  }
  const std::size_t n_parts = format.halves ? 2 : 1;
  for (std::size_t h = 0; h < n_parts; ++h) {
    scales[h * kRowGroup + row] = f32_to_f16(from.scale[h]);
    if (format.has_mins) scales[(n_parts + h) * kRowGroup + row] = f32_to_f16(from.min[h]);
  }
}

void pack_group_of_any(const Matrix& matrix, std::size_t group, std::uint8_t* quants,
                       std::uint16_t* scales) {
  const BlockFormat& format = *block_format(matrix.type);
  const TensorTypeInfo& type = info(matrix.type);
  const GroupLayout layout = layout_of(matrix.type);
  const std::size_t n_blocks = matrix.n_cols / kQuantBlock;
  const std::size_t n_subs = type.block_elements / kSubBlock;
  const std::size_t first = group * kRowGroup;
  SubBlock sub_block;
  for (std::size_t r = 0; r < std::min(kRowGroup, matrix.n_rows - first); ++r) {
    const std::byte* row = matrix.rows + (first + r) * matrix.row_bytes;
    for (std::size_t b = 0; b < n_blocks; ++b) {
      format.read(row + b / n_subs * type.block_bytes, b % n_subs, sub_block);
      pack_sub_block(format, sub_block, r, quants + (group * n_blocks + b) * layout.quant_bytes,
                     scales + (group * n_blocks + b) * layout.n_scales);
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
  const GroupLayout layout = layout_of(matrix.type);
  const std::size_t n_blocks = matrix.n_cols / kQuantBlock;
  const std::size_t group = begin / kRowGroup;
  return {packed_type(*block_format(matrix.type)),
          matrix.quants + group * n_blocks * layout.quant_bytes,
          matrix.scales + group * n_blocks * layout.n_scales,
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
  // The exact path: rows widened to F32, a group at a time.
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
  return is_block_type(type);
}

std::size_t packed_bytes(TensorType type, std::size_t n_rows, std::size_t n_cols) {
  const GroupLayout layout = layout_of(type);
  const std::size_t n_blocks = groups_of(n_rows) * (n_cols / kQuantBlock);
  const std::size_t bytes =
      n_blocks * (layout.quant_bytes + layout.n_scales * sizeof(std::uint16_t));
  return (bytes + 63) / 64 * 64;
}

void pack(Matrix& matrix, std::byte* memory, ThreadPool& pool) {
  assert(can_pack(matrix.type) && matrix.n_cols % kQuantBlock == 0);
  const std::size_t n_groups = groups_of(matrix.n_rows);
  const std::size_t n_blocks = matrix.n_cols / kQuantBlock;
  auto* quants = reinterpret_cast<std::uint8_t*>(memory);
  auto* scales = reinterpret_cast<std::uint16_t*>(memory + n_groups * n_blocks *
                                                               layout_of(matrix.type).quant_bytes);
  pool.for_each(n_groups, [&](std::size_t group, std::size_t) {
    if (matrix.type == TensorType::q4_0) {
      pack_group<TensorType::q4_0>(matrix, group, quants, scales);
    } else if (matrix.type == TensorType::q8_0) {
      pack_group<TensorType::q8_0>(matrix, group, quants, scales);
    } else {
      pack_group_of_any(matrix, group, quants, scales);
    }
  });
  matrix.quants = quants;
  matrix.scales = scales;
}

PackedRows packed_rows(const Matrix& matrix) {
  return packed_rows(matrix, 0, matrix.n_rows);
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
