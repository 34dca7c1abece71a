// Sequences that decode together find the tokens that generate() finds for each alone.
#include "engine/batch_decoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/test_folder.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

class BatchDecoderTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto path = folder_.path() / "model.gguf";
    ASSERT_TRUE(TestModel({.context = 400}).write(path));
    model_ = Model::load(path).value();
    for (int i = 0; i < 300; ++i) prompt_.push_back((i * 37 + 5) % 320);
  }
  // Greedy tokens after prompt and first.
  std::vector<TokenId> alone(TokenId first, std::uint32_t n) {
    auto tokens = prompt_;
    tokens.push_back(first);
    const auto session = *Session::create(model_, {.context = 350});
    GenerateOptions options;
    options.max_tokens = n;
    options.ignore_eos = true;
    std::vector<TokenId> found;
    const auto result = generate(*session, tokens, options);
    EXPECT_TRUE(result);
    for (const auto& token : result->tokens) found.push_back(token.id);
    return found;
  }
  TestFolder folder_;
  std::shared_ptr<const Model> model_;
  std::vector<TokenId> prompt_;
};

TEST_F(BatchDecoderTest, EverySequenceGoesOnAsItWouldAlone) {
  const std::vector<TokenId> first = {7, 100, 319};
  const auto decoder = *BatchDecoder::create(model_, {.n_sequences = 3, .context = 350});
  ASSERT_TRUE(decoder->prefill(prompt_));
  EXPECT_EQ(decoder->position(), 300U);
  for (int repetition = 0; repetition < 2; ++repetition) {  // rewinding changes nothing
    decoder->rewind(300);
    ASSERT_TRUE(decoder->set_next(first));
    std::vector<std::vector<TokenId>> found(3);
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(decoder->step());
      for (std::size_t s = 0; s < 3; ++s) found[s].push_back(decoder->next()[s]);
    }
    EXPECT_EQ(decoder->position(), 320U);
    for (std::size_t s = 0; s < 3; ++s) EXPECT_EQ(found[s], alone(first[s], 20)) << s;
  }
  ASSERT_TRUE(decoder->prefill(std::span(prompt_).first(3)));
  EXPECT_EQ(decoder->position(), 3U);
}

TEST_F(BatchDecoderTest, WhatCannotBeIsRefused) {
  EXPECT_FALSE(BatchDecoder::create(nullptr, {}));
  EXPECT_FALSE(BatchDecoder::create(model_, {.n_sequences = 0}));
  EXPECT_FALSE(BatchDecoder::create(model_, {.context = 401}));
  const auto decoder = *BatchDecoder::create(model_, {.n_sequences = 2, .context = 16});
  EXPECT_FALSE(decoder->prefill(std::span(prompt_).first(17)));
  EXPECT_FALSE(decoder->prefill(std::vector<TokenId>{320}));
  EXPECT_FALSE(decoder->set_next(std::vector<TokenId>{1}));
  EXPECT_FALSE(decoder->set_next(std::vector<TokenId>{1, -1}));
  ASSERT_TRUE(decoder->prefill(std::span(prompt_).first(15)));
  ASSERT_TRUE(decoder->step());
  const auto full = decoder->step();
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().what.find("context 16"), std::string::npos);
}

}  // namespace
}  // namespace wattle::engine
