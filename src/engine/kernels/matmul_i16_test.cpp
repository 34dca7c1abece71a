// Products in 16-bit integers against the same sums in plain code, bit for bit; packing and
// quantising within their bounds; values at the ends of what floats hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "engine/buffer.hpp"
#include "engine/kernels/test_kernels.hpp"
#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kBlockQuants = kRowGroup * kQuantBlock;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

bool same_bits(float a, float b) {
  return std::isnan(a) ? std::isnan(b)
                       : std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

// A packed matrix after the layout in kernels.hpp; `at` finds the element of a row and column.
class Weights {
 public:
  Weights(std::size_t n_rows, std::size_t n_blocks)
      : n_rows_(n_rows),
        n_blocks_(n_blocks),
        n_groups_((n_rows + kRowGroup - 1) / kRowGroup),
        quants_(*Buffer::create(n_groups_ * n_blocks * kBlockQuants * 2, "weights", "")),
        exponents_(n_groups_ * n_blocks * kRowGroup, 0) {}

  std::int16_t& at(std::size_t row, std::size_t column) const {
    const std::size_t c = column % kQuantBlock;
    return group(row / kRowGroup)[column / kQuantBlock * kBlockQuants + 32 * (c / 2) +
                                  2 * (row % kRowGroup) + c % 2];
  }
  std::uint8_t& exponent(std::size_t row, std::size_t block) {
    return exponents_[(row / kRowGroup * n_blocks_ + block) * kRowGroup + row % kRowGroup];
  }
  // Packs n_rows rows of so many bytes.
  void pack(const Kernels& kernels, FloatType type, const void* data) {
    const std::size_t row_bytes = n_blocks_ * kQuantBlock * 2;
    for (std::size_t g = 0; g < n_groups_; ++g) {
      const std::size_t first = g * kRowGroup;
      kernels.pack_i16({type, static_cast<const char*>(data) + first * row_bytes, row_bytes,
                        std::min(kRowGroup, n_rows_ - first), n_blocks_ * kQuantBlock},
                       group(g), &exponents_[g * n_blocks_ * kRowGroup]);
    }
  }
  [[nodiscard]] RowsI16 rows() const { return {group(0), exponents_.data(), n_blocks_, n_rows_}; }
  [[nodiscard]] std::size_t n_padded() const { return n_groups_ * kRowGroup; }

 private:
  [[nodiscard]] std::int16_t* group(std::size_t g) const {
    return reinterpret_cast<std::int16_t*>(quants_.data()) + g * n_blocks_ * kBlockQuants;
  }
  std::size_t n_rows_, n_blocks_, n_groups_;
  Buffer quants_;
  std::vector<std::uint8_t> exponents_;
};

std::vector<std::uint16_t> halves(FloatType type, const std::vector<float>& values) {
  std::vector<std::uint16_t> out;
  for (const float v : values) {
    out.push_back(type == FloatType::f16 ? f32_to_f16(v) : f32_to_bf16(v));
  }
  return out;
}
float widened(FloatType type, std::uint16_t half) {
  return type == FloatType::f16 ? f16_to_f32(half) : bf16_to_f32(half);
}

std::vector<float> random_floats(std::size_t n, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = normal(random);
  return values;
}

class MatmulI16Test : public testing::TestWithParam<const Kernels*> {
 protected:
  void SetUp() override {
    if (k_.matmul_i16 == nullptr) GTEST_SKIP() << k_.name << " multiplies halves in F32";
  }

  // [n, n_rows] of tokens begin … begin + n − 1
  std::vector<float> multiply(const RowsI16& rows, const std::vector<ActivationBlockI16>& x,
                              std::size_t begin, std::size_t n) const {
    const std::size_t stride = rows.n_rows + 1;
    std::vector<float> padded(n * stride, -7.0F);
    k_.matmul_i16(rows, &x[begin * rows.n_blocks], n, padded.data(), stride);
    std::vector<float> out;
    for (std::size_t t = 0; t < n; ++t) {
      const float* row = &padded[t * stride];
      out.insert(out.end(), row, row + rows.n_rows);
      EXPECT_EQ(row[rows.n_rows], -7.0F) << "wrote past the last row";
    }
    return out;
  }

  std::vector<ActivationBlockI16> quantized(const std::vector<float>& x) const {
    std::vector<ActivationBlockI16> blocks(x.size() / kQuantBlock);
    k_.quantize_i16(x.data(), blocks.size(), blocks.data());
    return blocks;
  }

  const Kernels& k_ = *GetParam();
};

// What an output is defined as: exact sums of 32 products, each times scale times scale, in F32.
std::vector<float> defined(Weights& weights, const std::vector<ActivationBlockI16>& x) {
  const RowsI16 rows = weights.rows();
  std::vector<float> out;
  for (std::size_t i = 0; i < x.size(); i += rows.n_blocks) {
    for (std::size_t r = 0; r < rows.n_rows; ++r) {
      float sum = 0;
      for (std::size_t b = 0; b < rows.n_blocks; ++b) {
        std::int64_t dot = 0;
        for (std::size_t c = 0; c < kQuantBlock; ++c) {
          dot += std::int64_t{weights.at(r, b * kQuantBlock + c)} * x[i + b].q[c];
        }
        const float scale = std::bit_cast<float>(std::uint32_t{weights.exponent(r, b)} << 23U);
        sum = std::fma(static_cast<float>(dot), scale * x[i + b].scale, sum);
      }
      out.push_back(sum);
    }
  }
  return out;
}

// `bounds`: only the largest magnitudes there are.
std::int16_t draw(std::mt19937& random, bool bounds) {
  if (bounds) return static_cast<std::int16_t>((random() & 1U) != 0 ? kI16Levels : -kI16Levels);
  return static_cast<std::int16_t>(static_cast<int>(random() % (2 * kI16Levels + 1)) - kI16Levels);
}

TEST_P(MatmulI16Test, IsTheExactSumsForEveryShapeAndNumberOfTokens) {
  constexpr std::size_t kTokens = 20;
  std::mt19937 random(1);
  for (const std::size_t n_rows : {1UL, 15UL, 16UL, 17UL, 32UL, 33UL, 71UL}) {
    for (std::size_t n_blocks = 1; n_blocks <= 7; ++n_blocks) {
      Weights weights(n_rows, n_blocks);
      for (std::size_t r = 0; r < n_rows; ++r) {
        for (std::size_t c = 0; c < n_blocks * kQuantBlock; ++c) {
          weights.at(r, c) = r % 3 == 0 ? kI16Levels : draw(random, r % 3 == 1);
        }
        for (std::size_t b = 0; b < n_blocks; ++b) {
          weights.exponent(r, b) = static_cast<std::uint8_t>(100 + random() % 20);
        }
      }
      std::vector<ActivationBlockI16> x(kTokens * n_blocks);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t token = i / n_blocks;
        for (auto& q : x[i].q) {
          q = token % 3 == 0 ? static_cast<std::int16_t>(-kI16Levels)
                             : draw(random, token % 3 == 1);
        }
        x[i].scale = static_cast<float>(random() % 1000U + 1) * 1e-4F;
      }
      const std::vector<float> expected = defined(weights, x);
      for (std::size_t n = 1; n <= kTokens; ++n) {
        for (std::size_t begin = 0; begin + n <= kTokens; begin += n) {
          const std::vector<float> out = multiply(weights.rows(), x, begin, n);
          for (std::size_t i = 0; i < out.size(); ++i) {
            ASSERT_TRUE(same_bits(out[i], expected[begin * n_rows + i]))
                << n_rows << " rows, " << n_blocks << " blocks, " << n << " tokens: " << out[i]
                << ", " << expected[begin * n_rows + i];
          }
        }
      }
    }
  }
}

// Wider and longer than what the kernel takes at a time.
TEST_P(MatmulI16Test, SumsAreTheSameAcrossChunksAndBlocksOfTokens) {
  constexpr std::size_t kRows = 37;
  constexpr std::size_t kBlocks = 131;
  constexpr std::size_t kTokens = 133;
  Weights weights(kRows, kBlocks);
  const auto w = halves(FloatType::f16, random_floats(kRows * kBlocks * kQuantBlock, 2));
  weights.pack(k_, FloatType::f16, w.data());
  const auto x = quantized(random_floats(kTokens * kBlocks * kQuantBlock, 3));
  const std::vector<float> expected = defined(weights, x);
  EXPECT_EQ(multiply(weights.rows(), x, 0, kTokens), expected);
  for (std::size_t t = 0; t < kTokens; t += 11) {
    const std::vector<float> alone = multiply(weights.rows(), x, t, 1);
    EXPECT_TRUE(
        std::equal(alone.begin(), alone.end(), expected.begin() + static_cast<long>(t * kRows)));
  }
}

TEST_P(MatmulI16Test, WeightsAreWithinHalfAStepAndTheLargerOnesExact) {
  constexpr std::size_t kRows = 19;
  constexpr std::size_t kBlocks = 7;
  for (const FloatType type : {FloatType::f16, FloatType::bf16}) {
    auto values = random_floats(kRows * kBlocks * kQuantBlock, 4);
    // Whole blocks: zeros; the smallest of F16; small in F32; the largest of F16.
    const float scales[] = {0.0F, 0x1p-24F, type == FloatType::f16 ? 1e-6F : 1e-30F, 12000.0F};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t block = i / kQuantBlock;
      if (block % 5 < 4) values[i] = std::clamp(values[i], -5.0F, 5.0F) * scales[block % 5];
    }
    const auto w = halves(type, values);
    Weights weights(kRows, kBlocks);
    weights.pack(k_, type, w.data());
    for (std::size_t i = 0; i < w.size(); i += kQuantBlock) {
      const std::size_t row = i / (kBlocks * kQuantBlock);
      const std::size_t block = i / kQuantBlock % kBlocks;
      float largest = 0;
      for (std::size_t c = 0; c < kQuantBlock; ++c) {
        largest = std::max(largest, std::abs(widened(type, w[i + c])));
      }
      const float scale = std::bit_cast<float>(std::uint32_t{weights.exponent(row, block)} << 23U);
      EXPECT_LE(scale, largest / 4096.0F);
      for (std::size_t c = 0; c < kQuantBlock; ++c) {
        const float value = widened(type, w[i + c]);
        const int q = weights.at(row, block * kQuantBlock + c);
        ASSERT_LE(std::abs(q), kI16Levels);
        // Halves have 11 significant bits, 8 in BF16, and the largest has 13 here.
        const float exact_from = largest / (type == FloatType::f16 ? 4.0F : 32.0F);
        const float bound = std::abs(value) >= exact_from ? 0.0F : scale / 2;
        ASSERT_LE(std::abs(static_cast<float>(q) * scale - value), bound)
            << value << ", " << largest;
      }
    }
    for (std::size_t r = kRows; r < weights.n_padded(); ++r) {
      EXPECT_EQ(weights.exponent(r, 0), 0);
      EXPECT_EQ(weights.at(r, 5), 0);
    }
  }
}

TEST_P(MatmulI16Test, ActivationsAreWithinHalfAStep) {
  auto x = random_floats(6 * kQuantBlock, 5);
  const float scales[] = {1.0F, 0.0F, 1e-29F, 1e-31F, 1e37F, 1e4F};
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= scales[i / kQuantBlock];
  // From any float on.
  for (std::size_t offset = 0; offset < 16; ++offset) {
    std::vector<float> moved(offset, 0.0F);
    moved.insert(moved.end(), x.begin(), x.end());
    std::vector<ActivationBlockI16> blocks(6);
    k_.quantize_i16(moved.data() + offset, 6, blocks.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const ActivationBlockI16& block = blocks[i / kQuantBlock];
      const int q = block.q[i % kQuantBlock];
      EXPECT_LE(std::abs(q), kI16Levels);
      const double error = double{block.scale} * q - double{x[i]};
      // What is below 1e-30 may become zero.
      EXPECT_LE(std::abs(error), 0.501 * double{block.scale} + 1e-30) << x[i];
    }
  }
}

TEST_P(MatmulI16Test, TheErrorOfAWholeProductIsSmall) {
  constexpr std::size_t kRows = 45;
  constexpr std::size_t kBlocks = 64;
  constexpr std::size_t kCols = kBlocks * kQuantBlock;
  constexpr std::size_t kTokens = 9;
  const auto x = random_floats(kTokens * kCols, 6);
  for (const FloatType type : {FloatType::f16, FloatType::bf16}) {
    const auto w = halves(type, random_floats(kRows * kCols, 7));
    Weights weights(kRows, kBlocks);
    weights.pack(k_, type, w.data());
    const auto out = multiply(weights.rows(), quantized(x), 0, kTokens);
    double error = 0;
    double total = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      double sum = 0;
      for (std::size_t c = 0; c < kCols; ++c) {
        sum += double{widened(type, w[i % kRows * kCols + c])} * double{x[i / kRows * kCols + c]};
      }
      error += std::pow(double{out[i]} - sum, 2);
      total += sum * sum;
    }
    EXPECT_LE(error / total, 2e-8) << (type == FloatType::f16 ? "F16" : "BF16");
  }
}

TEST_P(MatmulI16Test, InfinitiesAndWhatIsNoNumberStayInTheirRowsAndTokens) {
  constexpr std::size_t kRows = 18;
  constexpr std::size_t kBlocks = 3;
  constexpr std::size_t kCols = kBlocks * kQuantBlock;
  constexpr std::size_t kTokens = 8;
  for (const FloatType type : {FloatType::f16, FloatType::bf16}) {
    auto values = random_floats(kRows * kCols, 8);
    values[3 * kCols + 40] = kInf;
    values[4 * kCols + 90] = -kInf;
    values[17 * kCols] = kNan;
    for (std::size_t c = 0; c < kCols; ++c) values[5 * kCols + c] = kInf;
    const auto w = halves(type, values);
    Weights weights(kRows, kBlocks);
    weights.pack(k_, type, w.data());
    auto x = random_floats(kTokens * kCols, 9);
    x[1 * kCols + 33] = kNan;
    x[2 * kCols + 95] = kInf;
    x[4 * kCols + 10] = -kInf;
    for (std::size_t c = 0; c < kCols; ++c) x[6 * kCols + c] = 0.0F;  // ∞·0 is no number
    x[7 * kCols + 50] = 3e38F;
    const auto out = multiply(weights.rows(), quantized(x), 0, kTokens);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t row = i % kRows;
      const std::size_t token = i / kRows;
      const bool odd_row = row == 3 || row == 4 || row == 5 || row == 17;
      const bool odd_token = token == 1 || token == 2 || token == 4;
      if (token == 7 && !odd_row) continue;  // as large as it may be
      EXPECT_EQ(std::isfinite(out[i]), !odd_row && !odd_token) << row << ", " << token;
    }
    for (std::size_t t = 0; t < kTokens; ++t) {
      const auto alone = multiply(weights.rows(), quantized(x), t, 1);
      for (std::size_t r = 0; r < kRows; ++r) {
        EXPECT_TRUE(same_bits(alone[r], out[t * kRows + r])) << r << ", " << t;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, MatmulI16Test, testing::ValuesIn(tested_kernels()), kernels_name);

}  // namespace
}  // namespace wattle::engine
