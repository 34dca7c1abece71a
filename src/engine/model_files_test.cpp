// A Hugging Face folder runs as the GGUF file of the same model does.
#include "engine/model_files.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/atomic_file.hpp"
#include "base/test_folder.hpp"
#include "engine/chat_template.hpp"
#include "engine/generate.hpp"
#include "engine/hf/test_hf_folder.hpp"

namespace wattle::engine {
namespace {

class ModelFolder : public testing::Test {
 protected:
  void SetUp() override {
    TestModel model(shape_);
    add_space_token(model);
    ASSERT_TRUE(model.write(gguf_));
    write_hf_llama(gguf_, shape_, folder_.path());
  }
  std::string load_error() const {
    const auto model = Model::load(folder_.path());
    return model ? "was loaded" : model.error().message();
  }

  TestShape shape_;
  TestFolder folder_;
  TestFolder elsewhere_;
  std::filesystem::path gguf_ = elsewhere_.path() / "model.gguf";
};

TEST_F(ModelFolder, GivesTheLogitsOfTheGgufFile) {
  const std::vector<TokenId> tokens = {1, 70, 80, 300, 90, 12, 7, 319};
  std::vector<std::vector<PositionLogits>> all;
  for (const auto& path : {gguf_, folder_.path()}) {
    const auto model = Model::load(path, {.exact = true, .threads = 1});
    ASSERT_TRUE(model) << model.error().message();
    auto session = Session::create(*model);
    ASSERT_TRUE(session);
    auto logits = all_logits(**session, tokens);
    ASSERT_TRUE(logits);
    all.push_back(std::move(*logits));
  }
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t i = 0; i < shape_.n_vocab; ++i) {
      ASSERT_NEAR(all[0][t].logits[i], all[1][t].logits[i], 2e-4F) << t << ", " << i;
    }
  }
}

TEST_F(ModelFolder, EncodesAndDecodesAsTheGgufFile) {
  const auto ours = Model::load(folder_.path()).value();
  const auto theirs = Model::load(gguf_).value();
  for (const char* text : {"Hi there", "", "  two  spaces ", "\xC3\xA4\n</s>"}) {
    for (const bool parse : {false, true}) {
      const EncodeOptions options{.add_special = true, .parse_special = parse};
      const auto ids = ours->tokenizer().encode(text, options);
      EXPECT_EQ(ids, theirs->tokenizer().encode(text, options)) << text;
    }
  }
  EXPECT_TRUE(ours->tokenizer().is_end_of_generation(2));
}

// Embeddings are often padded to a multiple of 64 rows.
TEST_F(ModelFolder, TheEmbeddingMayHaveMoreRowsThanThereAreTokens) {
  folder_.write("tokenizer.json", dump_json(hf_test_tokenizer(300)));
  const auto model = Model::load(folder_.path());
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ((*model)->tokenizer().vocab_size(), 300U);
  EXPECT_EQ((*model)->config().n_vocab, 320U);
  EXPECT_EQ((*model)->tokenizer().piece(310), "");
  auto session = Session::create(*model);
  ASSERT_TRUE(session);
  const std::vector<TokenId> prompt = {1, 310};
  EXPECT_TRUE(generate(**session, prompt, {.max_tokens = 4}));

  folder_.write("tokenizer.json", dump_json(hf_test_tokenizer(330)));
  EXPECT_NE(load_error().find("330 tokens, 'token_embd.weight' has 320 rows"), std::string::npos)
      << load_error();
}

TEST_F(ModelFolder, ChatTemplatesAreFound) {
  const auto main = [&] { return chat_template_of(open_weights(folder_.path()).value())->text; };
  folder_.write("tokenizer_config.json", R"({"chat_template": "one"})");
  EXPECT_EQ(main(), "one");
  folder_.write("tokenizer_config.json",
                R"({"chat_template": [{"name": "default", "template": "two"},
                                      {"name": "tool_use", "template": "three"}]})");
  EXPECT_EQ(main(), "two");
  const auto file = open_weights(folder_.path()).value();
  EXPECT_EQ(chat_template_of(file, {.name = "tool_use"})->text, "three");
  folder_.write("chat_template.jinja", "four");
  EXPECT_EQ(main(), "four");
}

TEST_F(ModelFolder, WhatIsMissingIsNamed) {
  std::filesystem::remove(folder_.path() / "tokenizer.json");
  EXPECT_NE(load_error().find("neither tokenizer.json nor tokenizer.model"), std::string::npos)
      << load_error();
  std::filesystem::remove(folder_.path() / "model.safetensors");
  EXPECT_NE(load_error().find("no *.safetensors"), std::string::npos) << load_error();
  std::filesystem::remove(folder_.path() / "config.json");
  EXPECT_NE(load_error().find("a folder without config.json"), std::string::npos) << load_error();
}

// AWQ stores a matrix [n_out, n_in] as 4-bit words along the outputs. The folder gives the logits
// of one whose weights are (q − z)·s written out.
TEST_F(ModelFolder, AwqRunsAsItIs) {
  constexpr std::size_t kGroup = 32;
  constexpr std::array<std::size_t, 8> kOrder = {0, 2, 4, 6, 1, 3, 5, 7};
  const GgufFile file = GgufFile::open(gguf_).value();
  TestFolder plain_folder;
  TestSafetensors awq;
  TestSafetensors plain;
  std::mt19937 random(3);
  for (const TensorInfo& tensor : file.tensors()) {
    HfTensor out = hf_tensor(file, tensor, true, shape_.head_dim);
    const std::vector<std::uint64_t> dims(tensor.shape.rbegin(), tensor.shape.rend());
    if (dims.size() == 2 && out.name.contains("_proj")) {
      const std::size_t n_out = dims[0];
      const std::size_t n_in = dims[1];
      std::vector<std::uint32_t> weights(n_in * n_out / 8);
      std::vector<std::uint32_t> zeros(n_in / kGroup * n_out / 8);
      std::vector<std::uint16_t> scales(n_in / kGroup * n_out);
      for (std::size_t g = 0; g < n_in / kGroup; ++g) {
        for (std::size_t o = 0; o < n_out; ++o) {
          const std::uint32_t zero = 6 + random() % 4;
          const std::uint16_t scale =
              f32_to_f16(0.04F + 0.001F * static_cast<float>(random() % 20));
          const std::size_t shift =
              4 * static_cast<std::size_t>(std::ranges::find(kOrder, o % 8) - kOrder.begin());
          scales[g * n_out + o] = scale;
          zeros[g * n_out / 8 + o / 8] |= zero << shift;
          for (std::size_t i = g * kGroup; i < (g + 1) * kGroup; ++i) {
            const std::uint32_t q = random() % 16;
            weights[i * n_out / 8 + o / 8] |= q << shift;
            out.values[o * n_in + i] =
                (static_cast<float>(q) - static_cast<float>(zero)) * f16_to_f32(scale);
          }
        }
      }
      const std::string base = out.name.substr(0, out.name.rfind('.'));
      awq.add(base + ".qweight", "I32", {n_in, n_out / 8}, weights);
      awq.add(base + ".qzeros", "I32", {n_in / kGroup, n_out / 8}, zeros);
      awq.add(base + ".scales", "F16", {n_in / kGroup, n_out}, scales);
    } else {
      awq.add(out.name, "F32", dims, out.values);
    }
    plain.add(out.name, "F32", dims, out.values);
  }
  for (const char* name : {"config.json", "tokenizer.json", "generation_config.json"}) {
    std::filesystem::copy_file(folder_.path() / name, plain_folder.path() / name);
  }
  plain.write(plain_folder.path() / "model.safetensors");
  awq.write(folder_.path() / "model.safetensors");
  Json config = parse_json(read_file(folder_.path() / "config.json").value(), "config").value();
  config["quantization_config"] = {
      {"quant_method", "awq"}, {"bits", 4}, {"group_size", kGroup}, {"version", "gemm"}};
  folder_.write("config.json", dump_json(config));

  const std::vector<TokenId> tokens = {1, 70, 80, 300, 90};
  const auto logits_of = [&](const std::filesystem::path& path) {
    const auto model = Model::load(path, {.exact = true, .threads = 1});
    EXPECT_TRUE(model) << model.error().message();
    const auto session = Session::create(*model).value();
    return all_logits(*session, tokens).value();
  };
  const auto ours = logits_of(folder_.path());
  const auto theirs = logits_of(plain_folder.path());
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t i = 0; i < shape_.n_vocab; ++i) {
      // −z·s is rounded to half precision.
      ASSERT_NEAR(ours[t].logits[i], theirs[t].logits[i], 2e-2F) << t << ", " << i;
    }
  }
  const auto weights = open_weights(folder_.path()).value();
  EXPECT_EQ(weights.find_tensor("blk.0.ffn_up.weight")->type, TensorType::q4_1);
}

}  // namespace
}  // namespace wattle::engine
