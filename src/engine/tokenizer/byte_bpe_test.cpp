#include "engine/tokenizer/byte_bpe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/tokenizer/small_vocabularies.hpp"

namespace wattle::engine {
namespace {

using testing::ElementsAre;

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};
constexpr EncodeOptions kParse{.add_special = false, .parse_special = true};

std::shared_ptr<const Tokenizer> make(const Vocabulary& vocabulary) {
  auto tokenizer = make_tokenizer(vocabulary);
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  return *tokenizer;
}

// 256 he, 257 ll, 258 lo, 259 hell, 260 Ġhe
Vocabulary hello(const char* pre = "gpt-2") {
  Vocabulary vocabulary = byte_vocabulary(pre);
  add_merge(vocabulary, "h", "e");
  add_merge(vocabulary, "l", "l");
  add_merge(vocabulary, "l", "o");
  add_merge(vocabulary, "he", "ll");
  add_merge(vocabulary, "Ġ", "he");
  return vocabulary;
}

// h e l l o: he, then ll (before lo), then he+ll. With a space: Ġ he ll o, and he+ll before Ġ+he.
TEST(ByteBpe, MergesInTheOrderOfTheList) {
  const auto tokenizer = make(hello());
  EXPECT_THAT(tokenizer->encode("hello", kPlain), ElementsAre(259, 'o'));
  EXPECT_THAT(tokenizer->encode("hello hello", kPlain), ElementsAre(259, 'o', ' ', 259, 'o'));
  EXPECT_THAT(tokenizer->encode("he he", kPlain), ElementsAre(256, 260));
  EXPECT_THAT(tokenizer->encode("", kPlain), ElementsAre());
}

TEST(ByteBpe, DoesNotMergeAcrossWords) {
  Vocabulary vocabulary = byte_vocabulary();
  add_merge(vocabulary, "a", "1");
  EXPECT_THAT(make(vocabulary)->encode("a1", kPlain), ElementsAre('a', '1'));
}

TEST(ByteBpe, Llama3TakesAWholeWordWhateverTheMergesSay) {
  for (const char* pre : {"gpt-2", "llama-bpe"}) {
    Vocabulary vocabulary = hello(pre);
    const TokenId whole = add_token(vocabulary, "hello", TokenKind::normal);
    const auto ids = make(vocabulary)->encode("hello", kPlain);
    if (pre == std::string("gpt-2")) {
      EXPECT_THAT(ids, ElementsAre(259, 'o'));
    } else {
      EXPECT_THAT(ids, ElementsAre(whole));
    }
  }
}

TEST(ByteBpe, AMergeWhoseResultIsNoTokenIsAStepOnly) {
  Vocabulary vocabulary = byte_vocabulary();
  vocabulary.merges.emplace_back("a", "b");  // "ab" is no token, "abc" is
  const TokenId abc = add_merge(vocabulary, "ab", "c");
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("abc", kPlain), ElementsAre(abc));
  EXPECT_THAT(tokenizer->encode("abd", kPlain), ElementsAre('a', 'b', 'd'));
}

TEST(ByteBpe, AnyBytesComeBack) {
  const auto tokenizer = make(hello());
  std::string all;
  for (int byte = 255; byte >= 0; --byte) all += static_cast<char>(byte);
  for (const std::string& text : {all, std::string("\xFF"), std::string("he\xE2\x82 he"),
                                  std::string("a\0b", 3), std::string("天気 ▁ 🦙")}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, kPlain)), text);
  }
  EXPECT_EQ(tokenizer->piece(260), " he");
}

TEST(ByteBpe, AByteWithoutTokenBecomesTheReplacementCharacter) {
  Vocabulary vocabulary = hello();
  vocabulary.kinds['z'] = TokenKind::unused;
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("az", kPlain), ElementsAre('a', 0xEF, 0xBF, 0xBD));
}

TEST(ByteBpe, SpecialTokensAreCutOutAndHidden) {
  Vocabulary vocabulary = hello();
  const TokenId end = add_token(vocabulary, "<|im_end|>", TokenKind::normal);  // a converter's slip
  const TokenId user = add_token(vocabulary, "  ø", TokenKind::user_defined);
  vocabulary.bos = end;
  const auto tokenizer = make(vocabulary);
  const auto ids = tokenizer->encode("he<|im_end|>  ø", kParse);
  EXPECT_THAT(ids, ElementsAre(256, end, user));
  EXPECT_EQ(tokenizer->decode(ids), "he  ø");
  EXPECT_EQ(tokenizer->decode(ids, true), "he<|im_end|>  ø");
  EXPECT_THAT(tokenizer->encode("<|im_end|>", kPlain), testing::Not(testing::Contains(end)));
  EXPECT_THAT(tokenizer->encode("he", {}), ElementsAre(256));  // no BOS unless asked for
  vocabulary.add_bos = true;
  EXPECT_THAT(make(vocabulary)->encode("he", {}), ElementsAre(end, 256));
}

}  // namespace
}  // namespace wattle::engine
