#include "engine/matrix.hpp"

#include <algorithm>
#include <cassert>

#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

// Below this many multiplications one thread is faster than waking the others.
constexpr std::size_t kSerialWork = 1U << 20U;
// Fewer tokens than this are quantised by one thread.
constexpr std::size_t kSerialTokens = 4;
// Rows a thread takes at a time.
constexpr std::size_t kItemRows = 128;

FloatRows float_rows(const Matrix& matrix, std::size_t begin, std::size_t end) {
  const FloatType type = matrix.type == TensorType::f32   ? FloatType::f32
                         : matrix.type == TensorType::f16 ? FloatType::f16
                                                          : FloatType::bf16;
  return {type, matrix.rows + begin * matrix.row_bytes, matrix.row_bytes, end - begin,
          matrix.n_cols};
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
    const auto work = [&](std::size_t t, std::size_t) {
      compute_.kernels->quantize(x_ + t * n_cols_, n_blocks, &scratch_.activations[t * n_blocks]);
    };
    if (n_tokens_ < kSerialTokens) {
      for (std::size_t t = 0; t < n_tokens_; ++t) work(t, 0);
    } else {
      compute_.pool->for_each(n_tokens_, work);
    }
  }

  void rows(const Product& product, std::size_t begin, std::size_t end, std::size_t thread) const {
    const Matrix& matrix = *product.matrix;
    float* out = product.out + begin;
    if (matrix.is_packed()) {
      compute_.kernels->matmul_packed(packed_rows(matrix, begin, end), scratch_.activations.data(),
                                      n_tokens_, out, product.out_stride);
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
