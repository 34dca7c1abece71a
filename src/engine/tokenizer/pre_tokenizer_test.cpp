#include "engine/tokenizer/pre_tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace wattle::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> words(const std::string& pre, const std::string& text) {
  const auto pre_tokenizer = PreTokenizer::by_name(pre, "x.gguf");
  EXPECT_TRUE(pre_tokenizer.has_value());
  const auto views = pre_tokenizer->split(text);
  return {views.begin(), views.end()};
}

// Worked by hand from the patterns in docs/formats/tokenizer.md.
TEST(PreTokenizer, Gpt2KeepsOneSpaceWithTheWord) {
  EXPECT_THAT(words("gpt-2", "It's  over 9000!?"),
              ElementsAre("It", "'s", " ", " over", " 9000", "!?"));
  EXPECT_THAT(words("gpt-2", "we'LL"), ElementsAre("we", "'", "LL"));
  EXPECT_THAT(words("gpt-2", "a \n"), ElementsAre("a", " \n"));
  EXPECT_THAT(words("gpt-2", "天9½x"), ElementsAre("天", "9½", "x"));
}

TEST(PreTokenizer, Llama3GroupsThreeDigitsAndQwen2One) {
  for (const char* name : {"llama-bpe", "llama3", "llama-v3"}) {
    EXPECT_THAT(words(name, "We'LL pay 12345\n\n now"),
                ElementsAre("We", "'LL", " pay", " ", "123", "45", "\n\n", " now"));
  }
  for (const char* name : {"qwen2", "stablelm2"}) {
    EXPECT_THAT(words(name, "a 123"), ElementsAre("a", " ", "1", "2", "3"));
  }
  EXPECT_THAT(words("llama-bpe", "(word) :\r\n"), ElementsAre("(word", ")", " :\r\n"));
}

TEST(PreTokenizer, StarcoderCutsDigitsBeforeAnythingElse) {
  for (const char* name : {"starcoder", "smollm"}) {
    EXPECT_THAT(words(name, "x 12"), ElementsAre("x", " ", "1", "2"));
  }
}

TEST(PreTokenizer, DefaultSeparatesPunctuationAndGroupsOfDigits) {
  EXPECT_THAT(words("default", "a+b, 12345"), ElementsAre("a", "+", "b", ",", " ", "123", "45"));
}

TEST(PreTokenizer, DeepseekSeparatesScripts) {
  EXPECT_THAT(words("deepseek-llm", "ok 工作12\n  x  "),
              ElementsAre("ok", " ", "工作", "1", "2", "\n", " ", " x", "  "));
}

TEST(PreTokenizer, WhiteSpaceIsThatOfUnicode) {
  EXPECT_THAT(words("gpt-2", "a\u3000\u2028"), ElementsAre("a", "\u3000\u2028"));
  EXPECT_THAT(words("gpt-2", "a\u180E"), ElementsAre("a", "\u180E"));  // not since Unicode 6.3
  EXPECT_THAT(words("gpt-2", "\u180E\u0085"), ElementsAre("\u180E", "\u0085"));
}

TEST(PreTokenizer, InvalidUtf8IsAWordOfItsOwn) {
  EXPECT_THAT(words("gpt-2", "ab\xFF\xC3 cd\xE2\x82"),
              ElementsAre("ab", "\xFF\xC3", " cd", "\xE2\x82"));
  EXPECT_THAT(words("deepseek-llm", "\x80"), ElementsAre("\x80"));
  EXPECT_THAT(words("gpt-2", ""), ElementsAre());
}

TEST(PreTokenizer, AnUnknownNameIsAnErrorThatSaysWhatIsKnown) {
  const auto unknown = PreTokenizer::by_name("klingon", "x.gguf");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, ErrorCode::unsupported);
  EXPECT_THAT(unknown.error().message(),
              testing::AllOf(HasSubstr("x.gguf"), HasSubstr("klingon"), HasSubstr("llama-bpe")));
}

// Each of these was, or could be, quadratic in some pattern; that would be hours.
TEST(PreTokenizer, HostileTextTakesNoLongTime) {
  const std::size_t n = 1'000'000;
  const std::string spaces(n, ' ');
  for (const char* name : {"default", "gpt-2", "llama-bpe", "qwen2", "starcoder", "deepseek-llm"}) {
    for (const std::string& text : {spaces + "\u65E5", spaces + "x", std::string(n, '\''),
                                    std::string(n, '\n') + "x", "'" + std::string(n, 's')}) {
      const auto start = std::chrono::steady_clock::now();
      std::size_t n_bytes = 0;
      for (const auto& word : words(name, text)) n_bytes += word.size();
      EXPECT_EQ(n_bytes, text.size());
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << name;
    }
  }
}

}  // namespace
}  // namespace wattle::engine
