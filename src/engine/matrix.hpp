#pragma once
// A weight matrix [n_rows, n_cols] as the kernels want it: F32 rows in place in the file's mapping;
// rows of block types copied into interleaved groups (packing.cpp; kernels.hpp: PackedRows); rows
// of F16 and BF16 likewise where the kernels have products in 16-bit integers (packing_i16.cpp;
// RowsI16), else in place.

#include <cstddef>
#include <span>
#include <vector>

#include "base/thread_pool.hpp"
#include "engine/kernels/kernels.hpp"
#include "engine/tensor_type.hpp"

namespace wattle::engine {

struct Matrix {
  TensorType type = TensorType::f32;
  std::size_t n_rows = 0;
  std::size_t n_cols = 0;
  std::size_t row_bytes = 0;
  const std::byte* rows = nullptr;       // as in the file; must outlive the matrix
  const std::uint8_t* quants = nullptr;  // packed copy (pack()); null for float types
  const std::uint8_t* scales = nullptr;
  PackedType packed_type = PackedType::q4;  // of the packed copy
  RowsI16 i16{};                            // packed copy in 16 bits (pack_i16())

  // For activations in 8 bits, or in 16.
  [[nodiscard]] bool is_packed() const { return quants != nullptr; }
  [[nodiscard]] bool is_packed_i16() const { return i16.quants != nullptr; }
  [[nodiscard]] std::size_t bytes() const { return n_rows * row_bytes; }
  // That a product with one token reads.
  [[nodiscard]] std::size_t streamed_bytes() const;
};

// What a product streams through: the packed copy, quants first, or the rows.
[[nodiscard]] std::span<const std::byte> streamed(const Matrix& matrix);

[[nodiscard]] bool can_pack(TensorType type);
// Bytes of a packed copy, at most; a multiple of 64. Precondition: can_pack(type), whole blocks.
[[nodiscard]] std::size_t packed_bytes(TensorType type, std::size_t n_rows, std::size_t n_cols);
// Writes the packed copy to `memory` (packed_bytes() of zeros, 64-byte aligned), which must outlive
// the matrix.
void pack(Matrix& matrix, std::byte* memory, ThreadPool& pool);

// Rows begin … end − 1 of the packed copy as the kernels want them. Preconditions: is_packed();
// `begin` is a multiple of kRowGroup.
[[nodiscard]] PackedRows packed_rows(const Matrix& matrix, std::size_t begin, std::size_t end);

// What a product is computed with. Shared and immutable but for the pool, which locks itself.
struct Compute {
  const Kernels* kernels = nullptr;
  ThreadPool* pool = nullptr;
  int decode_threads = 0;  // of a pass over a few tokens, which memory limits; 0: all

  // For ThreadPool::for_each: how many threads work on a pass over so many tokens.
  [[nodiscard]] int threads_for(std::size_t n_tokens) const;
};

// Rows begin … end − 1 of a float type, in place.
[[nodiscard]] FloatRows float_rows(const Matrix& matrix, std::size_t begin, std::size_t end);

// The same as above for the packed copy in 16 bits. Precondition of all: can_pack_i16(); of the
// last two: is_packed_i16().
[[nodiscard]] bool can_pack_i16(const Kernels& kernels, TensorType type, std::size_t n_cols);
[[nodiscard]] std::size_t packed_bytes_i16(std::size_t n_rows, std::size_t n_cols);
void pack_i16(const Compute& compute, Matrix& matrix, std::byte* memory);
[[nodiscard]] std::span<const std::byte> streamed_i16(const Matrix& matrix);
[[nodiscard]] RowsI16 rows_i16(const Matrix& matrix, std::size_t begin, std::size_t end);

// Memory of matrix products; grows to the largest product seen. One user at a time.
struct MatmulScratch {
  std::vector<ActivationBlock> activations;
  std::vector<ActivationBlockI16> activations_i16;
  std::vector<float> dequantized;  // [threads, kRowGroup, n_cols]
};

struct Product {
  const Matrix* matrix;
  float* out;  // [n_tokens, out_stride], the first n_rows of each row are written
  std::size_t out_stride;
};

// [n_tokens, n_cols]
struct Operand {
  const float* x = nullptr;                    // needed unless all matrices are is_packed()
  const ActivationBlock* quantized = nullptr;  // [n_tokens, n_cols / 32]; null: made from x
};

// out[t, r] = Σ_c matrix[r, c]·x[t, c] for every product; all matrices have the same n_cols.
// Packed matrices are multiplied with activations in 8 or 16 bits, others with x itself.
// `next`: the matrix that the next product reads first, if known; its bytes are asked for early.
void multiply(const Compute& compute, std::span<const Product> products, const Operand& x,
              std::size_t n_tokens, MatmulScratch& scratch, const Matrix* next = nullptr);

// gate[i] = activation(gate[i])·up[i]
using Gate = void (*)(float* gate, const float* up, std::size_t n);

// Two products of the same shape; gate.out becomes function(gate·x)·(up·x). If `quantized`
// [n_tokens, n_rows / 32] is given, that is also written there in 8 bits: for whoever multiplies
// with it next. Precondition: then n_rows is a multiple of 32.
void multiply_gated(const Compute& compute, const Product& gate, const Product& up, Gate function,
                    const Operand& x, std::size_t n_tokens, MatmulScratch& scratch,
                    ActivationBlock* quantized, const Matrix* next = nullptr);

}  // namespace wattle::engine
