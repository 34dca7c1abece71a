// File-to-file requantisation: what changes, what stays, what it reports, what it refuses.
#include "compress/quantize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/atomic_file.hpp"
#include "base/interrupt.hpp"
#include "base/test_folder.hpp"
#include "compress/synth.hpp"
#include "engine/gguf_writer.hpp"
#include "engine/quant.hpp"

namespace wattle::compress {
namespace {

using engine::GgufFile;
using engine::GgufWriter;
using engine::TensorInfo;
using engine::TensorType;

class Quantize : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path path(const char* name) const { return folder_.path() / name; }

  void write_tiny(const char* name, TensorType type) const {
    constexpr SynthShape kTiny{.name = "tiny",
                               .architecture = "llama",
                               .n_layers = 2,
                               .d_model = 64,
                               .d_ff = 160,
                               .n_heads = 4,
                               .n_kv_heads = 2,
                               .n_vocab = 9000,  // several pieces in one tensor
                               .context_length = 64,
                               .llama3_rope = true};
    ASSERT_TRUE(synthesize(kTiny, path(name), {.type = type}));
  }

  void write_matrix(const char* name, std::vector<float> values,
                    std::vector<std::uint64_t> shape) const {
    GgufWriter writer;
    writer.set_string("general.architecture", "llama");
    writer.add_tensor("m.weight", TensorType::f32, std::move(shape),
                      [values = std::move(values)](const GgufWriter::Sink& sink) {
                        return sink(std::as_bytes(std::span(values)));
                      });
    ASSERT_TRUE(writer.write(path(name)));
  }

  [[nodiscard]] std::size_t n_files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()),
                      std::filesystem::directory_iterator()));
  }

  TestFolder folder_;
};

std::vector<float> values_of(const GgufFile& file, const TensorInfo& tensor) {
  std::vector<float> values(tensor.n_elements);
  engine::dequantize_row(tensor.type, file.tensor_bytes(tensor), values);
  return values;
}

TEST_F(Quantize, ChoosesTheTypeByNameAndShape) {
  const auto target = [](const char* name, std::vector<std::uint64_t> shape, TensorType wanted) {
    TensorInfo tensor;
    tensor.name = name;
    tensor.shape = std::move(shape);
    return target_type(tensor, wanted);
  };
  constexpr auto kQ4 = TensorType::q4_0;
  EXPECT_EQ(target("blk.0.attn_q.weight", {64, 64}, kQ4), kQ4);
  EXPECT_EQ(target("token_embd.weight", {64, 100}, kQ4), kQ4);
  EXPECT_EQ(target("output.weight", {64, 100}, kQ4), kQ4);
  EXPECT_EQ(target("blk.0.attn_q.weight", {48, 64}, kQ4), TensorType::f16);
  EXPECT_EQ(target("blk.0.attn_q.weight", {48, 64}, TensorType::bf16), TensorType::bf16);
  EXPECT_EQ(target("blk.0.attn_q.weight", {256, 64}, TensorType::q4_k), TensorType::q4_k);
  EXPECT_EQ(target("blk.0.attn_q.weight", {96, 64}, TensorType::q4_k), TensorType::q5_0);
  EXPECT_EQ(target("blk.0.attn_q.weight", {96, 64}, TensorType::q6_k), TensorType::q8_0);
  EXPECT_EQ(target("blk.0.attn_q.weight", {48, 64}, TensorType::q6_k), TensorType::f16);
  EXPECT_EQ(target("blk.0.attn_norm.weight", {64}, kQ4), TensorType::f32);
  EXPECT_EQ(target("blk.0.attn_q_norm.weight", {64, 32}, kQ4), TensorType::f32);
  EXPECT_EQ(target("blk.0.ffn_gate_inp.weight", {64, 32}, kQ4), TensorType::f32);
  EXPECT_EQ(target("rope_freqs.weight", {32}, kQ4), TensorType::f32);
  EXPECT_EQ(target("blk.0.attn_q.bias", {64, 64}, kQ4), TensorType::f32);
  EXPECT_EQ(target("blk.0.scale.weight", {64, 1}, kQ4), TensorType::f32);
}

TEST_F(Quantize, RulesGiveSomeMatricesAnotherType) {
  write_tiny("in.gguf", TensorType::f32);
  QuantizeOptions options{.type = TensorType::q4_0};
  options.rules = {{"output.weight", TensorType::f16}, {"blk.*.ffn_down.weight", TensorType::q8_0}};
  ASSERT_TRUE(quantize_file(path("in.gguf"), path("out.gguf"), options));
  const auto out = GgufFile::open(path("out.gguf"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->find_tensor("blk.0.ffn_down.weight")->type, TensorType::q8_0);
  EXPECT_EQ(out->find_tensor("blk.0.ffn_up.weight")->type, TensorType::q4_0);

  options.rules = {{"blk.*.ffn_dwon.weight", TensorType::q8_0}};
  const auto misspelt = quantize_file(path("in.gguf"), path("out.gguf"), options);
  ASSERT_FALSE(misspelt);
  EXPECT_NE(misspelt.error().message().find("ffn_dwon"), std::string::npos);
  const auto unwritable =
      quantize_file(path("in.gguf"), path("out.gguf"), {.type = TensorType::q2_k});
  ASSERT_FALSE(unwritable);
  EXPECT_EQ(unwritable.error().code, ErrorCode::invalid_argument);
}

TEST_F(Quantize, EachMatrixIsQuantisedAndTheRestKept) {
  write_tiny("in.gguf", TensorType::f32);
  const auto in = GgufFile::open(path("in.gguf"));
  ASSERT_TRUE(in);
  for (const TensorType type :
       {TensorType::q8_0, TensorType::q4_0, TensorType::f16, TensorType::bf16}) {
    std::uint64_t last_done = 0;
    QuantizeOptions options{.type = type};
    options.on_progress = [&](std::uint64_t done, std::uint64_t total) {
      EXPECT_LE(last_done, done);
      EXPECT_LE(done, total);
      last_done = done;
    };
    const auto report = quantize_file(path("in.gguf"), path("out.gguf"), options);
    ASSERT_TRUE(report) << report.error().message();
    const auto out = GgufFile::open(path("out.gguf"));
    ASSERT_TRUE(out) << out.error().message();
    EXPECT_EQ(report->file_bytes_before, in->file_bytes());
    EXPECT_EQ(report->file_bytes_after, out->file_bytes());
    EXPECT_EQ(last_done, out->file_bytes());
    EXPECT_FALSE(report->was_quantized);
    EXPECT_EQ(*out->require_uint("general.file_type"), file_type_id(type));
    EXPECT_EQ(*out->require_uint("general.quantization_version"), 2U);
    EXPECT_EQ(*out->require_string("general.name"), *in->require_string("general.name"));
    EXPECT_EQ(out->metadata().size(), in->metadata().size());
    ASSERT_EQ(out->tensors().size(), in->tensors().size());
    for (const auto& tensor : in->tensors()) {
      const TensorInfo* now = out->find_tensor(tensor.name);
      ASSERT_NE(now, nullptr) << tensor.name;
      EXPECT_EQ(now->shape, tensor.shape);
      std::vector<std::byte> expected(in->tensor_bytes(tensor).begin(),
                                      in->tensor_bytes(tensor).end());
      if (tensor.shape.size() == 2) {
        expected.resize(now->n_bytes);
        engine::quantize_row(type, values_of(*in, tensor), expected);
      }
      EXPECT_EQ(now->type, tensor.shape.size() == 2 ? type : TensorType::f32) << tensor.name;
      EXPECT_TRUE(std::ranges::equal(out->tensor_bytes(*now), expected)) << tensor.name;
    }
  }
}

TEST_F(Quantize, ReportsTheRmsErrorOfEachRole) {
  write_tiny("in.gguf", TensorType::f32);
  const auto report = quantize_file(path("in.gguf"), path("out.gguf"), {.type = TensorType::q4_0});
  ASSERT_TRUE(report);
  const auto in = GgufFile::open(path("in.gguf"));
  const auto out = GgufFile::open(path("out.gguf"));
  double squared_error = 0;
  double squared_weight = 0;
  double n = 0;
  for (const char* name : {"blk.0.ffn_up.weight", "blk.1.ffn_up.weight"}) {
    const auto before = values_of(*in, *in->find_tensor(name));
    const auto after = values_of(*out, *out->find_tensor(name));
    for (std::size_t i = 0; i < before.size(); ++i) {
      squared_error += std::pow(static_cast<double>(after[i]) - before[i], 2);
      squared_weight += std::pow(static_cast<double>(before[i]), 2);
      n += 1;
    }
  }
  const auto role = std::ranges::find(report->roles, "blk.N.ffn_up.weight", &RoleReport::role);
  ASSERT_NE(role, report->roles.end());
  EXPECT_EQ(role->n_tensors, 2U);
  EXPECT_EQ(role->n_elements, 2U * 64 * 160);
  EXPECT_EQ(role->bytes_before, 2U * 64 * 160 * 4);
  EXPECT_EQ(role->bytes_after, 2U * 64 * 160 / 32 * 18);
  EXPECT_NEAR(role->rms_error, std::sqrt(squared_error / n), 1e-12);
  EXPECT_NEAR(role->rms_weight, std::sqrt(squared_weight / n), 1e-12);
  EXPECT_GT(role->rms_error, 0.05 * role->rms_weight);  // about 8.6 % for normal weights
  EXPECT_LT(role->rms_error, 0.12 * role->rms_weight);
  const auto norm = std::ranges::find(report->roles, "blk.N.ffn_norm.weight", &RoleReport::role);
  ASSERT_NE(norm, report->roles.end());
  EXPECT_FALSE(norm->converted());
  EXPECT_EQ(norm->rms_error, 0.0);
}

TEST_F(Quantize, RowsThatAreNotWholeBlocksGoToF16) {
  write_matrix("in.gguf", std::vector<float>(std::size_t{40} * 3, 0.25F), {40, 3});
  const auto report = quantize_file(path("in.gguf"), path("out.gguf"), {.type = TensorType::q8_0});
  ASSERT_TRUE(report) << report.error().message();
  const auto out = GgufFile::open(path("out.gguf"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->tensors()[0].type, TensorType::f16);
  EXPECT_EQ(values_of(*out, out->tensors()[0]), std::vector<float>(120, 0.25F));
  EXPECT_EQ(report->roles[0].rms_error, 0.0);
}

TEST_F(Quantize, ThreadsDoNotChangeTheBytes) {
  write_tiny("in.gguf", TensorType::f16);
  ASSERT_TRUE(quantize_file(path("in.gguf"), path("one.gguf"), {.threads = 1}));
  ASSERT_TRUE(quantize_file(path("in.gguf"), path("three.gguf"), {.threads = 3}));
  EXPECT_EQ(*read_file(path("one.gguf")), *read_file(path("three.gguf")));
}

TEST_F(Quantize, TheSameTypeIsACopyAndAnotherBlockTypeIsSaid) {
  write_tiny("in.gguf", TensorType::q8_0);
  const auto same = quantize_file(path("in.gguf"), path("same.gguf"), {.type = TensorType::q8_0});
  ASSERT_TRUE(same);
  EXPECT_FALSE(same->was_quantized);
  EXPECT_EQ(*read_file(path("in.gguf")), *read_file(path("same.gguf")));
  const auto other = quantize_file(path("in.gguf"), path("other.gguf"), {.type = TensorType::q4_0});
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->was_quantized);
}

TEST_F(Quantize, WeightsThatDoNotFitAreRefusedByName) {
  for (const float unfit :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(64, 1.0F);
    values[40] = unfit;
    write_matrix("in.gguf", values, {32, 2});
    const auto report = quantize_file(path("in.gguf"), path("out.gguf"), {});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::invalid_format);
    EXPECT_NE(report.error().what.find("'m.weight'"), std::string::npos);
  }
  write_matrix("in.gguf", std::vector<float>(64, 1e6F), {32, 2});
  const auto report = quantize_file(path("in.gguf"), path("out.gguf"), {.type = TensorType::f16});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::out_of_range);
  EXPECT_NE(report.error().remedy.find("bf16"), std::string::npos);
  EXPECT_TRUE(quantize_file(path("in.gguf"), path("ok.gguf"), {.type = TensorType::bf16}));
  EXPECT_FALSE(std::filesystem::exists(path("out.gguf")));
  EXPECT_EQ(n_files(), 2U);  // in.gguf, ok.gguf
}

TEST_F(Quantize, RefusesToWriteOntoItsInput) {
  write_tiny("in.gguf", TensorType::f16);
  std::filesystem::create_symlink(path("in.gguf"), path("link.gguf"));
  const std::string before = *read_file(path("in.gguf"));
  for (const char* out : {"in.gguf", "link.gguf"}) {
    const auto report = quantize_file(path("in.gguf"), path(out), {});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_EQ(*read_file(path("in.gguf")), before);
}

TEST_F(Quantize, RefusesPartsAndBareVocabularies) {
  GgufWriter writer;
  writer.set_string("general.architecture", "llama");
  ASSERT_TRUE(writer.write(path("vocabulary.gguf")));
  const auto vocabulary = quantize_file(path("vocabulary.gguf"), path("out.gguf"), {});
  ASSERT_FALSE(vocabulary);
  EXPECT_EQ(vocabulary.error().code, ErrorCode::invalid_argument);
  writer.set_uint32("split.count", 2);
  ASSERT_TRUE(writer.write(path("part.gguf")));
  const auto part = quantize_file(path("part.gguf"), path("out.gguf"), {});
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().code, ErrorCode::invalid_format);
  EXPECT_FALSE(quantize_file(path("absent.gguf"), path("out.gguf"), {}));
  EXPECT_EQ(n_files(), 2U);
}

TEST_F(Quantize, InterruptedLeavesNothing) {
  write_tiny("in.gguf", TensorType::f16);
  // As Ctrl-C in the middle: after the first bytes.
  QuantizeOptions options;
  options.on_progress = [](std::uint64_t, std::uint64_t) { set_interrupted(true); };
  const auto report = quantize_file(path("in.gguf"), path("out.gguf"), options);
  set_interrupted(false);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::cancelled);
  EXPECT_EQ(n_files(), 1U);
}

}  // namespace
}  // namespace wattle::compress
