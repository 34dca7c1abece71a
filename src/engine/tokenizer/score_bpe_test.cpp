#include "engine/tokenizer/score_bpe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/tokenizer/small_vocabularies.hpp"

namespace wattle::engine {
namespace {

using testing::ElementsAre;

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};
constexpr EncodeOptions kParse{.add_special = false, .parse_special = true};
constexpr TokenId kFirstByte = 3;

std::shared_ptr<const Tokenizer> make(const Vocabulary& vocabulary) {
  auto tokenizer = make_tokenizer(vocabulary);
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  return *tokenizer;
}

// 259 ▁, 260 h, 261 e, 262 l, 263 o, 264 el, 265 lo, 266 ▁h, 267 ▁hel, 268 hello
Vocabulary hello() {
  Vocabulary vocabulary = score_vocabulary();
  for (const char* letter : {"▁", "h", "e", "l", "o"}) {
    add_token(vocabulary, letter, TokenKind::normal, -20);
  }
  add_token(vocabulary, "el", TokenKind::normal, -1);
  add_token(vocabulary, "lo", TokenKind::normal, -2);
  add_token(vocabulary, "▁h", TokenKind::normal, -3);
  add_token(vocabulary, "▁hel", TokenKind::normal, -4);
  add_token(vocabulary, "hello", TokenKind::normal, -5);
  return vocabulary;
}

// ▁ h e l l o: el first (-1), then lo (-2), then ▁h (-3), then ▁h+el (-4); ▁hel+lo is no token.
TEST(ScoreBpe, MergesTheHighestScoreFirst) {
  const auto tokenizer = make(hello());
  EXPECT_THAT(tokenizer->encode("hello", kPlain), ElementsAre(267, 265));
  // The second word has its own space: ▁hel lo, and the third is cut by the letter before.
  EXPECT_THAT(tokenizer->encode("hello hello", kPlain), ElementsAre(267, 265, 267, 265));
  EXPECT_THAT(tokenizer->encode("ohello", kPlain), ElementsAre(259, 263, 260, 264, 265));
}

TEST(ScoreBpe, OfEqualScoresTheLeftmostMergesFirst) {
  Vocabulary vocabulary = score_vocabulary();
  vocabulary.add_space_prefix = false;
  const TokenId a = add_token(vocabulary, "a", TokenKind::normal, -9);
  const TokenId aa = add_token(vocabulary, "aa", TokenKind::normal, -1);
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("aaaaa", kPlain), ElementsAre(aa, aa, a));
}

TEST(ScoreBpe, TheSpaceInFrontIsPutAndTakenAsTheModelSays) {
  Vocabulary vocabulary = hello();
  const auto with = make(vocabulary);
  EXPECT_THAT(with->encode("h", kPlain), ElementsAre(266));
  EXPECT_THAT(with->encode(" h", kPlain), ElementsAre(259, 266));
  EXPECT_THAT(with->encode("", kPlain), ElementsAre());
  EXPECT_EQ(with->decode(std::vector<TokenId>{266}), "h");
  EXPECT_EQ(with->decode(std::vector<TokenId>{259, 266}), " h");
  EXPECT_EQ(with->decode(std::vector<TokenId>{1, 266, 266}), "h h");
  EXPECT_EQ(with->piece(266), " h");
  vocabulary.add_space_prefix = false;
  const auto without = make(vocabulary);
  EXPECT_THAT(without->encode("h", kPlain), ElementsAre(260));
  EXPECT_EQ(without->decode(std::vector<TokenId>{266}), " h");
}

TEST(ScoreBpe, WhatHasNoTokenBecomesBytes) {
  const auto tokenizer = make(hello());
  // ▁, then the two bytes of é.
  const auto ids = tokenizer->encode("é", kPlain);
  EXPECT_THAT(ids, ElementsAre(259, kFirstByte + 0xC3, kFirstByte + 0xA9));
  EXPECT_EQ(tokenizer->decode(ids), "é");
  EXPECT_EQ(tokenizer->piece(kFirstByte + 0xC3), "\xC3");
}

TEST(ScoreBpe, InvalidUtf8ComesBackByteForByte) {
  const auto tokenizer = make(hello());
  for (const std::string text : {"\xFF", "h\xE2\x82", "\x80\x80 h", "\xED\xA0\x80"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, kPlain)), text);
  }
  EXPECT_THAT(tokenizer->encode("h\xFFl", kPlain), ElementsAre(266, kFirstByte + 0xFF, 262));
}

TEST(ScoreBpe, ASpaceCharacterOfTheTextIsNotTheSpace) {
  const auto tokenizer = make(hello());
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a▁b c", kPlain)), "a▁b c");
  // A vocabulary without U+2581 writes the space as a byte.
  const auto bytes_only = make(score_vocabulary());
  EXPECT_THAT(bytes_only->encode("a", kPlain), ElementsAre(kFirstByte + ' ', kFirstByte + 'a'));
  EXPECT_EQ(bytes_only->decode(bytes_only->encode(" a▁ ", kPlain)), " a▁ ");
}

TEST(ScoreBpe, WithoutByteTokensTheUnknownTokenStands) {
  Vocabulary vocabulary = score_vocabulary(false);
  const TokenId space = add_token(vocabulary, "▁", TokenKind::normal, -1);
  const TokenId a = add_token(vocabulary, "a", TokenKind::normal, -2);
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("aéa", kPlain), ElementsAre(space, a, 0, a));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{space, a, 0}), "a\xEF\xBF\xBD");
}

TEST(ScoreBpe, ControlTokensComeOnlyFromParsedText) {
  Vocabulary vocabulary = hello();
  for (const char* part : {"<", "s", ">", "<s", "s>"}) {
    add_token(vocabulary, part, TokenKind::normal, -1);
  }
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("<s>h", kPlain), testing::Not(testing::Contains(1)));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("<s>h", kPlain)), "<s>h");
  // Behind a special token the text begins anew, with a space of its own.
  const auto ids = tokenizer->encode("h</s>h", kParse);
  EXPECT_THAT(ids, ElementsAre(266, 2, 266));
  EXPECT_EQ(tokenizer->decode(ids), "hh");
  EXPECT_EQ(tokenizer->decode(ids, true), "h</s>h");
}

TEST(ScoreBpe, UserDefinedTokensAreAlwaysCutOut) {
  Vocabulary vocabulary = hello();
  const TokenId tool = add_token(vocabulary, "<tool>", TokenKind::user_defined);
  const TokenId spaces = add_token(vocabulary, "▁▁", TokenKind::user_defined);
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("h<tool>h", kPlain), ElementsAre(266, tool, 266));
  EXPECT_THAT(tokenizer->encode("h  h", kPlain), ElementsAre(266, spaces, 266));
  for (const std::string text : {"h<tool>h", "<tool> h", "<tool><tool>", "  h   "}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, kPlain)), text);
  }
}

TEST(ScoreBpe, BeginAndEndAreAddedAsTheModelAsks) {
  Vocabulary vocabulary = hello();
  EXPECT_THAT(make(vocabulary)->encode("h", {}), ElementsAre(1, 266));
  vocabulary.add_eos = true;
  EXPECT_THAT(make(vocabulary)->encode("", {}), ElementsAre(1, 2));
  vocabulary.add_bos = false;
  EXPECT_THAT(make(vocabulary)->encode("h", {}), ElementsAre(266, 2));
}

TEST(ScoreBpe, Phi3SwallowsWhiteSpaceBehindSpecialTokens) {
  Vocabulary vocabulary = hello();
  vocabulary.strip_space_after_specials = true;
  const TokenId user = add_token(vocabulary, "<|user|>", TokenKind::control);
  const TokenId text_end = add_token(vocabulary, "<|endoftext|>", TokenKind::control);
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("<|user|>\nh", kParse), ElementsAre(user, 266));
  EXPECT_THAT(tokenizer->encode("<|endoftext|> h", kParse), ElementsAre(text_end, 259, 266));
}

TEST(ScoreBpe, OfEqualTokensTheFirstIsUsedAndBothAreRead) {
  Vocabulary vocabulary = hello();
  const TokenId again = add_token(vocabulary, "h", TokenKind::normal, 5);
  vocabulary.add_space_prefix = false;
  const auto tokenizer = make(vocabulary);
  EXPECT_THAT(tokenizer->encode("h", kPlain), ElementsAre(260));
  EXPECT_EQ(tokenizer->piece(again), "h");
}

TEST(ScoreBpe, IdsOutsideTheVocabularyAreSilent) {
  const auto tokenizer = make(hello());
  EXPECT_EQ(tokenizer->vocab_size(), 269U);
  EXPECT_EQ(tokenizer->piece(-1), "");
  EXPECT_EQ(tokenizer->piece(269, true), "");
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{-5, 266, 1 << 30}), "h");
  EXPECT_FALSE(tokenizer->is_end_of_generation(-1));
  EXPECT_TRUE(tokenizer->is_end_of_generation(2));
}

}  // namespace
}  // namespace wattle::engine
