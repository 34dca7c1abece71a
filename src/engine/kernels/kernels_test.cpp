// Every kernel of every instruction set this machine has, against plain loops in double precision,
// over odd lengths, misaligned rows and extreme values.
#include "engine/kernels/kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <span>

#include "engine/buffer.hpp"
#include "engine/kernels/test_kernels.hpp"
#include "engine/matrix.hpp"
#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

std::vector<float> random_floats(std::size_t n, std::uint32_t seed, float scale = 1.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> values(n);
  for (float& v : values) v = normal(random);
  return values;
}

class KernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& k_ = *GetParam();
};

const std::size_t kLengths[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 257};

TEST_P(KernelsTest, RmsNormDividesByTheRootMeanSquare) {
  for (const std::size_t n : kLengths) {
    const auto x = random_floats(n + 1, 1);
    const auto w = random_floats(n + 1, 2);
    std::vector<float> out(n + 1, -7.0F);
    k_.rms_norm(x.data() + 1, w.data() + 1, 1e-5F, n, out.data());
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) squares += double{x[i + 1]} * double{x[i + 1]};
    const double rms = std::sqrt(squares / static_cast<double>(n) + 1e-5);
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_NEAR(out[i], double{x[i + 1]} / rms * double{w[i + 1]}, 1e-5) << n;
    }
    EXPECT_EQ(out[n], -7.0F) << "wrote past the end";
  }
}

TEST_P(KernelsTest, LayerNormTakesTheMeanAway) {
  for (const std::size_t n : kLengths) {
    auto x = random_floats(n + 1, 1);
    for (float& v : x) v += 3.0F;
    const auto w = random_floats(n + 1, 2);
    const auto b = random_floats(n + 1, 3);
    std::vector<float> out(n + 1, -7.0F);
    k_.layer_norm(x.data() + 1, w.data() + 1, b.data() + 1, 1e-5F, n, out.data());
    double mean = 0;
    for (std::size_t i = 0; i < n; ++i) mean += double{x[i + 1]} / static_cast<double>(n);
    double variance = 0;
    for (std::size_t i = 0; i < n; ++i) {
      variance += std::pow(double{x[i + 1]} - mean, 2) / static_cast<double>(n);
    }
    for (std::size_t i = 0; i < n; ++i) {
      const double unit = (double{x[i + 1]} - mean) / std::sqrt(variance + 1e-5);
      EXPECT_NEAR(out[i], unit * double{w[i + 1]} + double{b[i + 1]}, 1e-5) << n;
    }
    EXPECT_EQ(out[n], -7.0F) << "wrote past the end";
  }
}

TEST_P(KernelsTest, GeluAndSoftCap) {
  for (const std::size_t n : kLengths) {
    auto gate = random_floats(n + 1, 3, 4.0F);
    const auto up = random_floats(n + 1, 4);
    if (n > 2) {
      gate[0] = -120.0F;
      gate[1] = 120.0F;
    }
    auto gelu = gate;
    k_.gelu_multiply(gelu.data(), up.data(), n);
    auto capped = gate;
    k_.soft_cap(capped.data(), 30.0F, n);
    for (std::size_t i = 0; i < n; ++i) {
      const double g = gate[i];
      const double u = std::sqrt(2.0 / 3.14159265358979323846) * (g + 0.044715 * g * g * g);
      const double expected = 0.5 * g * (1.0 + std::tanh(u)) * double{up[i]};
      EXPECT_NEAR(gelu[i], expected, 2e-6 + 4e-6 * std::abs(expected)) << g;
      EXPECT_NEAR(capped[i], 30.0 * std::tanh(g / 30.0), 1e-5) << g;
    }
    EXPECT_EQ(gelu[n], gate[n]);
    EXPECT_EQ(capped[n], gate[n]);
  }
}

TEST_P(KernelsTest, ElementWiseOperationsMatchAndStayInBounds) {
  for (const std::size_t n : kLengths) {
    auto gate = random_floats(n + 1, 3, 4.0F);
    const auto up = random_floats(n + 1, 4);
    if (n > 2) {  // where exp over- and underflows
      gate[0] = -120.0F;
      gate[1] = 120.0F;
    }
    auto silu = gate;
    k_.silu_multiply(silu.data(), up.data(), n);
    auto sum = gate;
    k_.add(sum.data(), up.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const double g = gate[i];
      const double expected = g / (1.0 + std::exp(-g)) * double{up[i]};
      EXPECT_NEAR(silu[i], expected, 1e-6 + 2e-6 * std::abs(expected)) << g;
      EXPECT_EQ(sum[i], gate[i] + up[i]);
    }
    EXPECT_EQ(silu[n], gate[n]);
    EXPECT_EQ(sum[n], gate[n]);
  }
}

TEST_P(KernelsTest, RopeRotatesNeighbours) {
  std::vector<float> x = {1, 0, 0, 1, 3, 4};
  const std::vector<float> cosine = {0, 0, -1};
  const std::vector<float> sine = {1, 1, 0};
  k_.rope_interleaved(x.data(), cosine.data(), sine.data(), 3);
  EXPECT_EQ(x, (std::vector<float>{0, 1, -1, 0, -3, -4}));
}

TEST_P(KernelsTest, RopeOfHalvesRotatesADimensionWithTheOneHalfAHeadAway) {
  std::vector<float> x = {1, 0, 3, 0, 1, 4};
  const std::vector<float> cosine = {0, 0, -1};
  const std::vector<float> sine = {1, 1, 0};
  k_.rope_half_split(x.data(), cosine.data(), sine.data(), 3);
  EXPECT_EQ(x, (std::vector<float>{0, -1, -3, 1, 0, -4}));
}

TEST_P(KernelsTest, SoftmaxStatsGiveEntropyAndTheLowestOfEqualMaxima) {
  for (const std::size_t n : {1UL, 5UL, 33UL, 4099UL, 70001UL}) {
    auto l = random_floats(n, 5, 6.0F);
    if (n > 4) l[3] = l[n - 1] = 50.0F;
    const SoftmaxStats stats = k_.softmax_stats(l.data(), n);
    double max = l[0];
    for (const float v : l) max = std::max(max, double{v});
    double sum = 0;
    double shift = 0;
    for (const float v : l) {
      sum += std::exp(double{v} - max);
      shift += std::exp(double{v} - max) * (double{v} - max);
    }
    EXPECT_EQ(stats.argmax, n > 4 ? 3 : 0);
    EXPECT_EQ(stats.max, static_cast<float>(max));
    auto sorted = l;
    std::sort(sorted.rbegin(), sorted.rend());
    const float lowest = std::numeric_limits<float>::lowest();
    EXPECT_EQ(stats.runner_up, n > 1 ? sorted[1] : lowest);
    EXPECT_NEAR(stats.sum_exp, sum, 1e-5 * sum);
    EXPECT_NEAR(stats.sum_exp_shift, shift, 1e-5 * (1.0 - shift));
  }
}

TEST_P(KernelsTest, TheRunnerUpIsFoundWhereverItStands) {
  for (const std::size_t n : {2UL, 15UL, 16UL, 17UL, 40UL}) {
    for (std::size_t first = 0; first < n; ++first) {
      for (std::size_t second = 0; second < n; ++second) {
        if (first == second) continue;
        std::vector<float> l(n, -3.0F);
        l[first] = 2.0F;
        l[second] = 1.0F;
        const SoftmaxStats stats = k_.softmax_stats(l.data(), n);
        EXPECT_EQ(stats.argmax, static_cast<std::int32_t>(first));
        EXPECT_EQ(stats.runner_up, 1.0F) << n << ": " << first << ", " << second;
      }
    }
  }
}

TEST_P(KernelsTest, SoftmaxStatsOfHugeAndMinusInfiniteLogitsStayFinite) {
  std::vector<float> l(20, -std::numeric_limits<float>::infinity());
  l[7] = 3e38F;
  const SoftmaxStats stats = k_.softmax_stats(l.data(), l.size());
  EXPECT_EQ(stats.argmax, 7);
  EXPECT_NEAR(stats.sum_exp, 1.0, 1e-6);
  EXPECT_NEAR(stats.sum_exp_shift, 0.0, 1e-6);
  EXPECT_EQ(stats.runner_up, std::numeric_limits<float>::lowest());
}

TEST_P(KernelsTest, ConversionToHalfIsTheReferenceBitForBit) {
  std::vector<float> x = {0.0F,     -0.0F, 1.0F,     65504.0F, 65519.9F,
                          65520.0F, 1e30F, -1e30F,   6.1e-5F,  5.96e-8F,
                          2.98e-8F, 1e-9F, -3.3e-6F, 1.00048F, 0.33333F};
  const auto more = random_floats(86, 6, 100.0F);
  x.insert(x.end(), more.begin(), more.end());
  x.push_back(std::numeric_limits<float>::infinity());
  std::vector<std::uint16_t> out(x.size() + 1, 0xBEEF);
  k_.to_f16(x.data(), x.size(), out.data());
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(out[i], f32_to_f16(x[i])) << x[i];
  EXPECT_EQ(out[x.size()], 0xBEEF);
}

// All 65,536 half floats, through the F16 matrix kernel: 1·w.
TEST_P(KernelsTest, EveryFiniteHalfIsWidenedExactly) {
  std::vector<std::uint16_t> weights;
  for (std::uint32_t h = 0; h < 65536; ++h) {
    if ((h & 0x7C00U) != 0x7C00U) weights.push_back(static_cast<std::uint16_t>(h));
  }
  constexpr std::size_t kCols = 32;  // one non-zero activation per row: the weight itself
  for (const std::size_t column : {0UL, 5UL, 31UL}) {
    std::vector<float> x(kCols, 0.0F);
    x[column] = 1.0F;
    const std::size_t n_rows = weights.size() / kCols;
    std::vector<float> out(n_rows);
    k_.matmul_float({FloatType::f16, weights.data(), kCols * 2, n_rows, kCols}, x.data(), kCols, 1,
                    out.data(), n_rows);
    for (std::size_t r = 0; r < n_rows; ++r) {
      ASSERT_EQ(out[r], f16_to_f32(weights[r * kCols + column])) << r;
    }
  }
}

TEST_P(KernelsTest, FloatMatricesMatchForOddShapesAndDoNotDependOnTheTile) {
  for (const FloatType type : {FloatType::f32, FloatType::f16, FloatType::bf16}) {
    const std::size_t element = type == FloatType::f32 ? 4 : 2;
    for (const std::size_t n_cols : kLengths) {
      const std::size_t n_rows = 13;
      const std::size_t n_tokens = 71;
      const auto w = random_floats(n_rows * n_cols, 7);
      // Rows one element further apart than they need to be, from an odd address on.
      const std::size_t row_bytes = (n_cols + 1) * element;
      std::vector<std::byte> bytes(n_rows * row_bytes + 2 * element);
      std::vector<double> exact(n_rows * n_cols);
      for (std::size_t i = 0; i < exact.size(); ++i) {
        std::byte* to = bytes.data() + element + i / n_cols * row_bytes + i % n_cols * element;
        const std::uint16_t half = type == FloatType::f16 ? f32_to_f16(w[i]) : f32_to_bf16(w[i]);
        std::memcpy(to, type == FloatType::f32 ? static_cast<const void*>(&w[i]) : &half, element);
        exact[i] = type == FloatType::f32   ? double{w[i]}
                   : type == FloatType::f16 ? double{f16_to_f32(half)}
                                            : double{bf16_to_f32(half)};
      }
      const auto x = random_floats(n_tokens * n_cols, 8);
      const FloatRows rows{type, bytes.data() + element, row_bytes, n_rows, n_cols};
      std::vector<float> out(n_tokens * n_rows);
      k_.matmul_float(rows, x.data(), n_cols, n_tokens, out.data(), n_rows);
      for (std::size_t t = 0; t < n_tokens; ++t) {
        std::vector<float> alone(n_rows);
        k_.matmul_float(rows, x.data() + t * n_cols, n_cols, 1, alone.data(), n_rows);
        for (std::size_t r = 0; r < n_rows; ++r) {
          double sum = 0;
          for (std::size_t c = 0; c < n_cols; ++c) {
            sum += exact[r * n_cols + c] * double{x[t * n_cols + c]};
          }
          ASSERT_NEAR(out[t * n_rows + r], sum, 1e-4) << n_cols;
          ASSERT_EQ(out[t * n_rows + r], alone[r]) << "the tile changed the bits";
        }
      }
    }
  }
}

TEST_P(KernelsTest, QuantizedActivationsAreTheNearestWithTheirSums) {
  auto x = random_floats(4 * kQuantBlock, 9, 3.0F);
  std::fill(x.begin() + 32, x.begin() + 64, 0.0F);
  x[70] = 1e30F;
  x[100] = 1e-38F;
  std::vector<ActivationBlock> blocks(4);
  k_.quantize(x.data(), 4, blocks.data());
  for (std::size_t b = 0; b < 4; ++b) {
    float largest = 0;
    for (std::size_t i = 0; i < 32; ++i) largest = std::max(largest, std::abs(x[b * 32 + i]));
    EXPECT_NEAR(blocks[b].d, largest / 125.5F, largest / 125.5F * 0.02F);
    double error = 0;
    double plain_error = 0;  // of rounding with the smallest scale that reaches the largest value
    int sum = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      const double value = x[b * 32 + i];
      const double step = double{largest} / 127.0;
      EXPECT_LE(std::abs(blocks[b].q[i]), 127);
      error += std::pow(double{blocks[b].d} * blocks[b].q[i] - value, 2);
      if (largest > 0) plain_error += std::pow(std::nearbyint(value / step) * step - value, 2);
      sum += blocks[b].q[i];
    }
    EXPECT_LE(error, plain_error + std::pow(1e-6 * double{largest}, 2));
    EXPECT_EQ(blocks[b].minus_8_sum, -8 * sum);
    EXPECT_EQ(blocks[b].minus_128_sum, -128 * sum);
    EXPECT_EQ(blocks[b].minus_128_half[0] + blocks[b].minus_128_half[1], -128 * sum);
    EXPECT_EQ(blocks[b].shift, blocks[b].d * static_cast<float>(sum));
  }
}

// The value of a product of quantised blocks, in double.
double block_dot(std::span<const float> weights, std::span<const ActivationBlock> x) {
  double sum = 0;
  for (std::size_t c = 0; c < weights.size(); ++c) {
    const ActivationBlock& block = x[c / 32];
    sum += double{weights[c]} * double{block.d} * block.q[c % 32];
  }
  return sum;
}

// An AWQ matrix: one scale and one minimum for 128 columns.
TEST_P(KernelsTest, Q41WithScalesOf128ColumnsIsHeldSmallerAndGivesTheSame) {
  constexpr std::size_t kRows = 40;
  constexpr std::size_t kCols = 512;
  constexpr std::size_t kTokens = 9;
  ThreadPool pool(1);
  const std::size_t block_bytes = info(TensorType::q4_1).block_bytes;
  Matrix matrix;
  matrix.type = TensorType::q4_1;
  matrix.n_rows = kRows;
  matrix.n_cols = kCols;
  matrix.row_bytes = *row_bytes(matrix.type, kCols);
  std::vector<std::byte> bytes(kRows * matrix.row_bytes);
  quantize_row(matrix.type, random_floats(kRows * kCols, 15), bytes);
  matrix.rows = bytes.data();
  const Buffer memory = *Buffer::create(packed_bytes(matrix.type, kRows, kCols), "weights", "");
  pack(matrix, memory.data(), pool);
  EXPECT_EQ(matrix.packed_type, PackedType::q4_min);
  const std::size_t whole = matrix.streamed_bytes();
  for (std::size_t b = 0; b < bytes.size() / block_bytes; ++b) {
    std::memcpy(&bytes[b * block_bytes], &bytes[b / 4 * 4 * block_bytes], 4);
  }
  pack(matrix, memory.data(), pool);
  EXPECT_EQ(matrix.packed_type, PackedType::q4_min_128);
  EXPECT_EQ(matrix.streamed_bytes() * 320, whole * 272);
  std::vector<float> exact(kRows * kCols);
  dequantize_row(matrix.type, bytes, exact);
  const auto x = random_floats(kTokens * kCols, 16);
  std::vector<ActivationBlock> blocks(x.size() / kQuantBlock);
  k_.quantize(x.data(), blocks.size(), blocks.data());
  for (const std::size_t n : {1UL, kTokens}) {
    std::vector<float> out(n * kRows);
    k_.matmul_packed(packed_rows(matrix, 0, kRows), blocks.data(), n, out.data(), kRows);
    for (std::size_t t = 0; t < n; ++t) {
      const auto here = std::span(blocks).subspan(t * kCols / 32, kCols / 32);
      for (std::size_t r = 0; r < kRows; ++r) {
        const std::span weights(exact);
        EXPECT_NEAR(out[t * kRows + r], block_dot(weights.subspan(r * kCols, kCols), here), 1e-4);
      }
    }
  }
}

// Blocks of a type, quantised where Wattle can, otherwise of random bits and one scale.
void make_blocks(TensorType type, std::span<const float> weights, std::span<std::byte> blocks) {
  if (can_quantize(type)) return quantize_row(type, weights, blocks);
  std::mt19937 random(12);
  for (std::byte& b : blocks) b = static_cast<std::byte>(random() & 255U);
  const auto set_scale = [&](std::size_t at, std::uint16_t half) {
    for (std::size_t i = 0; i < blocks.size(); i += info(type).block_bytes) {
      std::memcpy(&blocks[i + at], &half, sizeof half);
    }
  };
  constexpr std::uint16_t kScale = 0x1400;  // 2⁻¹⁰
  set_scale(type == TensorType::q2_k ? 80 : type == TensorType::q3_k ? 108 : 0, kScale);
  if (type == TensorType::q2_k) set_scale(82, kScale);
  if (type == TensorType::q5_k) set_scale(2, kScale);
}

TEST_P(KernelsTest, PackedMatricesMatchTheReferenceFormatsForEveryTile) {
  constexpr std::size_t kTokens = 25;
  ThreadPool pool(1);
  // At least one format of each packed type.
  for (const TensorType type :
       {TensorType::q4_0, TensorType::q8_0, TensorType::q4_1, TensorType::q5_1, TensorType::q5_0,
        TensorType::q2_k, TensorType::q3_k, TensorType::q4_k, TensorType::q5_k, TensorType::q6_k,
        TensorType::iq4_nl}) {
    const std::size_t unit = info(type).block_elements / kQuantBlock;
    for (const std::size_t n_rows : {1UL, 7UL, 8UL, 9UL, 16UL, 17UL, 40UL, 67UL}) {
      for (const std::size_t n_units : {1UL, 2UL, 5UL}) {
        if (unit > 1 && (n_units > 2 || n_rows > 17)) continue;
        const std::size_t n_blocks = n_units * unit;
        const std::size_t n_cols = n_blocks * kQuantBlock;
        auto w = random_floats(n_rows * n_cols, 10);
        auto x = random_floats(kTokens * n_cols, 11);
        // The largest sums there are: all weights and activations at their bounds.
        for (std::size_t c = 0; c < 32; ++c) {
          w[c] = -1.0F;
          x[c] = c % 2 == 0 || n_rows == 1 ? 5.0F : -5.0F;
        }
        Matrix matrix;
        matrix.type = type;
        matrix.n_rows = n_rows;
        matrix.n_cols = n_cols;
        matrix.row_bytes = *row_bytes(type, n_cols);
        std::vector<std::byte> bytes(n_rows * matrix.row_bytes);
        std::vector<float> exact(n_rows * n_cols);
        make_blocks(type, w, bytes);
        dequantize_row(type, bytes, exact);
        matrix.rows = bytes.data();
        const Buffer memory = *Buffer::create(packed_bytes(type, n_rows, n_cols), "weights", "");
        pack(matrix, memory.data(), pool);
        const PackedRows rows = packed_rows(matrix, 0, n_rows);
        std::vector<ActivationBlock> blocks(kTokens * n_blocks);
        k_.quantize(x.data(), blocks.size(), blocks.data());
        const std::span all(blocks);
        double largest = 0;
        for (const float v : exact) largest = std::max<double>(largest, std::abs(v));
        const auto sum_of_magnitudes = [&](std::size_t t) {
          double sum = 0;
          for (std::size_t c = 0; c < n_cols; ++c) sum += std::abs(x[t * n_cols + c]);
          return sum;
        };
        std::vector<std::vector<float>> alone(kTokens);
        for (std::size_t n = 1; n <= kTokens; n += n < 8 ? 1 : 5) {
          for (std::size_t t0 = 0; t0 + n <= kTokens; t0 += n) {
            std::vector<float> out(n * (n_rows + 1), -7.0F);
            k_.matmul_packed(rows, &blocks[t0 * n_blocks], n, out.data(), n_rows + 1);
            for (std::size_t t = 0; t < n; ++t) {
              const float* row = out.data() + t * (n_rows + 1);
              for (std::size_t r = 0; r < n_rows && n == 1; ++r) {
                const double expected = block_dot({exact.data() + r * n_cols, n_cols},
                                                  all.subspan(t0 * n_blocks, n_blocks));
                const double rounding =
                    unit > 1 && rounds_scales(k_) ? 0x1p-13 * largest * sum_of_magnitudes(t0) : 0.0;
                ASSERT_NEAR(row[r], expected,
                            1e-4 * std::sqrt(static_cast<double>(n_units)) + rounding)
                    << info(type).name << " " << n_rows << " " << n_blocks;
              }
              ASSERT_EQ(row[n_rows], -7.0F) << "wrote past the last row";
              if (n == 1) alone[t0].assign(row, row + n_rows);
              ASSERT_TRUE(std::equal(row, row + n_rows, alone[t0 + t].begin()))
                  << "the number of tokens changed the bits: " << info(type).name << " " << n;
            }
          }
        }
      }
    }
  }
}

TEST_P(KernelsTest, EightBitsAreWithinHalfAStepOfTheirScale) {
  for (const std::size_t n : {1UL, 15UL, 16UL, 64UL, 129UL}) {
    auto x = random_floats(n, 40, 3.0F);
    x[n / 2] = -7.5F;
    std::vector<std::int8_t> q(n);
    const float scale = k_.to_i8(x.data(), n, q.data());
    float largest = 0.0F;
    for (const float v : x) largest = std::max(largest, std::abs(v));
    EXPECT_FLOAT_EQ(scale, largest / 127.0F);
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_LE(std::abs(x[i] - scale * static_cast<float>(q[i])), scale * 0.50001F) << i;
    }
  }
  const std::vector<float> zeros(20, 0.0F);
  std::vector<std::int8_t> q(20, 5);
  EXPECT_EQ(k_.to_i8(zeros.data(), 20, q.data()), 0.0F);
  EXPECT_EQ(q, std::vector<std::int8_t>(20, 0));
}

// A cache of one layer and head. Unused positions hold what an earlier sequence left: it must not
// matter. Keys and values become what the cache holds of them.
class TestCache {
 public:
  TestCache(const Kernels& kernels, KvElement element, std::size_t head_dim,
            std::size_t page_positions, std::vector<float>& k, std::vector<float>& v)
      : element_(element), dim_(head_dim), positions_(page_positions) {
    const std::size_t n = k.size() / head_dim;
    stride_ = (head_dim + 15) / 16 * 16;
    size_ = element == KvElement::f32 ? 4 : element == KvElement::f16 ? 2 : 1;
    const std::size_t page_bytes = positions_ * ((dim_ + stride_) * size_ + 8);
    const std::size_t n_pages = (n + positions_ - 1) / positions_;
    // Pages in no order.
    for (std::size_t i = 0; i < n_pages; ++i) memory_.emplace_back(page_bytes, std::byte{0x5B});
    for (std::size_t i = 0; i < n_pages; ++i) pages_.push_back(memory_[n_pages - 1 - i].data());
    std::vector<std::int8_t> small(dim_);
    for (auto* rows : {&k, &v}) {
      for (std::size_t p = 0; p < n; ++p) {
        float* row = rows->data() + p * dim_;
        float scale = 1.0F;
        if (element == KvElement::i8) scale = kernels.to_i8(row, dim_, small.data());
        std::byte* page = memory_[n_pages - 1 - p / positions_].data();
        const std::size_t i = p % positions_;
        for (std::size_t d = 0; d < dim_; ++d) {
          const std::size_t at = rows == &k ? i / 16 * 16 * dim_ + d * 16 + i % 16
                                            : positions_ * dim_ + i * stride_ + d;
          row[d] = put(page, at, row[d], small[d], scale);
        }
        const std::size_t scales = scales_at() + (rows == &v ? positions_ * 4 : 0);
        std::memcpy(page + scales + i * 4, &scale, 4);
      }
    }
  }

  void fill(AttentionArgs& args) const {
    args.pages = pages_.data();
    args.page_positions = positions_;
    args.keys = 0;
    args.values = positions_ * dim_ * size_;
    args.key_scales = scales_at();
    args.value_scales = scales_at() + positions_ * 4;
    args.value_stride = stride_;
    args.element = element_;
  }

 private:
  [[nodiscard]] std::size_t scales_at() const { return positions_ * (dim_ + stride_) * size_; }
  float put(std::byte* page, std::size_t at, float x, std::int8_t small, float scale) const {
    const std::uint16_t half = f32_to_f16(x);
    switch (element_) {
      case KvElement::f32:
        std::memcpy(page + at * 4, &x, 4);
        return x;
      case KvElement::f16:
        std::memcpy(page + at * 2, &half, 2);
        return f16_to_f32(half);
      case KvElement::i8:
        std::memcpy(page + at, &small, 1);
        return scale * static_cast<float>(small);
    }
    return 0.0F;
  }

  KvElement element_;
  std::size_t dim_, positions_, stride_ = 0, size_ = 0;
  std::vector<std::vector<std::byte>> memory_;
  std::vector<const std::byte*> pages_;
};

struct AttentionCase {
  KvElement element;
  std::size_t head_dim, n, n_q, left_out;
  double softcap;
};

// Scratch for `rows` query rows of up to n positions.
std::vector<float> attention_scratch(std::size_t rows, std::size_t head_dim, std::size_t n) {
  const std::size_t padded = (n + 15) / 16 * 16;
  const std::size_t stride = (head_dim + 15) / 16 * 16;
  return std::vector<float>(rows * (padded + stride) + kAttentionTile * stride);
}

std::vector<float> expected_attention(const AttentionCase& c, const std::vector<float>& q,
                                      const std::vector<float>& k, const std::vector<float>& v) {
  std::vector<float> out;
  for (std::size_t g = 0; g < c.n_q; ++g) {
    std::vector<double> weight(c.n);
    double total = 0;
    for (std::size_t p = 0; p < c.n; ++p) {
      double score = 0;
      for (std::size_t d = 0; d < c.head_dim; ++d) {
        score += double{q[g * c.head_dim + d]} * double{k[p * c.head_dim + d]};
      }
      score *= 0.5;
      if (c.softcap > 0.0) score = c.softcap * std::tanh(score / c.softcap);
      weight[p] = p < c.left_out ? 0.0 : std::exp(score);
      total += weight[p];
    }
    for (std::size_t d = 0; d < c.head_dim; ++d) {
      double expected = 0;
      for (std::size_t p = 0; p < c.n; ++p) {
        expected += weight[p] / total * double{v[p * c.head_dim + d]};
      }
      out.push_back(static_cast<float>(expected));
    }
  }
  return out;
}

void run_attention(const Kernels& kernels, const AttentionCase& c, const TestCache& cache,
                   const std::vector<float>& q, std::vector<float>& out) {
  std::vector<float> scratch = attention_scratch(c.n_q, c.head_dim, c.n);
  AttentionArgs args{};
  cache.fill(args);
  args.q = q.data();
  args.head_stride = args.head_dim = c.head_dim;
  args.n_tokens = 1;
  args.n_q = c.n_q;
  args.n_positions = c.n;
  args.window = c.n - c.left_out;
  args.scale = 0.5F;
  args.softcap = static_cast<float>(c.softcap);
  args.scratch = scratch.data();
  args.score_stride = (c.n + 15) / 16 * 16;
  args.out = out.data();
  kernels.attention(args);
}

// The pages that positions lie in change no bit.
void check_attention(const Kernels& kernels, const AttentionCase& c) {
  const auto q = random_floats(c.n_q * c.head_dim, 12);
  std::vector<float> first;
  for (const std::size_t page_positions : {64UL, 16UL, 32UL}) {
    auto k = random_floats(c.n * c.head_dim, 13, 3.0F);
    auto v = random_floats(c.n * c.head_dim, 14);
    const TestCache cache(kernels, c.element, c.head_dim, page_positions, k, v);
    std::vector<float> out(c.n_q * c.head_dim + 1, -7.0F);
    run_attention(kernels, c, cache, q, out);
    const auto expected = expected_attention(c, q, k, v);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(out[i], expected[i], 2e-5) << c.head_dim << " " << c.n;
    }
    ASSERT_EQ(out.back(), -7.0F);
    if (first.empty()) first = out;
    ASSERT_EQ(out, first) << page_positions;
  }
}

float largest_magnitude(std::span<const float> x) {
  float largest = 0.0F;
  for (const float v : x) largest = std::max(largest, std::abs(v));
  return largest;
}

// How far eight bits may be from the keys and values they stand for. An element is off by at most
// max / 254 of its key or value, so a score by δ = ½·Σ|q|·max|k| / 254 (½ is the scale in use; a
// soft cap only shrinks it), a weight by the factor e^2δ, the result by (e^2δ − 1)·max|v| from the
// weights and by max|v| / 254 from the values.
double eight_bit_bound(std::span<const float> q, const std::vector<float>& k,
                       const std::vector<float>& v) {
  double query = 0;
  for (const float x : q) query += std::abs(double{x});
  const double delta = 0.5 * query * double{largest_magnitude(k)} / 254.0;
  const double value = double{largest_magnitude(v)};
  return std::expm1(2.0 * delta) * value + value / 254.0 + 2e-5;
}

TEST_P(KernelsTest, AttentionInEightBitsIsWithinItsBound) {
  for (const double softcap : {0.0, 2.0}) {
    const AttentionCase c{KvElement::i8, 20, 50, 3, 7, softcap};
    const auto q = random_floats(c.n_q * c.head_dim, 12, 0.3F);
    const auto k = random_floats(c.n * c.head_dim, 13);
    const auto v = random_floats(c.n * c.head_dim, 14);
    auto k_held = k;
    auto v_held = v;
    const TestCache cache(k_, c.element, c.head_dim, 16, k_held, v_held);
    std::vector<float> out(c.n_q * c.head_dim);
    run_attention(k_, c, cache, q, out);
    const auto exact = expected_attention(c, q, k, v);
    for (std::size_t g = 0; g < c.n_q; ++g) {
      const std::size_t row = g * c.head_dim;
      const double bound = eight_bit_bound(std::span(q).subspan(row, c.head_dim), k, v);
      EXPECT_LT(bound, 0.5) << "says nothing";
      for (std::size_t d = 0; d < c.head_dim; ++d) {
        EXPECT_NEAR(out[row + d], exact[row + d], bound);
      }
    }
  }
}

TEST_P(KernelsTest, AttentionMixesValuesByTheSoftmaxOfScores) {
  struct Window {
    std::size_t left_out;  // positions, of 50
    double softcap;
  };
  for (const auto& [left_out, softcap] :
       {Window{0, 0.0}, Window{0, 2.0}, Window{31, 0.0}, Window{32, 3.0}, Window{49, 0.0}}) {
    for (const KvElement element : {KvElement::f32, KvElement::f16, KvElement::i8}) {
      for (const std::size_t head_dim : {2UL, 8UL, 20UL, 64UL}) {
        for (const std::size_t n : {1UL, 15UL, 16UL, 17UL, 50UL}) {
          if (left_out >= n) continue;
          for (const std::size_t n_q : {1UL, 3UL, 8UL}) {
            check_attention(k_, {element, head_dim, n, n_q, left_out, softcap});
          }
        }
      }
    }
  }
}

TEST_P(KernelsTest, AttentionOfManyTokensIsThatOfEachAlone) {
  struct Case {
    std::size_t n_tokens, n_q, n_before, window;
  };
  for (const KvElement element : {KvElement::f32, KvElement::f16, KvElement::i8}) {
    for (const std::size_t dim : {8UL, 20UL, 64UL, 80UL}) {
      for (const auto& [n_tokens, n_q, n_before, window] :
           {Case{8, 8, 0, 0}, Case{17, 1, 30, 0}, Case{9, 3, 100, 0}, Case{8, 8, 57, 20},
            Case{16, 4, 3, 2}, Case{12, 1, 60, 1}}) {
        const std::size_t n = n_before + n_tokens;
        auto k = random_floats(n * dim, 13);
        auto v = random_floats(n * dim, 14);
        const TestCache cache(k_, element, dim, 32, k, v);
        const auto q = random_floats(n_tokens * n_q * dim, 12);
        std::vector<float> scratch = attention_scratch(n_tokens * n_q, dim, n);
        std::vector<float> together(q.size() + 1, -7.0F);
        std::vector<float> alone(q.size() + 1, -7.0F);
        AttentionArgs args{};
        cache.fill(args);
        args.q = q.data();
        args.out = together.data();
        args.token_stride = n_q * dim;
        args.head_stride = args.head_dim = dim;
        args.n_tokens = n_tokens;
        args.n_q = n_q;
        args.n_positions = n_before + 1;
        args.window = window;
        args.scale = 0.5F;
        args.scratch = scratch.data();
        args.score_stride = (n + 15) / 16 * 16;
        k_.attention(args);
        args.n_tokens = 1;
        for (std::size_t t = 0; t < n_tokens; ++t) {
          args.q = &q[t * n_q * dim];
          args.out = &alone[t * n_q * dim];
          args.n_positions = n_before + 1 + t;
          k_.attention(args);
        }
        ASSERT_EQ(together, alone) << dim << " " << n_tokens << " " << n_q << " " << window;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, KernelsTest, testing::ValuesIn(tested_kernels()), kernels_name);

}  // namespace
}  // namespace wattle::engine
