// The reference block formats: against numbers worked by hand, exhaustively where that is possible,
// and against files that another implementation has quantised.
#include "engine/quant.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <random>
#include <vector>

#include "base/test_shared.hpp"
#include "engine/gguf.hpp"
#include "engine/tensor_type.hpp"

namespace wattle::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::filesystem::path reference_files() {
  return shared_data() / "conformance/quant";
}

std::vector<std::byte> quantized(TensorType type, const std::vector<float>& values) {
  std::vector<std::byte> bytes(*row_bytes(type, values.size()));
  quantize_row(type, values, bytes);
  return bytes;
}

std::vector<float> dequantized(TensorType type, std::span<const std::byte> bytes, std::size_t n) {
  std::vector<float> values(n);
  dequantize_row(type, bytes, values);
  return values;
}

std::uint16_t scale_bits(const std::vector<std::byte>& block) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, block.data(), sizeof bits);
  return bits;
}

int q8(const std::vector<std::byte>& block, std::size_t i) {
  return static_cast<std::int8_t>(block[2 + i]);
}

int q4(const std::vector<std::byte>& block, std::size_t i) {
  const int packed = std::to_integer<int>(block[2 + i % 16]);
  return i < 16 ? packed & 15 : packed >> 4;
}

TEST(Half, KnownValues) {
  EXPECT_EQ(f16_to_f32(0x3C00), 1.0F);
  EXPECT_EQ(f16_to_f32(0xC000), -2.0F);
  EXPECT_EQ(f16_to_f32(0x7BFF), 65504.0F);
  EXPECT_EQ(f16_to_f32(0x0001), 0x1p-24F);
  EXPECT_EQ(f16_to_f32(0x03FF), 1023 * 0x1p-24F);
  EXPECT_EQ(f16_to_f32(0x0400), 0x1p-14F);
  EXPECT_EQ(f16_to_f32(0x7C00), kInf);
  EXPECT_TRUE(std::signbit(f16_to_f32(0x8000)));
  EXPECT_TRUE(std::isnan(f16_to_f32(0x7E01)));
  EXPECT_EQ(f32_to_f16(65504.0F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65519.996F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0F), 0x7C00);  // halfway to 65,536: to even, which is infinity
  EXPECT_EQ(f32_to_f16(-kInf), 0xFC00);
  EXPECT_EQ(f32_to_f16(1e-30F), 0x0000);
  EXPECT_EQ(f32_to_f16(-0.0F), 0x8000);
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(kNan))));
}

TEST(Half, EveryValueComesBack) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_f32(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    } else {
      EXPECT_EQ(f32_to_f16(value), half);
    }
  }
}

TEST(Half, RoundsToNearestEvenBetweenAllNeighbours) {
  for (std::uint16_t half = 0; half < 0x7BFF; ++half) {
    const auto next = static_cast<std::uint16_t>(half + 1);
    const float middle = (f16_to_f32(half) + f16_to_f32(next)) / 2;  // exact in f32
    const std::uint16_t even = half % 2 == 0 ? half : next;
    ASSERT_EQ(f32_to_f16(middle), even);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0F)), half);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, kInf)), next);
    ASSERT_EQ(f32_to_f16(-middle), even | 0x8000);
  }
}

TEST(BrainFloat, KeepsTheUpperBitsRoundedToNearestEven) {
  EXPECT_EQ(f32_to_bf16(1.0F), 0x3F80);
  EXPECT_EQ(bf16_to_f32(0xC040), -3.0F);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // tie, to even
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F818000U)), 0x3F82);  // tie, to even
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7F800001U)))));
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = bf16_to_f32(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value)) {
      ASSERT_EQ(f32_to_bf16(value), bits);
    }
  }
}

TEST(Q8, BlockWorkedByHand) {
  // Largest magnitude 127 → d = 1, so each value is simply rounded, halves away from zero.
  std::vector<float> values(32, 0.0F);
  values[0] = -127.0F;
  values[1] = 2.5F;
  values[2] = -2.5F;
  values[3] = 2.4999998F;
  values[4] = 0.49999997F;
  values[31] = 126.5F;
  const auto block = quantized(TensorType::q8_0, values);
  EXPECT_EQ(block.size(), 34U);
  EXPECT_EQ(scale_bits(block), 0x3C00);
  EXPECT_EQ(q8(block, 0), -127);
  EXPECT_EQ(q8(block, 1), 3);
  EXPECT_EQ(q8(block, 2), -3);
  EXPECT_EQ(q8(block, 3), 2);
  EXPECT_EQ(q8(block, 4), 0);
  EXPECT_EQ(q8(block, 31), 127);
  EXPECT_EQ(dequantized(TensorType::q8_0, block, 32)[2], -3.0F);
}

TEST(Q8, ScaleIsStoredAsHalfButUsedAsFloat) {
  // d = 1/127 = 0.007874016; the nearest half is 0x2008 = 1032 · 2⁻¹⁷. 0.5 · 127 = 63.5 → 64, with
  // the unrounded d.
  std::vector<float> values(32, 0.5F);
  values[7] = 1.0F;
  const auto block = quantized(TensorType::q8_0, values);
  EXPECT_EQ(scale_bits(block), 0x2008);
  EXPECT_EQ(q8(block, 7), 127);
  EXPECT_EQ(q8(block, 0), 64);
}

TEST(Q4, BlockWorkedByHand) {
  // The value of largest magnitude, −8, becomes 0: d = 1. x + 8.5 is then cut off: 7.5 would be 16
  // and is held at 15; 1.5 → 10 (that is 2), −1.5 → 7 (that is −1): halves go up.
  std::vector<float> values(32, 0.0F);
  values[0] = 1.5F;
  values[1] = -1.5F;
  values[15] = 7.5F;
  values[16] = -8.0F;
  values[31] = 3.0F;
  const auto block = quantized(TensorType::q4_0, values);
  EXPECT_EQ(block.size(), 18U);
  EXPECT_EQ(scale_bits(block), 0x3C00);
  EXPECT_EQ(q4(block, 0), 10);
  EXPECT_EQ(q4(block, 1), 7);
  EXPECT_EQ(q4(block, 15), 15);
  EXPECT_EQ(q4(block, 16), 0);
  EXPECT_EQ(q4(block, 31), 11);
  EXPECT_EQ(q4(block, 2), 8);
  const auto back = dequantized(TensorType::q4_0, block, 32);
  EXPECT_EQ(back[0], 2.0F);
  EXPECT_EQ(back[16], -8.0F);
  EXPECT_EQ(back[31], 3.0F);
  EXPECT_EQ(std::to_integer<int>(block[2]), 10);             // elements 0 (low) and 16 (high)
  EXPECT_EQ(std::to_integer<int>(block[17]), 15 | 11 << 4);  // elements 15 and 31
}

TEST(Q4, APositiveExtremeGivesANegativeScale) {
  std::vector<float> values(32, 0.0F);
  values[3] = 4.0F;   // the first of two of the same magnitude decides: d = 4 / −8
  values[9] = -4.0F;  // −4 / −0.5 + 8.5 = 16.5 → held at 15, which is 7 · −0.5 = −3.5
  const auto block = quantized(TensorType::q4_0, values);
  EXPECT_EQ(scale_bits(block), 0xB800);  // −0.5
  EXPECT_EQ(q4(block, 3), 0);
  EXPECT_EQ(q4(block, 9), 15);
  const auto back = dequantized(TensorType::q4_0, block, 32);
  EXPECT_EQ(back[3], 4.0F);
  EXPECT_EQ(back[9], -3.5F);
}

TEST(Quant, ZeroBlocksAndUnfitValuesAreSafe) {
  for (const TensorType type : {TensorType::q8_0, TensorType::q4_0}) {
    const auto zero = dequantized(type, quantized(type, std::vector<float>(32, 0.0F)), 32);
    EXPECT_EQ(zero, std::vector<float>(32, 0.0F));
    for (const float unfit : {kInf, -kInf, kNan, 1e38F, 1e-45F, 1e-39F}) {
      std::vector<float> values(32, 1e-40F);
      values[5] = unfit;
      (void)quantized(type, values);  // no undefined behaviour (sanitizer builds)
    }
  }
}

TEST(Quant, ErrorStaysWithinHalfAStep) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(32 * 64);
  for (float& value : values) value = normal(random);
  for (const auto& [type, steps] :
       {std::pair{TensorType::q8_0, 127.0F}, {TensorType::q4_0, 8.0F}}) {
    const auto back = dequantized(type, quantized(type, values), values.size());
    for (std::size_t block = 0; block < values.size(); block += 32) {
      float extreme = 0;
      for (std::size_t i = 0; i < 32; ++i) {
        extreme = std::max(extreme, std::fabs(values[block + i]));
      }
      // Q4_0 holds the positive end at 7 steps, one short of the extreme; f16 scale: 2⁻¹¹ relative.
      const float bound =
          extreme / steps * (type == TensorType::q4_0 ? 1.0F : 0.5F) + extreme * 0x1p-11F;
      for (std::size_t i = 0; i < 32; ++i) {
        EXPECT_LE(std::fabs(back[block + i] - values[block + i]), bound);
      }
    }
  }
}

// What another implementation quantised is a fixed point of ours, bit for bit.
TEST(Quant, ReferenceBlocksAreReproduced) {
  if (!std::filesystem::exists(reference_files())) GTEST_SKIP() << "no reference data here";
  for (const char* name :
       {"nano-Q8_0.gguf", "nano-Q4_0.gguf", "nano-Q5_0.gguf", "nano-F16.gguf", "nano-BF16.gguf"}) {
    const auto file = GgufFile::open(reference_files() / name);
    ASSERT_TRUE(file) << file.error().message();
    std::size_t n_differing = 0;
    for (const auto& tensor : file->tensors()) {
      const auto bytes = file->tensor_bytes(tensor);
      const auto again = quantized(tensor.type, dequantized(tensor.type, bytes, tensor.n_elements));
      for (std::size_t i = 0; i < bytes.size(); ++i) n_differing += again[i] != bytes[i] ? 1U : 0U;
    }
    EXPECT_EQ(n_differing, 0U) << name;
  }
}

// The reference files share one F32 model. Quantising its F16 form gives the same blocks, except
// where rounding to F16 has moved a value across a border: by one step, and rarely.
TEST(Quant, AgreesWithTheReferenceQuantiserFromF16) {
  if (!std::filesystem::exists(reference_files())) GTEST_SKIP() << "no reference data here";
  const auto base = GgufFile::open(reference_files() / "nano-F16.gguf");
  ASSERT_TRUE(base);
  for (const auto& [name, max_share] : {std::pair{"nano-Q8_0.gguf", 0.02},
                                        {"nano-Q4_0.gguf", 0.002},
                                        {"nano-Q4_1.gguf", 0.02},
                                        {"nano-Q5_0.gguf", 0.004},
                                        {"nano-Q5_1.gguf", 0.02}}) {
    const auto file = GgufFile::open(reference_files() / name);
    ASSERT_TRUE(file);
    std::size_t n_differing = 0;
    std::size_t n_bytes = 0;
    for (const auto& tensor : file->tensors()) {
      if (!can_quantize(tensor.type)) continue;  // the output head of a mix
      const TensorInfo* source = base->find_tensor(tensor.name);
      ASSERT_NE(source, nullptr);
      const auto ours = quantized(
          tensor.type, dequantized(source->type, base->tensor_bytes(*source), source->n_elements));
      const auto theirs = file->tensor_bytes(tensor);
      ASSERT_EQ(ours.size(), theirs.size());
      for (std::size_t i = 0; i < ours.size(); ++i) n_differing += ours[i] != theirs[i] ? 1U : 0U;
      n_bytes += ours.size();
      const auto a = dequantized(tensor.type, ours, tensor.n_elements);
      const auto b = dequantized(tensor.type, theirs, tensor.n_elements);
      float extreme = 0;
      for (const float value : b) extreme = std::max(extreme, std::fabs(value));
      const float step = extreme / (tensor.type == TensorType::q8_0 ? 127.0F : 7.5F);
      for (std::size_t i = 0; i < a.size(); ++i) ASSERT_LE(std::fabs(a[i] - b[i]), step * 1.01F);
    }
    EXPECT_LT(static_cast<double>(n_differing), max_share * static_cast<double>(n_bytes)) << name;
    EXPECT_GT(n_bytes, 1'000'000U);
  }
}

TEST(TensorType, NamesIdsAndRowSizes) {
  EXPECT_EQ(tensor_type_from_name("q4_0"), TensorType::q4_0);
  EXPECT_EQ(tensor_type_from_name("BF16"), TensorType::bf16);
  EXPECT_EQ(tensor_type_from_name("q4_k"), TensorType::q4_k);
  EXPECT_EQ(tensor_type_from_name("iq2_xs"), std::nullopt);
  EXPECT_EQ(tensor_type_from_name(""), std::nullopt);
  EXPECT_EQ(tensor_type_info(8)->name, "Q8_0");
  EXPECT_EQ(info(TensorType::bf16).block_bytes, 2U);
  EXPECT_EQ(*row_bytes(TensorType::q4_0, 64), 36U);
  EXPECT_EQ(*row_bytes(TensorType::q8_0, 64), 68U);
  EXPECT_EQ(*row_bytes(TensorType::f32, 3), 12U);
  EXPECT_EQ(*row_bytes(TensorType::q8_0, 0), 0U);
  EXPECT_FALSE(row_bytes(TensorType::q4_0, 33));
  EXPECT_FALSE(row_bytes(TensorType::f32, std::numeric_limits<std::uint64_t>::max()));
  const auto unsupported = tensor_type_info(17);
  ASSERT_FALSE(unsupported);
  EXPECT_EQ(unsupported.error().code, ErrorCode::unsupported);
  EXPECT_EQ(unsupported.error().what, "tensor type IQ2_XS (17) is not supported yet");
}

}  // namespace
}  // namespace wattle::engine
