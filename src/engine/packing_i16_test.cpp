// Matrices in 16-bit integers beside those of other kinds.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "engine/buffer.hpp"
#include "engine/kernels/test_kernels.hpp"
#include "engine/matrix.hpp"
#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kCols = 96;

// A matrix of random values, packed if the kernels can.
struct TestMatrix {
  TestMatrix(const Compute& compute, TensorType type, std::size_t n_rows, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    matrix.type = type;
    matrix.n_rows = n_rows;
    matrix.n_cols = kCols;
    matrix.row_bytes = *row_bytes(type, kCols);
    bytes.resize(n_rows * matrix.row_bytes);
    std::vector<float> row(kCols);
    for (std::size_t r = 0; r < n_rows; ++r) {
      for (float& v : row) v = normal(random);
      quantize_row(type, row, std::span(bytes).subspan(r * matrix.row_bytes, matrix.row_bytes));
    }
    matrix.rows = bytes.data();
    if (can_pack(type)) {
      memory = *Buffer::create(packed_bytes(type, n_rows, kCols), "weights", "");
      pack(matrix, memory.data(), *compute.pool);
    } else if (can_pack_i16(*compute.kernels, type, kCols)) {
      memory = *Buffer::create(packed_bytes_i16(n_rows, kCols), "weights", "");
      pack_i16(compute, matrix, memory.data());
    }
  }
  Matrix matrix;
  std::vector<std::byte> bytes;
  Buffer memory;
};

class PackingI16Test : public testing::TestWithParam<const Kernels*> {};

TEST_P(PackingI16Test, OnlyHalvesInWholeBlocksArePackedIn16Bits) {
  const Kernels& kernels = *GetParam();
  const bool can = kernels.matmul_i16 != nullptr;
  EXPECT_EQ(kernels.quantize_i16 != nullptr, can);
  EXPECT_EQ(kernels.pack_i16 != nullptr, can);
  EXPECT_EQ(can_pack_i16(kernels, TensorType::f16, 64), can);
  EXPECT_EQ(can_pack_i16(kernels, TensorType::bf16, 64), can);
  EXPECT_FALSE(can_pack_i16(kernels, TensorType::f16, 48));
  EXPECT_FALSE(can_pack_i16(kernels, TensorType::f32, 64));
  EXPECT_FALSE(can_pack_i16(kernels, TensorType::q8_0, 64));
}

TEST_P(PackingI16Test, ACopyIsOneStretchAndPartsOfItAreItsRows) {
  ThreadPool pool(2);
  const Compute compute = {GetParam(), &pool, 0};
  if (compute.kernels->matmul_i16 == nullptr) GTEST_SKIP();
  const TestMatrix m(compute, TensorType::bf16, 37, 1);
  EXPECT_TRUE(m.matrix.is_packed_i16());
  EXPECT_FALSE(m.matrix.is_packed());
  // 3 groups of 3 blocks, 1,024 bytes and 16 exponents each.
  EXPECT_EQ(m.matrix.streamed_bytes(), 3U * 3U * 1040U);
  EXPECT_EQ(streamed(m.matrix).data(), m.memory.data());
  EXPECT_LE(m.matrix.streamed_bytes(), packed_bytes_i16(37, kCols));
  const RowsI16 last = rows_i16(m.matrix, 32, 37);
  EXPECT_EQ(last.n_rows, 5U);
  EXPECT_EQ(last.quants, m.matrix.i16.quants + 2 * 3 * 512);
  EXPECT_EQ(last.exponents, m.matrix.i16.exponents + 2 * 3 * 16);
}

TEST_P(PackingI16Test, ProductsOfAllKindsShareACall) {
  constexpr std::size_t kTokens = 7;
  ThreadPool pool(3);
  const Compute compute = {GetParam(), &pool, 0};
  const std::array matrices = {
      TestMatrix(compute, TensorType::f16, 37, 1), TestMatrix(compute, TensorType::q8_0, 20, 2),
      TestMatrix(compute, TensorType::f32, 5, 3), TestMatrix(compute, TensorType::bf16, 16, 4)};
  std::vector<float> x(kTokens * kCols);
  std::mt19937 random(5);
  for (float& v : x) v = static_cast<float>(random() % 2001U) / 1000.0F - 1.0F;
  std::array<std::vector<float>, 4> together;
  std::vector<Product> products;
  for (std::size_t i = 0; i < 4; ++i) {
    const Matrix& matrix = matrices[i].matrix;
    together[i].resize(kTokens * matrix.n_rows);
    products.push_back({&matrix, together[i].data(), matrix.n_rows});
  }
  MatmulScratch scratch;
  multiply(compute, products, {x.data()}, kTokens, scratch);
  for (std::size_t i = 0; i < 4; ++i) {
    const Matrix& matrix = matrices[i].matrix;
    std::vector<float> alone(together[i].size());
    const std::array one = {Product{&matrix, alone.data(), matrix.n_rows}};
    multiply(compute, one, {x.data()}, kTokens, scratch);
    EXPECT_EQ(alone, together[i]) << info(matrix.type).name;
    std::vector<float> row(kCols);
    for (std::size_t r = 0; r < matrix.n_rows; ++r) {
      dequantize_row(matrix.type, {matrix.rows + r * matrix.row_bytes, matrix.row_bytes}, row);
      double sum = 0;
      for (std::size_t c = 0; c < kCols; ++c) sum += double{row[c]} * double{x[c]};
      EXPECT_NEAR(alone[r], sum, matrix.is_packed() ? 0.1 : 2e-3) << info(matrix.type).name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, PackingI16Test, testing::ValuesIn(tested_kernels()), kernels_name);

}  // namespace
}  // namespace wattle::engine
