// A Hugging Face folder runs as the GGUF file of the same model does.
#include "engine/model_files.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace wattle::engine
