// A Hugging Face folder made from the tensors of a GGUF file says what the GGUF file says.
#include "engine/hf/hf_folder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "base/test_folder.hpp"
#include "engine/config.hpp"
#include "engine/hf/awq.hpp"
#include "engine/hf/hf_config.hpp"
#include "engine/hf/test_hf_folder.hpp"
#include "engine/quant.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

Json gemma2_config(const TestShape& shape) {
  Json config = hf_test_config("gemma2", shape);
  config.erase("tie_word_embeddings");  // Gemma's default
  config["sliding_window"] = shape.window;
  config["attn_logit_softcapping"] = shape.attention_softcap;
  config["final_logit_softcapping"] = shape.logit_softcap;
  return config;
}

class HfFolder : public testing::Test {
 protected:
  // Two shards with an index.
  void SetUp() override {
    ASSERT_TRUE(TestModel(shape_).write(gguf_path_));
    const GgufFile gguf = GgufFile::open(gguf_path_).value();
    TestSafetensors shards[2];
    Json map = Json::object();
    for (std::size_t i = 0; i < gguf.tensors().size(); ++i) {
      const TensorInfo& tensor = gguf.tensors()[i];
      std::vector<float> values(tensor.n_elements);
      dequantize_row(tensor.type, gguf.tensor_bytes(tensor), values);
      const std::string name = hf_name(tensor.name, true);
      std::vector<std::uint64_t> shape(tensor.shape.rbegin(), tensor.shape.rend());
      if (tensor.name.ends_with("norm.weight")) {
        for (float& value : values) value -= 1.0F;
      }
      shards[i % 2].add(name, "F32", shape, values);
      map[name] = i % 2 == 0 ? "one.safetensors" : "two.safetensors";
    }
    shards[0].write(folder_.path() / "one.safetensors");
    shards[1].write(folder_.path() / "two.safetensors");
    folder_.write("model.safetensors.index.json", dump_json({{"weight_map", map}}));
    folder_.write("config.json", dump_json(gemma2_config(shape_)));
  }
  std::string error() const {
    const auto opened = open_hf_folder(folder_.path());
    return opened ? "was opened" : opened.error().message();
  }

  TestShape shape_{.tied = true, .gemma2 = true};
  TestFolder folder_;
  TestFolder elsewhere_;
  std::filesystem::path gguf_path_ = elsewhere_.path() / "model.gguf";
};

TEST_F(HfFolder, TensorsAndKeysAreThoseOfTheGgufFile) {
  ASSERT_TRUE(is_hf_folder(folder_.path()));
  const auto hf = open_hf_folder(folder_.path());
  ASSERT_TRUE(hf) << hf.error().message();
  const GgufFile gguf = GgufFile::open(gguf_path_).value();
  EXPECT_EQ(hf->tensors().size(), gguf.tensors().size());
  for (const TensorInfo& theirs : gguf.tensors()) {
    const TensorInfo* ours = hf->find_tensor(theirs.name);
    ASSERT_NE(ours, nullptr) << theirs.name;
    EXPECT_EQ(ours->shape, theirs.shape);
    std::vector<float> a(ours->n_elements);
    std::vector<float> b(theirs.n_elements);
    dequantize_row(ours->type, hf->tensor_bytes(*ours), a);
    dequantize_row(theirs.type, gguf.tensor_bytes(theirs), b);
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-7F) << theirs.name;
  }
  const auto ours = read_config(*hf);
  const auto theirs = read_config(gguf);
  ASSERT_TRUE(ours && theirs) << ours.error().message();
  EXPECT_EQ(ours->n_layers, theirs->n_layers);
  EXPECT_EQ(ours->head_dim, theirs->head_dim);
  EXPECT_EQ(ours->d_ff, theirs->d_ff);
  EXPECT_EQ(ours->sliding_window, theirs->sliding_window);
  EXPECT_EQ(ours->attention_softcap, theirs->attention_softcap);
  EXPECT_EQ(ours->logit_softcap, theirs->logit_softcap);
  EXPECT_TRUE(ours->tied_output);
}

TEST_F(HfFolder, MissingAndForeignFilesAreNamed) {
  std::filesystem::remove(folder_.path() / "two.safetensors");
  EXPECT_NE(error().find("two.safetensors"), std::string::npos) << error();
  TestSafetensors foreign;
  foreign.add("model.layers.0.mixer.A_log", "F32", {1}, std::vector<float>{1});
  foreign.write(folder_.path() / "two.safetensors");
  EXPECT_NE(error().find("'model.layers.0.mixer.A_log' is not part of a gemma2"), std::string::npos)
      << error();
  folder_.write("model.safetensors.index.json", R"({"weight_map": {"a": "../../etc/passwd"}})");
  EXPECT_NE(error().find("names no file"), std::string::npos) << error();
  folder_.write("config.json", R"({"model_type": "mamba"})");
  EXPECT_NE(error().find("mamba"), std::string::npos) << error();
  folder_.write("config.json", "{");
  EXPECT_NE(error().find("config.json"), std::string::npos) << error();
}

// As a file would give it.
Result<HfConfig> read_config_text(const Json& config) {
  return read_hf_config(parse_json(dump_json(config), "config.json").value(), "config.json");
}

TEST(HfConfigTest, Llama3StretchesLongWavelengthsOnly) {
  const Json config = {{"model_type", "llama"},
                       {"hidden_size", 2048},
                       {"num_attention_heads", 32},
                       {"rope_theta", 500000.0},
                       {"rope_scaling",
                        {{"rope_type", "llama3"},
                         {"factor", 32.0},
                         {"low_freq_factor", 1.0},
                         {"high_freq_factor", 4.0},
                         {"original_max_position_embeddings", 8192}}}};
  const auto read = read_config_text(config);
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_EQ(read->rope_factors.size(), 32U);
  EXPECT_EQ(read->rope_factors.front(), 1.0F);  // wavelength 2π
  EXPECT_EQ(read->rope_factors.back(), 32.0F);  // wavelength 2π·500000^(31/32)
  // Pair 16: wavelength 2π·√500000 = 4443, so (8192/4443 − 1)/3 = 0.2813 of the way.
  EXPECT_NEAR(read->rope_factors[16], 1.0 / ((1 - 0.2813) / 32 + 0.2813), 0.01);
}

TEST(HfConfigTest, LongropeHasTwoSetsAndAMagnitude) {
  Json config = {{"model_type", "phi3"},
                 {"hidden_size", 64},
                 {"num_attention_heads", 16},
                 {"max_position_embeddings", 131072},
                 {"original_max_position_embeddings", 4096},
                 {"rope_scaling",
                  {{"type", "longrope"}, {"short_factor", {1.0, 1.5}}, {"long_factor", {2, 4}}}}};
  const auto read = read_config_text(config);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->rope_factors, (std::vector<float>{1.0F, 1.5F}));
  EXPECT_EQ(read->long_rope_factors, (std::vector<float>{2.0F, 4.0F}));
  const auto magnitude = std::ranges::find(read->metadata, "phi3.rope.scaling.attn_factor",
                                           &std::pair<std::string, GgufValue>::first);
  ASSERT_NE(magnitude, read->metadata.end());
  EXPECT_NEAR(std::get<double>(magnitude->second.value), 1.1902380714, 1e-9);  // √(1 + 5/12)
  config["rope_scaling"]["long_factor"] = {2};
  EXPECT_FALSE(read_config_text(config));
  config["rope_scaling"] = {{"type", "yarn"}};
  EXPECT_EQ(read_config_text(config).error().code, ErrorCode::unsupported);
}

TEST(Awq, WeightsAreQuantsMinusZeroTimesScale) {
  constexpr std::size_t kIn = 256;
  constexpr std::size_t kOut = 16;
  constexpr std::size_t kGroup = 128;
  constexpr unsigned kOrder[8] = {0, 2, 4, 6, 1, 3, 5, 7};  // output of each nibble
  std::mt19937 random(3);
  std::vector<unsigned> q(kIn * kOut);
  std::vector<unsigned> zero(kIn / kGroup * kOut);
  std::vector<float> scale(zero.size());
  for (auto& v : q) v = static_cast<unsigned>(random() % 16);
  for (auto& v : zero) v = static_cast<unsigned>(random() % 16);
  for (auto& v : scale) v = f16_to_f32(f32_to_f16(0.001F * static_cast<float>(random() % 1000)));
  const auto packed = [&](const std::vector<unsigned>& values) {
    std::vector<std::byte> out;
    for (std::size_t row = 0; row < values.size() / kOut; ++row) {
      for (std::size_t column = 0; column < kOut / 8; ++column) {
        std::uint32_t word = 0;
        for (std::size_t i = 0; i < 8; ++i) {
          word |= values[row * kOut + 8 * column + kOrder[i]] << (4 * i);
        }
        for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(word >> (8 * i)));
      }
    }
    return out;
  };
  std::vector<std::byte> scales(scale.size() * 2);
  for (std::size_t i = 0; i < scale.size(); ++i) {
    const std::uint16_t half = f32_to_f16(scale[i]);
    std::memcpy(&scales[2 * i], &half, 2);
  }
  const auto weights = packed(q);
  const auto zeros = packed(zero);
  const auto rows = awq_to_q4_1({kIn, kOut, kGroup, weights, zeros, scales});
  std::vector<float> out(kIn * kOut);
  dequantize_row(TensorType::q4_1, rows, out);
  for (std::size_t o = 0; o < kOut; ++o) {
    for (std::size_t i = 0; i < kIn; ++i) {
      const std::size_t g = i / kGroup * kOut + o;
      const float expected =
          (static_cast<float>(q[i * kOut + o]) - static_cast<float>(zero[g])) * scale[g];
      ASSERT_NEAR(out[o * kIn + i], expected, 16.0F * scale[g] * 0x1p-11F) << o << " " << i;
    }
  }
}

}  // namespace
}  // namespace wattle::engine
