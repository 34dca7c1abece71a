#include "engine/matrix.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

// Below this many multiplications one thread is faster than waking the others.
constexpr std::size_t kSerialWork = 1U << 20U;
// Fewer tokens than this are quantised by one thread.
constexpr std::size_t kSerialTokens = 4;
// Rows a thread takes at a time: enough for activations to be used again from the cache, or, where
// weights stream from memory, few, so that threads finish together.
constexpr std::size_t kItemRows = 128;
constexpr std::size_t kStreamRows = 32;
constexpr std::size_t kStreamTokens = 4;  // up to so many

class Multiplication {
 public:
  // `products`: of matrices with the same number of columns.
  Multiplication(const Compute& compute, std::span<const Product> products, const Operand& x,
                 std::size_t n_tokens, MatmulScratch& scratch, const Matrix* next)
      : compute_(compute),
        products_(products),
        x_(x),
        n_cols_(products.front().matrix->n_cols),
        n_tokens_(n_tokens),
        item_rows_(n_tokens <= kStreamTokens ? kStreamRows : kItemRows),
        scratch_(scratch),
        next_(next != nullptr && n_tokens <= kStreamTokens ? streamed(*next)
                                                           : std::span<const std::byte>()) {
    bool packed = false;
    bool packed_i16 = false;
    bool dequantize = false;
    for (const Product& product : products) {
      assert(product.matrix->n_cols == n_cols_);
      n_rows_ += product.matrix->n_rows;
      packed |= product.matrix->is_packed();
      packed_i16 |= product.matrix->is_packed_i16();
      dequantize |= is_block_type(product.matrix->type) && !product.matrix->is_packed();
    }
    const Kernels& kernels = *compute.kernels;
    if (packed && x_.quantized == nullptr) {
      x_.quantized = quantized_operand(kernels.quantize, scratch_.activations);
    }
    if (packed_i16) x_i16_ = quantized_operand(kernels.quantize_i16, scratch_.activations_i16);
    if (dequantize) reserve_dequantized();
  }

  // Items of whole matrices, one after another.
  void run() const {
    std::size_t n_items = 0;
    for (const Product& product : products_) n_items += items_of(product);
    for_ranges(n_items, [this](std::size_t begin, std::size_t end, std::size_t thread) {
      for (const Product& product : products_) {
        const std::size_t items = items_of(product);
        if (begin < std::min(items, end)) {
          rows(product, begin_of(begin), end_of(product, std::min(items, end)), thread);
        }
        begin -= std::min(items, begin);
        end -= std::min(items, end);
      }
    });
  }

  // Items of the same rows of two matrices; long stretches of each, for streaming's sake.
  void run_gated(Gate gate, ActivationBlock* quantized) const {
    const Product& into = products_[0];
    const Product& up = products_[1];
    for_ranges(items_of(into), [&](std::size_t first, std::size_t last, std::size_t thread) {
      const std::size_t begin = begin_of(first);
      const std::size_t end = end_of(into, last);
      rows(into, begin, end, thread);
      rows(up, begin, end, thread);
      for (std::size_t t = 0; t < n_tokens_; ++t) {
        float* out = into.out + t * into.out_stride + begin;
        gate(out, up.out + t * up.out_stride + begin, end - begin);
        if (quantized == nullptr) continue;
        compute_.kernels->quantize(out, (end - begin) / kQuantBlock,
                                   quantized + (t * into.matrix->n_rows + begin) / kQuantBlock);
      }
    });
  }

 private:
  [[nodiscard]] std::size_t items_of(const Product& product) const {
    return (product.matrix->n_rows + item_rows_ - 1) / item_rows_;
  }
  [[nodiscard]] std::size_t begin_of(std::size_t item) const { return item * item_rows_; }
  // Of the items before `item`.
  [[nodiscard]] std::size_t end_of(const Product& product, std::size_t item) const {
    return std::min(product.matrix->n_rows, item * item_rows_);
  }

  // Calls work(begin, end, thread) for ranges of items: long ones where weights stream, single ones
  // where they are used again from the cache.
  template <class Work>
  void for_ranges(std::size_t n_items, Work&& work) const {
    const std::size_t most = n_tokens_ <= kStreamTokens ? n_items : 1;
    const auto in_parts = [&](std::size_t begin, std::size_t end, std::size_t thread) {
      for (; begin < end; begin += std::min(most, end - begin)) {
        work(begin, begin + std::min(most, end - begin), thread);
      }
    };
    if (n_rows_ * n_cols_ * n_tokens_ < kSerialWork) {
      in_parts(0, n_items, 0);
    } else {
      compute_.pool->for_ranges(n_items, in_parts, compute_.threads_for(n_tokens_), next_);
    }
  }

  template <class Block>
  const Block* quantized_operand(void (*quantize)(const float*, std::size_t, Block*),
                                 std::vector<Block>& blocks) const {
    const std::size_t n_blocks = n_cols_ / kQuantBlock;
    if (blocks.size() < n_blocks * n_tokens_) blocks.resize(n_blocks * n_tokens_);
    const auto work = [&](std::size_t t, std::size_t) {
      quantize(x_.x + t * n_cols_, n_blocks, &blocks[t * n_blocks]);
    };
    if (n_tokens_ < kSerialTokens) {
      for (std::size_t t = 0; t < n_tokens_; ++t) work(t, 0);
    } else {
      compute_.pool->for_each(n_tokens_, work);
    }
    return blocks.data();
  }

  void reserve_dequantized() {
    const std::size_t n = static_cast<std::size_t>(compute_.pool->threads()) * kRowGroup * n_cols_;
    if (scratch_.dequantized.size() < n) scratch_.dequantized.resize(n);
  }

  void rows(const Product& product, std::size_t begin, std::size_t end, std::size_t thread) const {
    const Matrix& matrix = *product.matrix;
    float* out = product.out + begin;
    if (matrix.is_packed()) {
      compute_.kernels->matmul_packed(packed_rows(matrix, begin, end), x_.quantized, n_tokens_, out,
                                      product.out_stride);
    } else if (matrix.is_packed_i16()) {
      compute_.kernels->matmul_i16(rows_i16(matrix, begin, end), x_i16_, n_tokens_, out,
                                   product.out_stride);
    } else if (is_block_type(matrix.type)) {
      dequantized_rows(product, begin, end, thread);
    } else {
      compute_.kernels->matmul_float(float_rows(matrix, begin, end), x_.x, n_cols_, n_tokens_, out,
                                     product.out_stride);
    }
  }

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
                                     x_.x, n_cols_, n_tokens_, product.out + first,
                                     product.out_stride);
    }
  }

  const Compute& compute_;
  std::span<const Product> products_;
  Operand x_;
  const ActivationBlockI16* x_i16_ = nullptr;
  std::size_t n_cols_;
  std::size_t n_tokens_;
  std::size_t n_rows_ = 0;  // of all products
  std::size_t item_rows_;
  MatmulScratch& scratch_;
  std::span<const std::byte> next_;
};

}  // namespace

FloatRows float_rows(const Matrix& matrix, std::size_t begin, std::size_t end) {
  const FloatType type = matrix.type == TensorType::f32   ? FloatType::f32
                         : matrix.type == TensorType::f16 ? FloatType::f16
                                                          : FloatType::bf16;
  return {type, matrix.rows + begin * matrix.row_bytes, matrix.row_bytes, end - begin,
          matrix.n_cols};
}

int Compute::threads_for(std::size_t n_tokens) const {
  return n_tokens <= kStreamTokens ? decode_threads : 0;
}

void multiply(const Compute& compute, std::span<const Product> products, const Operand& x,
              std::size_t n_tokens, MatmulScratch& scratch, const Matrix* next) {
  Multiplication(compute, products, x, n_tokens, scratch, next).run();
}

void multiply_gated(const Compute& compute, const Product& gate, const Product& up, Gate function,
                    const Operand& x, std::size_t n_tokens, MatmulScratch& scratch,
                    ActivationBlock* quantized, const Matrix* next) {
  const std::array products = {gate, up};
  Multiplication(compute, products, x, n_tokens, scratch, next).run_gated(function, quantized);
}

}  // namespace wattle::engine
