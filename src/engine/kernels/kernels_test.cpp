// Every kernel of every instruction set this machine has, against plain loops in double precision,
// over odd lengths, misaligned rows and extreme values.
#include "engine/kernels/kernels.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "engine/buffer.hpp"
#include "engine/kernels/isa.hpp"
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

class KernelsTest : public testing::TestWithParam<Isa> {
 protected:
  const Kernels& k_ = kernels_for(GetParam());
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
  k_.quantize_tile(x.data(), 0, 1, 4, blocks.data());
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
  }
}

// The value of a product of quantised blocks, in double.
double block_dot(std::span<const float> weights, const std::vector<ActivationBlock>& x,
                 std::size_t first, std::size_t step) {
  double sum = 0;
  for (std::size_t c = 0; c < weights.size(); ++c) {
    const ActivationBlock& block = x[first + c / 32 * step];
    sum += double{weights[c]} * double{block.d} * block.q[c % 32];
  }
  return sum;
}

TEST_P(KernelsTest, PackedMatricesMatchTheReferenceFormatsForEveryTile) {
  ThreadPool pool(1);
  // One format of each packed type whose blocks are of 32, or of 256.
  for (const TensorType type :
       {TensorType::q4_0, TensorType::q8_0, TensorType::q4_1, TensorType::q5_1, TensorType::q5_0,
        TensorType::q6_k, TensorType::q4_k}) {
    const std::size_t unit = info(type).block_elements / kQuantBlock;
    for (const std::size_t n_rows : {1UL, 7UL, 8UL, 9UL, 16UL, 17UL, 40UL}) {
      for (const std::size_t n_units : {1UL, 2UL, 5UL}) {
        if (unit > 1 && (n_units > 2 || n_rows > 17)) continue;
        const std::size_t n_blocks = n_units * unit;
        const std::size_t n_cols = n_blocks * kQuantBlock;
        auto w = random_floats(n_rows * n_cols, 10);
        auto x = random_floats(16 * n_cols, 11);
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
        quantize_row(type, w, bytes);
        dequantize_row(type, bytes, exact);
        matrix.rows = bytes.data();
        const Buffer memory = *Buffer::create(packed_bytes(type, n_rows, n_cols), "weights", "");
        pack(matrix, memory.data(), pool);
        const PackedRows rows = packed_rows(matrix);
        std::vector<std::vector<float>> alone(16);
        for (std::size_t tile = 1; tile <= k_.token_tile; tile *= 2) {
          for (std::size_t t0 = 0; t0 + tile <= 16; t0 += tile) {
            std::vector<ActivationBlock> blocks(tile * n_blocks);
            k_.quantize_tile(x.data() + t0 * n_cols, n_cols, tile, n_blocks, blocks.data());
            std::vector<float> out(tile * (n_rows + 1), -7.0F);
            k_.matmul_packed(rows, blocks.data(), tile, out.data(), n_rows + 1);
            for (std::size_t t = 0; t < tile; ++t) {
              const float* row = out.data() + t * (n_rows + 1);
              for (std::size_t r = 0; r < n_rows; ++r) {
                const double expected =
                    block_dot({exact.data() + r * n_cols, n_cols}, blocks, t, tile);
                // Scales and minima of blocks of 256, products of two numbers, are rounded to F16.
                ASSERT_NEAR(row[r], expected, unit > 1 ? 0.1 : 1e-4)
                    << info(type).name << " " << n_rows << " " << n_blocks << " " << tile;
              }
              ASSERT_EQ(row[n_rows], -7.0F) << "wrote past the last row";
              if (tile == 1) alone[t0].assign(row, row + n_rows);
              ASSERT_TRUE(std::equal(row, row + n_rows, alone[t0 + t].begin()))
                  << "the tile changed the bits";
            }
          }
        }
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
    for (const bool f16 : {false, true}) {
      for (const std::size_t head_dim : {2UL, 8UL, 20UL, 64UL}) {
        for (const std::size_t n : {1UL, 15UL, 16UL, 17UL, 50UL}) {
          if (left_out >= n) continue;
          for (const std::size_t n_q : {1UL, 3UL, 8UL}) {
            const std::size_t padded = (n + 15) / 16 * 16;
            const std::size_t stride = (head_dim + 15) / 16 * 16;
            const auto q = random_floats(n_q * head_dim, 12);
            auto k = random_floats(n * head_dim, 13, 3.0F);
            auto v = random_floats(n * head_dim, 14);
            if (f16) {
              for (auto* values : {&k, &v}) {
                for (float& x : *values) x = f16_to_f32(f32_to_f16(x));
              }
            }
            // Unused positions hold what an earlier sequence left: it must not matter.
            std::vector<float> keys(padded * head_dim, 1e4F);
            std::vector<float> values(padded * stride, 0.0F);
            for (std::size_t p = 0; p < n; ++p) {
              for (std::size_t d = 0; d < head_dim; ++d) {
                keys[p / 16 * 16 * head_dim + d * 16 + p % 16] = k[p * head_dim + d];
                values[p * stride + d] = v[p * head_dim + d];
              }
            }
            std::vector<std::uint16_t> keys16;
            std::vector<std::uint16_t> values16;
            for (const float x : keys) keys16.push_back(f32_to_f16(x));
            for (const float x : values) values16.push_back(f32_to_f16(x));
            std::vector<float> scores(n_q * padded);
            std::vector<float> out(n_q * head_dim + 1, -7.0F);
            AttentionArgs args{};
            args.q = q.data();
            args.q_stride = args.head_dim = args.out_stride = head_dim;
            args.n_q = n_q;
            args.keys = f16 ? static_cast<const void*>(keys16.data()) : keys.data();
            args.values = f16 ? static_cast<const void*>(values16.data()) : values.data();
            args.value_stride = stride;
            args.f16 = f16;
            args.n_positions = n;
            args.first_position = left_out;
            args.scale = 0.5F;
            args.softcap = static_cast<float>(softcap);
            args.scores = scores.data();
            args.score_stride = padded;
            args.out = out.data();
            k_.attention(args);
            for (std::size_t g = 0; g < n_q; ++g) {
              std::vector<double> weight(n);
              double total = 0;
              for (std::size_t p = 0; p < n; ++p) {
                double score = 0;
                for (std::size_t d = 0; d < head_dim; ++d) {
                  score += double{q[g * head_dim + d]} * double{k[p * head_dim + d]};
                }
                score *= 0.5;
                if (softcap > 0.0) score = softcap * std::tanh(score / softcap);
                weight[p] = p < left_out ? 0.0 : std::exp(score);
                total += weight[p];
              }
              for (std::size_t d = 0; d < head_dim; ++d) {
                double expected = 0;
                for (std::size_t p = 0; p < n; ++p) {
                  expected += weight[p] / total * double{v[p * head_dim + d]};
                }
                ASSERT_NEAR(out[g * head_dim + d], expected, 2e-5) << head_dim << " " << n;
              }
            }
            ASSERT_EQ(out.back(), -7.0F);
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, KernelsTest, testing::ValuesIn(available_isas()),
                         [](const auto& isa) { return std::string(isa_name(isa.param)); });

TEST(Isa, NamesThatAreUnknownOrAbsentAreErrorsThatListTheAvailable) {
  EXPECT_EQ(*choose_isa("scalar"), Isa::scalar);
  EXPECT_EQ(*choose_isa(""), available_isas().back());
  const auto unknown = choose_isa("sse9");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(unknown.error().message().find("scalar"), std::string::npos);
  if (available_isas().back() != Isa::avx512) {
    EXPECT_EQ(choose_isa("avx512").error().code, ErrorCode::unavailable);
  }
}

}  // namespace
}  // namespace wattle::engine
