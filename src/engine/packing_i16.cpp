// Rows of F16 and BF16 copied into interleaved groups of 16-bit integers (kernels.hpp: RowsI16).
#include <algorithm>
#include <cassert>

#include "engine/matrix.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kBlockQuants = kRowGroup * kQuantBlock;

std::size_t blocks_of(std::size_t n_rows, std::size_t n_cols) {
  return (n_rows + kRowGroup - 1) / kRowGroup * (n_cols / kQuantBlock);
}

}  // namespace

bool can_pack_i16(const Kernels& kernels, TensorType type, std::size_t n_cols) {
  return kernels.matmul_i16 != nullptr && (type == TensorType::f16 || type == TensorType::bf16) &&
         n_cols % kQuantBlock == 0;
}

std::size_t packed_bytes_i16(std::size_t n_rows, std::size_t n_cols) {
  const std::size_t bytes =
      blocks_of(n_rows, n_cols) * (kBlockQuants * sizeof(std::int16_t) + kRowGroup);
  return (bytes + 63) / 64 * 64;
}

void pack_i16(const Compute& compute, Matrix& matrix, std::byte* memory) {
  assert(can_pack_i16(*compute.kernels, matrix.type, matrix.n_cols));
  auto* all_quants = reinterpret_cast<std::int16_t*>(memory);
  const std::size_t n_blocks = matrix.n_cols / kQuantBlock;
  const std::size_t n_groups = (matrix.n_rows + kRowGroup - 1) / kRowGroup;
  auto* all_exponents =
      reinterpret_cast<std::uint8_t*>(all_quants + n_groups * n_blocks * kBlockQuants);
  compute.pool->for_each(n_groups, [&](std::size_t group, std::size_t) {
    const std::size_t first = group * kRowGroup;
    const std::size_t end = std::min(matrix.n_rows, first + kRowGroup);
    compute.kernels->pack_i16(float_rows(matrix, first, end),
                              all_quants + group * n_blocks * kBlockQuants,
                              all_exponents + group * n_blocks * kRowGroup);
  });
  matrix.i16 = {all_quants, all_exponents, n_blocks, matrix.n_rows};
}

std::span<const std::byte> streamed_i16(const Matrix& matrix) {
  const std::size_t n = blocks_of(matrix.n_rows, matrix.n_cols);
  return {reinterpret_cast<const std::byte*>(matrix.i16.quants),
          n * (kBlockQuants * sizeof(std::int16_t) + kRowGroup)};
}

RowsI16 rows_i16(const Matrix& matrix, std::size_t begin, std::size_t end) {
  const std::size_t block = begin / kRowGroup * matrix.i16.n_blocks;
  return {matrix.i16.quants + block * kBlockQuants, matrix.i16.exponents + block * kRowGroup,
          matrix.i16.n_blocks, end - begin};
}

}  // namespace wattle::engine
