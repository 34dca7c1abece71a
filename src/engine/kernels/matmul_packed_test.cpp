// Packed products against plain integers: weights and activations at their bounds, scales that are
// tiny, infinite or no number. Packed here after the layout in kernels.hpp, not by the packer.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "engine/buffer.hpp"
#include "engine/kernels/test_kernels.hpp"
#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

constexpr std::uint16_t kOne = 0x3C00;   // in F16
constexpr std::uint16_t kTiny = 0x0001;  // 2⁻²⁴, a subnormal
constexpr std::uint16_t kInfinity = 0x7C00;
constexpr std::uint16_t kNan = 0x7E00;

constexpr std::size_t kTypes = std::size(kPackedLayouts);
constexpr std::size_t kRows = 21;    // a whole group, and one with rows that do not exist
constexpr std::size_t kBlocks = 8;   // what super types come in
constexpr std::size_t kTokens = 13;  // two tiles of the widest, and one

class Weights {
 public:
  explicit Weights(PackedType type)
      : layout_(kPackedLayouts[static_cast<std::size_t>(type)]),
        quants_(*Buffer::create(kGroups * kBlocks * layout_.quant_bytes, "weights", "")),
        scales_(*Buffer::create(kGroups * kBlocks / layout_.unit_blocks * layout_.scale_bytes,
                                "scales", "")) {
    std::memset(quants_.data(), 0, kGroups * kBlocks * layout_.quant_bytes);
    std::memset(scales_.data(), 0, kGroups * kBlocks / layout_.unit_blocks * layout_.scale_bytes);
    rows_ = {type, bytes(quants_), bytes(scales_), kGroups, kBlocks, kRows};
  }

  void set(std::size_t row, std::size_t column, unsigned q) {
    const std::size_t r = row % kRowGroup;
    const std::size_t c = column % kQuantBlock;
    const std::size_t i = c / 4;
    const std::size_t lane = 4 * r + c % 4;
    std::uint8_t* block =
        bytes(quants_) + (row / kRowGroup * kBlocks + column / kQuantBlock) * layout_.quant_bytes;
    const auto put = [](std::uint8_t& byte, unsigned value, unsigned shift) {
      byte = static_cast<std::uint8_t>(byte | (value << shift));
    };
    if (layout_.bits == 8) {
      block[64 * i + lane] = static_cast<std::uint8_t>(q);
      return;
    }
    put(block[64 * (i % 4) + lane], q & 15U, i < 4 ? 0 : 4);
    if (layout_.bits == 5) put(block[256 + lane], q >> 4U, static_cast<unsigned>(i));
    if (layout_.bits == 6) {
      put(block[256 + 64 * (i / 4) + lane], q >> 4U, static_cast<unsigned>(2 * (i % 4)));
    }
  }

  // Of all blocks of a row. The integers of super types are 1.
  void set_scales(std::size_t row, std::uint16_t scale, std::uint16_t min) {
    const std::size_t r = row % kRowGroup;
    const std::size_t units = kBlocks / layout_.unit_blocks;
    const std::size_t parts = layout_.halves ? 2 : 1;
    const bool super = layout_.unit_blocks == 8;
    for (std::size_t u = 0; u < units; ++u) {
      std::uint8_t* unit = bytes(scales_) + (row / kRowGroup * units + u) * layout_.scale_bytes;
      const auto put = [unit, r](std::size_t vector, std::uint16_t value) {
        std::memcpy(unit + (vector * kRowGroup + r) * 2, &value, 2);
      };
      const std::size_t scale_vectors = super ? 1 : parts;
      for (std::size_t h = 0; h < scale_vectors; ++h) {
        put(h, scale);
        if (layout_.mins) put(scale_vectors + h, min);
      }
      if (!super) continue;
      std::uint8_t* ones = unit + (layout_.mins ? 64 : 32);
      for (std::size_t i = 0; i < 16; ++i) ones[i * kRowGroup + r] = 1;
    }
  }

  [[nodiscard]] const PackedRows& rows() const { return rows_; }
  [[nodiscard]] const PackedLayout& layout() const { return layout_; }
  [[nodiscard]] unsigned largest() const {
    return rows_.type == PackedType::q8_halves_min ? 63U : (1U << layout_.bits) - 1U;
  }

 private:
  static constexpr std::size_t kGroups = (kRows + kRowGroup - 1) / kRowGroup;
  static std::uint8_t* bytes(const Buffer& buffer) {
    return reinterpret_cast<std::uint8_t*>(buffer.data());
  }
  PackedLayout layout_;
  Buffer quants_, scales_;
  PackedRows rows_{};
};

ActivationBlock block_of(const std::array<int, kQuantBlock>& q, float d) {
  ActivationBlock block{};
  std::array<int, 2> half = {0, 0};
  for (std::size_t c = 0; c < kQuantBlock; ++c) {
    block.q[c] = static_cast<std::int8_t>(q[c]);
    half[c / 16] += q[c];
  }
  block.d = d;
  block.minus_8_sum = -8 * (half[0] + half[1]);
  block.minus_128_sum = -128 * (half[0] + half[1]);
  block.shift = d * static_cast<float>(half[0] + half[1]);
  for (std::size_t h = 0; h < 2; ++h) {
    block.minus_128_half[h] = -128 * half[h];
    block.half_shift[h] = d * static_cast<float>(half[h]);
  }
  return block;
}

// One of the bounds, for the given choice: all low, all high, alternating, at random.
bool high(std::size_t choice, std::size_t i, std::mt19937& random) {
  return choice == 0   ? false
         : choice == 1 ? true
         : choice == 2 ? i % 2 == 0
         : choice == 3 ? i % 3 == 0
                       : (random() & 1U) != 0;
}

class MatmulPackedTest : public testing::TestWithParam<const Kernels*> {
 protected:
  // [n, kRows] of tokens begin … begin + n − 1
  std::vector<float> multiply(const Weights& weights, const std::vector<ActivationBlock>& x,
                              std::size_t begin, std::size_t n) const {
    std::vector<float> out(n * kRows, -7.0F);
    GetParam()->matmul_packed(weights.rows(), &x[begin * kBlocks], n, out.data(), kRows);
    return out;
  }

  // The bits of each token alone, or what is no number in the same places.
  void expect_same_in_every_tile(const Weights& weights,
                                 const std::vector<ActivationBlock>& x) const {
    for (std::size_t n = 2; n <= kTokens; ++n) {
      const std::vector<float> together = multiply(weights, x, 0, n);
      for (std::size_t t = 0; t < n; ++t) {
        const std::vector<float> alone = multiply(weights, x, t, 1);
        for (std::size_t r = 0; r < kRows; ++r) {
          const float a = together[t * kRows + r];
          ASSERT_TRUE(std::isnan(a) ? std::isnan(alone[r])
                                    : std::bit_cast<std::uint32_t>(a) ==
                                          std::bit_cast<std::uint32_t>(alone[r]))
              << "row " << r << " of token " << t << " of " << n << ": " << a << ", " << alone[r];
        }
      }
    }
  }
};

TEST_P(MatmulPackedTest, WeightsAndActivationsAtTheirBoundsGiveTheExactIntegers) {
  std::mt19937 random(1);
  for (std::size_t type = 0; type < kTypes; ++type) {
    Weights weights(static_cast<PackedType>(type));
    std::vector<std::array<int, kBlocks * kQuantBlock>> w(kRows);
    for (std::size_t r = 0; r < kRows; ++r) {
      weights.set_scales(r, kOne, kOne);
      for (std::size_t c = 0; c < w[r].size(); ++c) {
        const unsigned q = high(r % 5, c, random) ? weights.largest() : 0U;
        weights.set(r, c, q);
        w[r][c] = static_cast<int>(q) - (weights.layout().mins ? 1 : weights.layout().zero);
      }
    }
    std::vector<ActivationBlock> x;
    for (std::size_t b = 0; b < kTokens * kBlocks; ++b) {
      std::array<int, kQuantBlock> q{};
      for (std::size_t c = 0; c < kQuantBlock; ++c) {
        q[c] = high(b / kBlocks % 5, c, random) ? 127 : -127;
      }
      x.push_back(block_of(q, 1.0F));
    }
    // Sums of 17 bits are halved there: each may lose a half.
    const PackedLayout& layout = weights.layout();
    const bool halved = rounds_scales(*GetParam()) && layout.unit_blocks > 1 && layout.bits > 4;
    const double rounding = halved ? kBlocks * (layout.halves ? 2.0 : 1.0) : 0.0;
    for (const std::size_t n : {std::size_t{1}, kTokens}) {
      for (std::size_t begin = 0; begin + n <= kTokens; ++begin) {
        const std::vector<float> out = multiply(weights, x, begin, n);
        for (std::size_t i = 0; i < out.size(); ++i) {
          long sum = 0;
          for (std::size_t c = 0; c < kBlocks * kQuantBlock; ++c) {
            const ActivationBlock& block = x[(begin + i / kRows) * kBlocks + c / kQuantBlock];
            sum += w[i % kRows][c] * block.q[c % kQuantBlock];
          }
          ASSERT_NEAR(out[i], static_cast<double>(sum), rounding)
              << "type " << type << ", row " << i % kRows;
        }
      }
    }
    expect_same_in_every_tile(weights, x);
  }
}

// Scales and minima far apart and of both signs. The integers of super types are 1 here, of 63 or
// 127, so instruction sets that hold scales in 14 bits have 7 or 8 left.
TEST_P(MatmulPackedTest, ScalesAndMinimaMayDifferByMagnitudesAndSigns) {
  constexpr std::array<double, 5> kScales = {1.0, -1.0, 0x1p-12, 96.0, 0.0};
  constexpr std::array<double, 4> kMins = {0.0, 1.5, -1000.0, 0x1p-10};
  std::mt19937 random(4);
  for (std::size_t type = 0; type < kTypes; ++type) {
    Weights weights(static_cast<PackedType>(type));
    const auto scale_of = [&](std::size_t r) -> double { return kScales[r % kScales.size()]; };
    const auto min_of = [&](std::size_t r) -> double {
      return weights.layout().mins ? kMins[r % kMins.size()] : 0.0;
    };
    std::vector<std::array<int, kBlocks * kQuantBlock>> q(kRows);
    for (std::size_t r = 0; r < kRows; ++r) {
      weights.set_scales(r, f32_to_f16(static_cast<float>(scale_of(r))),
                         f32_to_f16(static_cast<float>(min_of(r))));
      for (std::size_t c = 0; c < q[r].size(); ++c) {
        q[r][c] = static_cast<int>(random() % (weights.largest() + 1));
        weights.set(r, c, static_cast<unsigned>(q[r][c]));
        if (!weights.layout().mins) q[r][c] -= weights.layout().zero;
      }
    }
    std::vector<ActivationBlock> x;
    for (std::size_t b = 0; b < kTokens * kBlocks; ++b) {
      std::array<int, kQuantBlock> values{};
      for (int& v : values) v = static_cast<int>(random() % 255U) - 127;
      x.push_back(block_of(values, 0.5F));
    }
    const std::vector<float> out = multiply(weights, x, 0, kTokens);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t r = i % kRows;
      double sum = 0;
      double magnitudes = 0;
      for (std::size_t c = 0; c < kBlocks * kQuantBlock; ++c) {
        const ActivationBlock& block = x[i / kRows * kBlocks + c / kQuantBlock];
        const double activation = 0.5 * block.q[c % kQuantBlock];
        sum += (scale_of(r) * q[r][c] - min_of(r)) * activation;
        magnitudes +=
            std::abs(activation) * (std::abs(scale_of(r) * q[r][c]) + std::abs(min_of(r)));
      }
      const bool rounds = rounds_scales(*GetParam()) && weights.layout().unit_blocks > 1;
      ASSERT_NEAR(out[i], sum, magnitudes * (rounds ? 0x1p-7 : 1e-6))
          << "type " << type << " " << r;
    }
    expect_same_in_every_tile(weights, x);
  }
}

TEST_P(MatmulPackedTest, SubnormalScalesAreNotFlushed) {
  for (std::size_t type = 0; type < kTypes; ++type) {
    Weights weights(static_cast<PackedType>(type));
    const int q = static_cast<int>(weights.largest());
    for (std::size_t r = 0; r < kRows; ++r) {
      weights.set_scales(r, kTiny, 0);
      weights.set(r, 3, weights.largest());
    }
    const int zero = weights.layout().zero;
    std::vector<ActivationBlock> x;
    for (std::size_t b = 0; b < kTokens * kBlocks; ++b) {
      std::array<int, kQuantBlock> activations{};
      if (b % kBlocks == 0) activations[3] = 100;
      x.push_back(block_of(activations, b / kBlocks % 2 == 0 ? 1.0F : 0x1p-120F));
    }
    for (std::size_t t = 0; t < kTokens; ++t) {
      const float scale = t % 2 == 0 ? 0x1p-24F : 0x1p-144F;
      const float expected = static_cast<float>(100 * (q - zero)) * scale;
      EXPECT_NE(expected, 0.0F);
      for (const float out : multiply(weights, x, t, 1)) EXPECT_EQ(out, expected) << type;
    }
    expect_same_in_every_tile(weights, x);
  }
}

TEST_P(MatmulPackedTest, InfinitiesAndWhatIsNoNumberStayInTheirRowsAndTokens) {
  constexpr std::uint16_t kMinus = 0x8000;
  const std::array<std::uint16_t, 4> odd = {kInfinity, kInfinity | kMinus, kNan, kOne};
  for (std::size_t type = 0; type < kTypes; ++type) {
    Weights weights(static_cast<PackedType>(type));
    std::mt19937 random(2);
    for (std::size_t r = 0; r < kRows; ++r) {
      weights.set_scales(r, odd[r % 4], odd[r / 4 % 4]);
      for (std::size_t c = 0; c < kBlocks * kQuantBlock; ++c) {
        weights.set(r, c, static_cast<unsigned>(random()) % (weights.largest() + 1));
      }
    }
    std::vector<ActivationBlock> x;
    constexpr std::array<float, 4> kScales = {1.0F, 1e38F, 0.25F, -HUGE_VALF};
    for (std::size_t b = 0; b < kTokens * kBlocks; ++b) {
      std::array<int, kQuantBlock> q{};
      for (int& v : q) v = static_cast<int>(random() % 255U) - 127;
      x.push_back(block_of(q, kScales[b / kBlocks % 4]));
    }
    const std::vector<float> out = multiply(weights, x, 0, kTokens);
    EXPECT_TRUE(std::isnan(out[2])) << "a scale that is no number";
    EXPECT_FALSE(std::isfinite(out[0])) << "an infinite scale";
    EXPECT_TRUE(std::isfinite(out[weights.layout().mins ? 15 : 3])) << "row of a neighbour";
    expect_same_in_every_tile(weights, x);
  }
}

TEST_P(MatmulPackedTest, ActivationsMayLieAtAnyFloat) {
  constexpr std::size_t kCount = 4 * kQuantBlock;
  std::vector<float> x(kCount + 16);
  std::mt19937 random(3);
  for (float& v : x) v = static_cast<float>(random() % 2001U) / 100.0F - 10.0F;
  std::vector<ActivationBlock> first(4);
  GetParam()->quantize(x.data(), 4, first.data());
  for (std::size_t offset = 1; offset < 16; ++offset) {
    std::vector<float> moved(offset, 0.0F);
    moved.insert(moved.end(), x.begin(), x.begin() + kCount);
    std::vector<ActivationBlock> blocks(4);
    GetParam()->quantize(moved.data() + offset, 4, blocks.data());
    for (std::size_t b = 0; b < 4; ++b) {
      EXPECT_TRUE(std::ranges::equal(blocks[b].q, first[b].q)) << offset;
      EXPECT_EQ(blocks[b].d, first[b].d) << offset;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, MatmulPackedTest, testing::ValuesIn(tested_kernels()), kernels_name);

}  // namespace
}  // namespace wattle::engine
