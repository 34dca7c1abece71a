// A state follows a text: bytes, copies, ends, limits.
#include <gtest/gtest.h>

#include "engine/grammar/test_grammars.hpp"

namespace wattle::engine {
namespace {

TEST(GrammarState, EndsWhereTheGrammarDoes) {
  GrammarState state(gbnf(R"(root ::= "a" "b"? "c"*)"));
  EXPECT_FALSE(state.can_end());
  EXPECT_TRUE(state.accept("a"));
  EXPECT_TRUE(state.can_end());
  EXPECT_FALSE(state.must_end());
  EXPECT_TRUE(state.accept("bcc"));
  EXPECT_TRUE(state.can_end());
  GrammarState whole(gbnf(R"(root ::= "a" "b"?)"));
  EXPECT_TRUE(whole.accept("ab"));
  EXPECT_TRUE(whole.must_end());
  EXPECT_FALSE(whole.accept("x"));
  EXPECT_TRUE(whole.accept("")) << "nothing is always allowed";
}

TEST(GrammarState, ARefusedTextChangesNothing) {
  GrammarState state(gbnf(R"(root ::= "abc" | "abd")"));
  EXPECT_TRUE(state.accept("ab"));
  EXPECT_FALSE(state.accept("cx"));
  EXPECT_TRUE(state.accept("d"));
  EXPECT_TRUE(state.must_end());
}

TEST(GrammarState, CharactersMayBeSplitAnywhere) {
  const auto grammar = gbnf("root ::= [\xC3\xA4-\xC3\xBC] \"\xE6\x97\xA5\" [^\\x00-\\U0000ffff]");
  GrammarState state(grammar);
  for (const char byte : std::string("\xC3\xA9\xE6\x97\xA5\xF0\x9F\xA6\x99")) {
    EXPECT_FALSE(state.can_end());
    EXPECT_TRUE(state.accept({&byte, 1}));
  }
  EXPECT_TRUE(state.must_end());
  GrammarState other(grammar);
  EXPECT_TRUE(other.accept("\xC3"));
  EXPECT_FALSE(other.accept("\xBD")) << "U+00FD is behind the range";
  EXPECT_FALSE(other.accept("a")) << "an unfinished character";
  EXPECT_TRUE(other.accept("\xA4\xE6\x97"));
  EXPECT_FALSE(other.accept("\xA6"));
}

TEST(GrammarState, OnlyValidUtf8IsAnyCharacter) {
  const auto grammar = gbnf("root ::= .");
  for (const char* text : {"a", "\xC2\x80", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF", "\n"}) {
    EXPECT_TRUE(matches(grammar, text)) << text;
  }
  for (const char* text :
       {"\x80", "\xC0\x80", "\xC1", "\xE0\x80", "\xED\xA0", "\xF4\x90", "\xF5", "\xFF"}) {
    EXPECT_FALSE(begins(grammar, text)) << text;
  }
}

TEST(GrammarState, CopiesForkAndGoBack) {
  GrammarState state(Grammar::json(Grammar::JsonRoot::value));
  ASSERT_TRUE(state.accept(R"({"a": [1, {"b": ")"));
  const GrammarState before = state;
  GrammarState fork = state;
  ASSERT_TRUE(state.accept(R"(x"}]})"));
  EXPECT_TRUE(state.must_end());
  ASSERT_TRUE(fork.accept(R"(\u00)"));
  EXPECT_FALSE(fork.accept("\""));
  state = before;
  EXPECT_FALSE(state.can_end());
  ASSERT_TRUE(state.accept(R"(y", "c": null}]})"));
  EXPECT_TRUE(state.must_end());
}

TEST(GrammarState, AmbiguityAndRecursionAreFollowedInParallel) {
  const auto palindromes = gbnf(R"(root ::= "a" root "a" | "b" root "b" | [ab]?)");
  EXPECT_TRUE(matches(palindromes, "abbaabba"));
  EXPECT_TRUE(matches(palindromes, "aaaaaaaaa"));
  EXPECT_FALSE(matches(palindromes, "abab"));
  const auto sums = gbnf(R"g(
    root ::= term ([-+] term)*
    term ::= factor ([*/] factor)*
    factor ::= [0-9]+ | "(" root ")" | "-" factor
  )g");
  EXPECT_TRUE(matches(sums, "1+(2*-3)/((4))-5"));
  EXPECT_FALSE(matches(sums, "1+(2*-3"));
  EXPECT_FALSE(begins(sums, "1+*"));
}

TEST(GrammarState, RightRecursionNeedsNoStack) {
  const auto grammar = gbnf("root ::= \"a\" root | \"b\" more | \"\"\nmore ::= \"a\" root");
  GrammarState state(grammar);
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(state.accept("aba"));
  EXPECT_TRUE(state.can_end());
}

TEST(GrammarState, NestingIsBounded) {
  GrammarState state(Grammar::json(Grammar::JsonRoot::value));
  std::size_t depth = 0;
  while (depth < 10'000 && state.accept("[")) ++depth;
  EXPECT_GE(depth, 200U);
  EXPECT_LT(depth, 1000U);
  for (; depth > 0; --depth) ASSERT_TRUE(state.accept("]")) << "what is open can be closed";
  EXPECT_TRUE(state.must_end());
}

TEST(GrammarState, TooManyWaysAreRefused) {
  // Each a doubles the ways to go on.
  const auto grammar = gbnf(R"(
    root ::= a "." | b "!"
    a ::= "x" a "1" | "x" b "2" | "x"
    b ::= "x" a "3" | "x" b "4" | "x"
  )");
  GrammarState state(grammar);
  std::size_t n = 0;
  while (n < 100 && state.accept("x")) ++n;
  EXPECT_GE(n, 3U);
  EXPECT_LT(n, 20U);
  EXPECT_TRUE(state.accept("1") || state.accept("2")) << "the state is still good";
}

TEST(Json, AcceptsJson) {
  const auto json = Grammar::json(Grammar::JsonRoot::value);
  for (const char* text :
       {"{}", "[]", "0", "-1.5e-7", "true", "false", "null", "\"\"", R"("\"\\\/\b\f\n\r\tA")",
        R"("\uD83D\uDE00é")", "[1, 2,3]", "{\"a\": {\"b\": []}}",
        "{\n  \"a\": 1,\n  \"b\": [\n    2\n  ]\n}", " {}", "\"\x7F\""}) {
    EXPECT_TRUE(matches(json, text)) << text;
    EXPECT_TRUE(parse_json(text, "test")) << text;
  }
  for (const char* text : {"",          "{",           "{a: 1}",      "{'a': 1}",
                           "[1,]",      "{\"a\" 1}",   "01",          "1.",
                           ".5",        "+1",          "1e",          "tru",
                           "nul",       "\"",          "\"\n\"",      R"("\x")",
                           R"("\u12")", R"("\uD800")", R"("\uDC00")", R"("\uD83Dx")",
                           "{} {}",     "[1 2]",       "NaN",         "\"\xED\xA0\x80\""}) {
    EXPECT_FALSE(matches(json, text)) << text;
  }
  EXPECT_FALSE(begins(json, "[   1")) << "white space without end";
  EXPECT_FALSE(begins(json, "[\n\n\n"));
}

TEST(Json, AnObjectIsTheDefault) {
  EXPECT_TRUE(matches(Grammar::json(), "{\"a\": [1]}"));
  EXPECT_FALSE(begins(Grammar::json(), "["));
  EXPECT_FALSE(begins(Grammar::json(), "1"));
  EXPECT_EQ(Grammar::json(), Grammar::json()) << "made once";
}

}  // namespace
}  // namespace wattle::engine
