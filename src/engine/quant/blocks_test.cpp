// Blocks built field by field from known scales and weights, the way the format's documents
// describe them, must come out as the formula says.
#include "engine/quant/blocks.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "engine/quant.hpp"

namespace wattle::engine {
namespace {

// Random fields of one block of 256 weights.
struct Fields {
  std::array<unsigned, 256> q{};
  std::array<unsigned, 16> scale{};
  std::array<unsigned, 16> min{};
};

class Blocks : public testing::Test {
 protected:
  Fields draw(unsigned q_levels, unsigned scale_levels, unsigned min_levels) {
    Fields fields;
    for (auto& q : fields.q) q = static_cast<unsigned>(random_() % q_levels);
    for (auto& scale : fields.scale) scale = static_cast<unsigned>(random_() % scale_levels);
    for (auto& min : fields.min) min = static_cast<unsigned>(random_() % min_levels);
    return fields;
  }

  static void put(std::vector<std::byte>& block, std::size_t at, unsigned bits) {
    block[at] |= static_cast<std::byte>(bits);
  }
  static void put_half(std::vector<std::byte>& block, std::size_t at, float value) {
    const std::uint16_t half = f32_to_f16(value);
    std::memcpy(&block[at], &half, 2);
  }

  // 6-bit scales and minima of Q4_K and Q5_K, at offset 4.
  static void put_scales_of_eight(std::vector<std::byte>& block, const Fields& fields) {
    for (std::size_t i = 0; i < 4; ++i) {
      put(block, 4 + i, fields.scale[i] | ((fields.scale[i + 4] >> 4U) << 6U));
      put(block, 8 + i, fields.min[i] | ((fields.min[i + 4] >> 4U) << 6U));
      put(block, 12 + i, (fields.scale[i + 4] & 15U) | ((fields.min[i + 4] & 15U) << 4U));
    }
  }

  template <class Formula>
  static void expect(TensorType type, const std::vector<std::byte>& block, Formula formula) {
    std::vector<float> out(info(type).block_elements);
    dequantize_row(type, block, out);
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_FLOAT_EQ(out[i], formula(i)) << i;
  }

  static constexpr float kD = 0.25F;
  static constexpr float kDMin = 0.5F;
  std::mt19937 random_{7};
};

TEST_F(Blocks, Q2K) {
  const Fields f = draw(4, 16, 16);
  std::vector<std::byte> block(84);
  for (std::size_t i = 0; i < 16; ++i) put(block, i, f.scale[i] | (f.min[i] << 4U));
  for (std::size_t i = 0; i < 256; ++i) {
    put(block, 16 + 32 * (i / 128) + i % 32, f.q[i] << (2 * (i % 128 / 32)));
  }
  put_half(block, 80, kD);
  put_half(block, 82, kDMin);
  expect(TensorType::q2_k, block, [&](std::size_t i) {
    return kD * static_cast<float>(f.scale[i / 16] * f.q[i]) -
           kDMin * static_cast<float>(f.min[i / 16]);
  });
}

TEST_F(Blocks, Q3K) {
  const Fields f = draw(8, 64, 1);
  std::vector<std::byte> block(110);
  for (std::size_t i = 0; i < 256; ++i) {
    put(block, i % 32, (f.q[i] >> 2U) << (i / 32));
    put(block, 32 + 32 * (i / 128) + i % 32, (f.q[i] & 3U) << (2 * (i % 128 / 32)));
  }
  for (std::size_t i = 0; i < 16; ++i) {
    put(block, 96 + i % 8, (f.scale[i] & 15U) << (i < 8 ? 0U : 4U));
    put(block, 104 + i % 4, (f.scale[i] >> 4U) << (2 * (i / 4)));
  }
  put_half(block, 108, kD);
  expect(TensorType::q3_k, block, [&](std::size_t i) {
    return kD * (static_cast<float>(f.scale[i / 16]) - 32.0F) * (static_cast<float>(f.q[i]) - 4.0F);
  });
}

TEST_F(Blocks, Q4K) {
  const Fields f = draw(16, 64, 64);
  std::vector<std::byte> block(144);
  put_half(block, 0, kD);
  put_half(block, 2, kDMin);
  put_scales_of_eight(block, f);
  for (std::size_t i = 0; i < 256; ++i) {
    put(block, 16 + 32 * (i / 64) + i % 32, f.q[i] << (i % 64 < 32 ? 0U : 4U));
  }
  expect(TensorType::q4_k, block, [&](std::size_t i) {
    return kD * static_cast<float>(f.scale[i / 32] * f.q[i]) -
           kDMin * static_cast<float>(f.min[i / 32]);
  });
}

TEST_F(Blocks, Q5K) {
  const Fields f = draw(32, 64, 64);
  std::vector<std::byte> block(176);
  put_half(block, 0, kD);
  put_half(block, 2, kDMin);
  put_scales_of_eight(block, f);
  for (std::size_t i = 0; i < 256; ++i) {
    put(block, 16 + i % 32, (f.q[i] >> 4U) << (i / 32));
    put(block, 48 + 32 * (i / 64) + i % 32, (f.q[i] & 15U) << (i % 64 < 32 ? 0U : 4U));
  }
  expect(TensorType::q5_k, block, [&](std::size_t i) {
    return kD * static_cast<float>(f.scale[i / 32] * f.q[i]) -
           kDMin * static_cast<float>(f.min[i / 32]);
  });
}

TEST_F(Blocks, Q6K) {
  const Fields f = draw(64, 256, 1);
  std::vector<std::byte> block(210);
  for (std::size_t i = 0; i < 256; ++i) {
    const std::size_t quarter = i % 128 / 32;
    put(block, 64 * (i / 128) + 32 * (quarter % 2) + i % 32,
        (f.q[i] & 15U) << (quarter < 2 ? 0U : 4U));
    put(block, 128 + 32 * (i / 128) + i % 32, (f.q[i] >> 4U) << (2 * quarter));
  }
  for (std::size_t i = 0; i < 16; ++i) put(block, 192 + i, f.scale[i]);
  put_half(block, 208, kD);
  expect(TensorType::q6_k, block, [&](std::size_t i) {
    return kD * static_cast<float>(static_cast<std::int8_t>(f.scale[i / 16])) *
           (static_cast<float>(f.q[i]) - 32.0F);
  });
}

TEST_F(Blocks, TablesOfLevels) {
  std::vector<std::byte> block(18);
  put_half(block, 0, 2.0F);
  block[2] = std::byte{0xF0};  // weight 0: the lowest level, weight 16: the highest
  block[17] = std::byte{0x78};
  std::vector<float> out(32);
  dequantize_row(TensorType::iq4_nl, block, out);
  EXPECT_EQ(out[0], -254.0F);
  EXPECT_EQ(out[16], 226.0F);
  EXPECT_EQ(out[15], 2.0F);
  EXPECT_EQ(out[31], -20.0F);

  std::vector<std::byte> wide(136);
  put_half(wide, 0, 1.0F);
  wide[2] = std::byte{0b11'10'01'00};  // upper bits of scales 0 to 3
  wide[4] = std::byte{0x21};           // lower bits of scales 0 and 1
  out.resize(256);
  dequantize_row(TensorType::iq4_xs, wide, out);
  EXPECT_EQ(out[0], (1.0F - 32.0F) * -127.0F);
  EXPECT_EQ(out[32], (2.0F + 16.0F - 32.0F) * -127.0F);
  EXPECT_EQ(out[64], (32.0F - 32.0F) * -127.0F);
  EXPECT_EQ(out[96], (48.0F - 32.0F) * -127.0F);

  // The standard's examples: an exponent of 127 is a scale of 1, E2M1 goes up to 6.
  std::vector<std::byte> micro(17);
  micro[0] = std::byte{127};
  micro[1] = std::byte{0xF7};
  out.resize(32);
  dequantize_row(TensorType::mxfp4, micro, out);
  EXPECT_EQ(out[0], 6.0F);
  EXPECT_EQ(out[16], -6.0F);
  EXPECT_EQ(out[1], 0.0F);
  micro[0] = std::byte{0};  // 2^−127 · 6
  dequantize_row(TensorType::mxfp4, micro, out);
  EXPECT_EQ(out[0], 6.0F * 0x1p-127F);
}

// What can be written comes back within half a step.
TEST_F(Blocks, FiveBitsAndOffsets) {
  std::uniform_real_distribution<float> value(-3.0F, 5.0F);
  std::vector<float> in(64);
  for (auto& x : in) x = value(random_);
  in[0] = 5.0F;
  in[1] = -3.0F;
  struct Expected {
    TensorType type;
    float largest_error;
  };
  // Half of: 5/8, (5 + 3)/15, 5/16 and 8/31, and a little for f16 scales. Symmetric formats clip at
  // the other end, one step short.
  for (const auto& [type, largest_error] :
       {Expected{TensorType::q4_1, 0.27F}, Expected{TensorType::q5_1, 0.135F},
        Expected{TensorType::q5_0, 0.32F}}) {
    std::vector<std::byte> bytes(*row_bytes(type, in.size()));
    std::vector<float> out(in.size());
    quantize_row(type, in, bytes);
    dequantize_row(type, bytes, out);
    for (std::size_t i = 0; i < in.size(); ++i) {
      EXPECT_NEAR(out[i], in[i], largest_error) << info(type).name << " " << i;
    }
  }
}

// Weights of a normal distribution: the relative squared error of the format, against what plain
// rounding to the same bits leaves, and the degenerate blocks.
TEST_F(Blocks, SearchedScalesAreBetterThanRoundedOnes) {
  std::normal_distribution<float> value(0.0F, 1.0F);
  std::vector<float> in(256 * 64);
  for (auto& x : in) x = value(random_);
  const auto relative_error = [&](TensorType type) {
    std::vector<std::byte> bytes(*row_bytes(type, in.size()));
    std::vector<float> out(in.size());
    quantize_row(type, in, bytes);
    dequantize_row(type, bytes, out);
    double error = 0.0;
    double total = 0.0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      error += std::pow(double{out[i]} - double{in[i]}, 2);
      total += std::pow(double{in[i]}, 2);
    }
    return error / total;
  };
  EXPECT_LT(relative_error(TensorType::q4_k), 0.9 * relative_error(TensorType::q4_1));
  EXPECT_LT(relative_error(TensorType::q6_k), 0.4 * relative_error(TensorType::q5_1));
  // What an exhaustive search (41 roundings, each judged by rounding once more) leaves, and 2 %.
  EXPECT_LT(relative_error(TensorType::q4_k), 1.02 * 5.09e-3);
  EXPECT_LT(relative_error(TensorType::q6_k), 1.02 * 2.87e-4);
}

TEST_F(Blocks, DegenerateBlocksComeBack) {
  for (const TensorType type :
       {TensorType::q4_k, TensorType::q6_k, TensorType::q4_1, TensorType::q5_0, TensorType::q5_1}) {
    for (const float all : {0.0F, 1.0F, -1.0F, 1e-6F}) {
      const std::vector<float> in(256, all);
      std::vector<std::byte> bytes(*row_bytes(type, in.size()));
      std::vector<float> out(in.size());
      quantize_row(type, in, bytes);
      dequantize_row(type, bytes, out);
      for (const float x : out) {
        ASSERT_NEAR(x, all, 0.02F * std::fabs(all) + 1.1e-6F) << info(type).name;
      }
    }
  }
}

}  // namespace
}  // namespace wattle::engine
