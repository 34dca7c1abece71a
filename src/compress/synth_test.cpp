// Synthetic models: the published sizes, valid files, the same bytes for the same seed.
#include "compress/synth.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/atomic_file.hpp"
#include "base/interrupt.hpp"
#include "base/test_folder.hpp"
#include "compress/quantize.hpp"
#include "engine/gguf.hpp"
#include "engine/quant.hpp"

namespace wattle::compress {
namespace {

using engine::GgufFile;
using engine::TensorType;

constexpr auto kTypes = {TensorType::q4_0, TensorType::q4_1, TensorType::q5_0, TensorType::q5_1,
                         TensorType::q8_0, TensorType::q4_k, TensorType::q6_k, TensorType::f16,
                         TensorType::bf16, TensorType::f32};

constexpr SynthShape kTiny{.name = "tiny",
                           .architecture = "llama",
                           .n_layers = 2,
                           .d_model = 256,
                           .d_ff = 512,
                           .n_heads = 4,
                           .n_kv_heads = 2,
                           .n_vocab = 1000,
                           .context_length = 64,
                           .llama3_rope = true};

std::string synthesized(const SynthOptions& options) {
  const TestFolder folder;
  const auto made = synthesize(kTiny, folder.path() / "x.gguf", options);
  EXPECT_TRUE(made) << made.error().message();
  return read_file(folder.path() / "x.gguf").value_or("");
}

TEST(Synth, ShapesHaveThePublishedParameterCounts) {
  // From the model cards and the weight files that their makers published.
  const std::map<std::string_view, std::uint64_t> published{{"tinyllama-1.1b", 1'100'048'384},
                                                            {"llama3.2-1b", 1'235'814'400},
                                                            {"llama3.2-3b", 3'212'749'824},
                                                            {"phi3.5-mini", 3'821'079'552},
                                                            {"llama2-7b", 6'738'415'616}};
  for (const auto& shape : synth_shapes()) {
    if (shape.name == "tiny") continue;
    std::uint64_t n_parameters = 0;
    for (const auto& tensor : synth_tensors(shape)) {
      if (tensor.name == "rope_freqs.weight") continue;  // not a parameter of the model
      std::uint64_t n = 1;
      for (const auto extent : tensor.shape) n *= extent;
      n_parameters += n;
    }
    EXPECT_EQ(n_parameters, published.at(shape.name)) << shape.name;
  }
  EXPECT_EQ(synth_shapes().size(), published.size() + 1);
}

TEST(Synth, UnknownShapeListsTheKnownOnes) {
  EXPECT_TRUE(find_synth_shape("llama3.2-1b"));
  const auto unknown = find_synth_shape("llama9");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(unknown.error().remedy.find("phi3.5-mini"), std::string::npos);
}

TEST(Synth, VocabularyIsDistinctAndReachable) {
  for (const std::size_t n : {32000U, 32064U, 128256U}) {
    const auto vocabulary = synth_vocabulary(n);
    ASSERT_EQ(vocabulary.tokens.size(), n);
    ASSERT_EQ(vocabulary.scores.size(), n);
    ASSERT_EQ(vocabulary.types.size(), n);
    std::map<std::string, float> normal;
    std::set<std::string> all;
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_TRUE(all.insert(vocabulary.tokens[i]).second) << vocabulary.tokens[i];
      if (vocabulary.types[i] == 1) normal.emplace(vocabulary.tokens[i], vocabulary.scores[i]);
    }
    EXPECT_EQ(vocabulary.tokens[1], "<s>");
    EXPECT_EQ(vocabulary.tokens[3], "<0x00>");
    EXPECT_EQ(vocabulary.tokens[258], "<0xFF>");
    // Each word is one merge of two pieces that merge earlier (have a higher score).
    const std::string space = "\xE2\x96\x81";
    for (const auto& [token, score] : normal) {
      const std::size_t n_characters = token.size() - (token.starts_with(space) ? 2 : 0);
      if (n_characters == 1) continue;
      bool reachable = false;
      for (std::size_t cut = 1; cut < token.size() && !reachable; ++cut) {
        const auto left = normal.find(token.substr(0, cut));
        const auto right = normal.find(token.substr(cut));
        reachable = left != normal.end() && right != normal.end() && left->second > score &&
                    right->second > score;
      }
      ASSERT_TRUE(reachable) << token;
    }
  }
}

TEST(Synth, RopeFactorsFollowThePublishedRule) {
  const auto factors = llama3_rope_factors(64, 500000.0F);
  ASSERT_EQ(factors.size(), 32U);
  EXPECT_EQ(factors[0], 1.0F);
  EXPECT_EQ(factors[14], 1.0F);  // wavelength 1,956 < 8,192 / 4
  // i = 16: wavelength 2π√500000 = 4442.88, smooth = (8192/4442.88 − 1)/3 = 0.28128,
  // factor = 1 / ((1 − 0.28128)/32 + 0.28128) = 3.2923
  EXPECT_NEAR(factors[16], 3.2923F, 1e-4F);
  EXPECT_EQ(factors[18], 32.0F);  // wavelength 10,089 > 8,192
  EXPECT_EQ(factors[31], 32.0F);
}

TEST(Synth, WritesAValidFileOfEachType) {
  for (const TensorType type : kTypes) {
    const TestFolder folder;
    const auto made = synthesize(kTiny, folder.path() / "x.gguf", {.type = type});
    ASSERT_TRUE(made) << made.error().message();
    const auto file = GgufFile::open(folder.path() / "x.gguf");
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(made->file_bytes, file->file_bytes());
    EXPECT_EQ(made->n_tensors, file->tensors().size());
    EXPECT_EQ(*file->require_uint("general.file_type"), file_type_id(type));
    EXPECT_EQ(*file->require_uint("llama.block_count"), 2U);
    EXPECT_EQ(file->find_array("tokenizer.ggml.tokens")->size(), 1000U);
    for (const auto& tensor : file->tensors()) {
      EXPECT_EQ(tensor.type, tensor.shape.size() == 1 ? TensorType::f32 : type) << tensor.name;
    }
    EXPECT_EQ(file->find_tensor("blk.1.attn_k.weight")->shape,
              (std::vector<std::uint64_t>{256, 128}));
  }
}

TEST(Synth, WeightsHaveMeanZeroAndTheVarianceOfTheFanIn) {
  for (const TensorType type : kTypes) {
    const TestFolder folder;
    ASSERT_TRUE(synthesize(kTiny, folder.path() / "x.gguf", {.type = type, .seed = 3}));
    const auto file = GgufFile::open(folder.path() / "x.gguf");
    ASSERT_TRUE(file);
    for (const char* name : {"token_embd.weight", "blk.0.ffn_down.weight"}) {
      const auto* tensor = file->find_tensor(name);
      std::vector<float> values(tensor->n_elements);
      engine::dequantize_row(type, file->tensor_bytes(*tensor), values);
      double sum = 0;
      double squares = 0;
      for (const float value : values) {
        sum += value;
        squares += static_cast<double>(value) * value;
      }
      const auto n = static_cast<double>(values.size());
      const double sigma = 1.0 / std::sqrt(static_cast<double>(tensor->shape[0]));
      EXPECT_NEAR(sum / n, 0.0, 6 * sigma / std::sqrt(n)) << name;
      EXPECT_NEAR(std::sqrt(squares / n) / sigma, 1.0, 0.03) << name;
      // No row repeats another.
      std::set<std::vector<float>> rows;
      for (std::size_t i = 0; i < values.size(); i += tensor->shape[0]) {
        rows.emplace(&values[i], &values[i] + tensor->shape[0]);
      }
      EXPECT_EQ(rows.size(), tensor->shape[1]);
    }
  }
}

TEST(Synth, SeedDecidesTheBytesAndThreadsDoNot) {
  const std::string one = synthesized({.seed = 5, .threads = 1});
  EXPECT_EQ(synthesized({.seed = 5, .threads = 4}), one);
  EXPECT_NE(synthesized({.seed = 6, .threads = 1}), one);
}

TEST(Synth, GroupsShareAScaleAndAMinimum) {
  const TestFolder folder;
  const auto path = folder.path() / "x.gguf";
  ASSERT_TRUE(synthesize(kTiny, path, {.type = TensorType::q4_1, .group_size = 128}));
  const GgufFile file = *GgufFile::open(path);
  const auto blocks = file.tensor_bytes(*file.find_tensor("blk.1.ffn_down.weight"));
  std::set<std::string> scales;
  for (std::size_t at = 0; at < blocks.size(); at += 20) {
    const auto here = blocks.subspan(at, 4);
    EXPECT_TRUE(std::ranges::equal(here, blocks.subspan(at / 80 * 80, 4))) << at;
    scales.emplace(reinterpret_cast<const char*>(here.data()), here.size());
  }
  EXPECT_GT(scales.size(), 100U);  // of 1,024 groups
}

TEST(Synth, AGroupSizeThatSuitsNothingIsRefused) {
  const TestFolder folder;
  const auto path = folder.path() / "x.gguf";
  EXPECT_FALSE(synthesize(kTiny, path, {.type = TensorType::q4_0, .group_size = 128}));
  for (const std::uint32_t size : {1U, 48U, 512U}) {
    EXPECT_FALSE(synthesize(kTiny, path, {.type = TensorType::q4_1, .group_size = size})) << size;
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Synth, InterruptedLeavesNothing) {
  const TestFolder folder;
  set_interrupted(true);
  const auto made = synthesize(kTiny, folder.path() / "x.gguf", {});
  set_interrupted(false);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::cancelled);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace wattle::compress
