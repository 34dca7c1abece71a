// What makes a vocabulary, and what is said about one that is none.
#include "engine/tokenizer/vocabulary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/test_folder.hpp"
#include "engine/gguf_writer.hpp"
#include "engine/tokenizer/small_vocabularies.hpp"

namespace wattle::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Vocabulary, WellKnownNamesEndAGeneration) {
  Vocabulary vocabulary = byte_vocabulary();
  add_merge(vocabulary, "a", "b");
  const TokenId text_end = add_token(vocabulary, "<|endoftext|>", TokenKind::control);
  const TokenId turn_end = add_token(vocabulary, "<|im_end|>", TokenKind::control);
  const TokenId message_end = add_token(vocabulary, "<|eom_id|>", TokenKind::control);
  const auto checked = check_vocabulary(vocabulary);
  ASSERT_TRUE(checked.has_value());
  EXPECT_EQ(checked->special.eot, turn_end);
  EXPECT_EQ(checked->special.eom, message_end);
  EXPECT_THAT(checked->end_of_generation, ElementsAre(text_end, turn_end, message_end));
}

TEST(Vocabulary, TheKeyCountsBeforeTheName) {
  Vocabulary vocabulary = byte_vocabulary();
  add_merge(vocabulary, "a", "b");
  const TokenId named = add_token(vocabulary, "<|eot_id|>", TokenKind::control);
  const TokenId keyed = add_token(vocabulary, "<stop>", TokenKind::control);
  vocabulary.eot = keyed;
  const auto checked = check_vocabulary(vocabulary);
  ASSERT_TRUE(checked.has_value());
  EXPECT_EQ(checked->special.eot, keyed);
  EXPECT_THAT(checked->end_of_generation, ElementsAre(named, keyed));
}

TEST(Vocabulary, SentencePieceHasItsOwnDefaults) {
  Vocabulary vocabulary = score_vocabulary();
  auto checked = check_vocabulary(vocabulary);
  ASSERT_TRUE(checked.has_value());
  EXPECT_EQ(checked->special.unknown, 0);
  EXPECT_EQ(checked->special.bos, 1);
  EXPECT_EQ(checked->special.eos, 2);
  EXPECT_TRUE(checked->special.add_bos);
  EXPECT_FALSE(checked->special.add_eos);
  vocabulary.kinds.clear();  // older files have no types: names tell
  checked = check_vocabulary(vocabulary);
  ASSERT_TRUE(checked.has_value());
  EXPECT_EQ(vocabulary.kinds[0], TokenKind::unknown);
  EXPECT_EQ(vocabulary.kinds[1], TokenKind::control);
  EXPECT_EQ(vocabulary.kinds[3], TokenKind::byte);
  EXPECT_EQ(checked->special.eos, 2);
}

TEST(Vocabulary, OnlyLlama3BeginsByItself) {
  for (const auto& [pre, begins] :
       {std::pair{"gpt-2", false}, std::pair{"qwen2", false}, std::pair{"llama-bpe", true}}) {
    Vocabulary vocabulary = byte_vocabulary(pre);
    add_merge(vocabulary, "a", "b");
    vocabulary.bos = add_token(vocabulary, "<begin>", TokenKind::control);
    const auto checked = check_vocabulary(vocabulary);
    ASSERT_TRUE(checked.has_value());
    EXPECT_EQ(checked->special.add_bos, begins) << pre;
  }
}

TEST(Vocabulary, NamesOfBytes) {
  EXPECT_EQ(byte_of_name("<0x00>"), 0);
  EXPECT_EQ(byte_of_name("<0xFf>"), 255);
  for (const char* other : {"<0xF>", "<0x1G>", "0x11>>", "<0x001>", ""}) {
    EXPECT_EQ(byte_of_name(other), std::nullopt) << other;
  }
}

struct BadCase {
  const char* name;
  void (*spoil)(Vocabulary&);
  const char* said;
};

class BadVocabulary : public testing::TestWithParam<BadCase> {};

TEST_P(BadVocabulary, IsAnErrorThatNamesFileAndPlace) {
  Vocabulary vocabulary = score_vocabulary();
  GetParam().spoil(vocabulary);
  const auto tokenizer = make_tokenizer(vocabulary);
  ASSERT_FALSE(tokenizer.has_value());
  EXPECT_EQ(tokenizer.error().code, ErrorCode::invalid_format);
  EXPECT_THAT(tokenizer.error().what, AllOf(HasSubstr("small.gguf"), HasSubstr(GetParam().said)));
  EXPECT_FALSE(tokenizer.error().remedy.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadVocabulary,
    testing::Values(
        BadCase{"no_tokens", [](Vocabulary& v) { v.tokens.clear(); }, "no tokens"},
        BadCase{"too_few_scores", [](Vocabulary& v) { v.scores.pop_back(); }, "258 scores for 259"},
        BadCase{"too_many_types", [](Vocabulary& v) { v.kinds.push_back(TokenKind::normal); },
                "260 token types"},
        BadCase{"nan_score",
                [](Vocabulary& v) { v.scores[7] = std::numeric_limits<float>::quiet_NaN(); },
                "token 7"},
        BadCase{"eos_outside", [](Vocabulary& v) { v.eos = 259; }, "eos_token_id is 259"},
        BadCase{"bos_negative", [](Vocabulary& v) { v.bos = -2; }, "bos_token_id is -2"},
        BadCase{"no_merges", [](Vocabulary& v) { v = byte_vocabulary(); }, "merges"},
        BadCase{"eos_without_id",
                [](Vocabulary& v) {
                  v.kinds[2] = TokenKind::normal;
                  v.add_eos = true;
                },
                "add_eos_token"}),
    [](const auto& test) { return std::string(test.param.name); });

class VocabularyFile : public testing::Test {
 protected:
  // The error of a file with these keys, or "" if it makes a tokenizer.
  std::string error() {
    const auto path = folder_.path() / "v.gguf";
    EXPECT_TRUE(writer_.write(path).has_value());
    const auto file = GgufFile::open(path);
    EXPECT_TRUE(file.has_value());
    const auto tokenizer = Tokenizer::from_gguf(*file);
    if (tokenizer) return "";
    EXPECT_THAT(tokenizer.error().what, HasSubstr("v.gguf"));
    return tokenizer.error().what;
  }

  TestFolder folder_;
  GgufWriter writer_;
};

TEST_F(VocabularyFile, WithoutAModelIsAnError) {
  writer_.set_string("general.architecture", "llama");
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.model is missing"));
}

TEST_F(VocabularyFile, OfAnotherModelIsAnError) {
  writer_.set_string("tokenizer.ggml.model", "bert");
  writer_.set_strings("tokenizer.ggml.tokens", {"a"});
  EXPECT_THAT(error(), AllOf(HasSubstr("'bert'"), HasSubstr("'llama' and 'gpt2'")));
}

TEST_F(VocabularyFile, WithoutTokensIsAnError) {
  writer_.set_string("tokenizer.ggml.model", "llama");
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.tokens is missing"));
}

TEST_F(VocabularyFile, WithoutScoresIsAnError) {
  writer_.set_string("tokenizer.ggml.model", "llama");
  writer_.set_strings("tokenizer.ggml.tokens", {"a"});
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.scores is missing"));
}

TEST_F(VocabularyFile, WithoutMergesIsAnError) {
  writer_.set_string("tokenizer.ggml.model", "gpt2");
  writer_.set_strings("tokenizer.ggml.tokens", {"a"});
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.merges is missing"));
}

TEST_F(VocabularyFile, WithAMergeOfOnePartIsAnError) {
  writer_.set_string("tokenizer.ggml.model", "gpt2");
  writer_.set_strings("tokenizer.ggml.tokens", {"a"});
  for (const char* merge : {"ab", "", " ", "a "}) {
    writer_.set_strings("tokenizer.ggml.merges", {"a b", merge});
    EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.merges[1]")) << merge;
  }
}

TEST_F(VocabularyFile, WithWrongTypesIsAnError) {
  writer_.set_string("tokenizer.ggml.model", "llama");
  writer_.set_string("tokenizer.ggml.tokens", "a");
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.tokens is not an array of strings"));
  writer_.set_strings("tokenizer.ggml.tokens", {"a"});
  writer_.set_strings("tokenizer.ggml.scores", {"high"});
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.scores is not an array of floats"));
  writer_.set_floats32("tokenizer.ggml.scores", {0});
  writer_.set_floats32("tokenizer.ggml.token_type", {1});
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.token_type is not an array of integers"));
  writer_.set_ints32("tokenizer.ggml.token_type", {7});
  EXPECT_THAT(error(), HasSubstr("of token 0 is 7"));
  writer_.set_ints32("tokenizer.ggml.token_type", {1});
  writer_.set_string("tokenizer.ggml.bos_token_id", "one");
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.bos_token_id"));
  writer_.set_uint64("tokenizer.ggml.bos_token_id", ~std::uint64_t{0});
  EXPECT_THAT(error(), HasSubstr("tokenizer.ggml.bos_token_id"));
  writer_.set_uint32("tokenizer.ggml.bos_token_id", 0);
  EXPECT_EQ(error(), "");
}

TEST_F(VocabularyFile, WithAnUnknownPreTokenizerIsAnError) {
  writer_.set_string("tokenizer.ggml.model", "gpt2");
  writer_.set_strings("tokenizer.ggml.tokens", {"a", "b", "ab"});
  writer_.set_strings("tokenizer.ggml.merges", {"a b"});
  EXPECT_EQ(error(), "");  // absent: "default"
  writer_.set_string("tokenizer.ggml.pre", "klingon");
  EXPECT_THAT(error(), AllOf(HasSubstr("'klingon'"), HasSubstr("deepseek-llm")));
}

}  // namespace
}  // namespace wattle::engine
