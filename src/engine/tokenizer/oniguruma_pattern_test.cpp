// The expected matches are what Oniguruma with the Ruby syntax gives (tokenizers 0.23).
#include "engine/tokenizer/oniguruma_pattern.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/tokenizer/regex.hpp"

namespace wattle::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The matches of an Oniguruma pattern, as text.
std::vector<std::string> matches(std::string_view pattern, const std::string& text) {
  const auto translated = from_oniguruma(pattern);
  EXPECT_TRUE(translated.has_value()) << pattern << ": " << translated.error().message();
  if (!translated) return {};
  const auto regex = Regex::compile(*translated);
  EXPECT_TRUE(regex.has_value()) << *translated << ": " << regex.error().message();
  if (!regex) return {};
  std::vector<std::string> found;
  RegexBudget budget = RegexBudget::for_text(text.size());
  for (const Span span : regex->find_all(text, budget)) {
    found.push_back(text.substr(span.begin, span.end - span.begin));
  }
  return found;
}

TEST(OnigurumaPattern, CommonPartsStay) {
  EXPECT_THAT(matches(R"( ?\p{L}+|\p{N}{1,3}|[^\s\p{L}]+)", "ab 1234!"),
              ElementsAre("ab", "123", "4", "!"));
  EXPECT_THAT(matches("(?i:'s|'t)|a(?=b)|(?<!x)y|(?:c|d)+?", "'S ab xy y cd"),
              ElementsAre("'S", "a", "y", "c", "d"));
  EXPECT_THAT(matches(R"([^\S\r\n]+)", "a \n b"), ElementsAre(" ", " "));
  EXPECT_THAT(matches("(?i)k", "kK\u212A"), ElementsAre("k", "K", "\u212A"));
  EXPECT_THAT(matches("(?>a+)b|a?+a", "aab"), ElementsAre("aab"));
}

TEST(OnigurumaPattern, LineEndsAreAnchors) {
  EXPECT_THAT(matches("^a", "a\na"), ElementsAre("a", "a"));
  EXPECT_THAT(matches("a$", "a\na"), ElementsAre("a", "a"));
  EXPECT_THAT(matches("$", "a\nb\n"), ElementsAre("", "", ""));
  EXPECT_THAT(matches(".", "a\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(matches(R"(\s+$)", "a  \n b \n"), ElementsAre("  ", " \n"));
}

TEST(OnigurumaPattern, ClassesHaveOnigurumasMeaning) {
  EXPECT_THAT(matches(R"(\h+)", "xgaf1F"), ElementsAre("af1F"));
  EXPECT_THAT(matches(R"([\h]+\H)", "xgaf1Fx"), ElementsAre("af1Fx"));
  EXPECT_THAT(matches(R"(\v)", "a\vb\nc"), ElementsAre("\v"));
  EXPECT_THAT(matches(R"(\w+)", "a\u0301_\u203F1-b²"), ElementsAre("a\u0301_\u203F1", "b²"));
  EXPECT_THAT(matches(R"([\w]+)", "b²"), ElementsAre("b"));
  EXPECT_THAT(matches(R"(\bfoo\b)", "afoo foo"), ElementsAre("foo"));
  EXPECT_THAT(matches(R"(\Boo)", "foo oo"), ElementsAre("oo"));
  EXPECT_THAT(matches(R"(\p{Han})", "漢、"), ElementsAre("漢"));  // not the script extension 、
  EXPECT_THAT(matches(R"(\p{^L}\P{N})", "a1b"), ElementsAre("1b"));
  EXPECT_THAT(matches(R"(\u0041\x{1F600}\x42)", "A😀B"), ElementsAre("A😀B"));
  EXPECT_THAT(matches("[]a]+", "x]a"), ElementsAre("]a"));
  EXPECT_THAT(matches("[^(\\s|[.,!]x[y]]+", "ab.c(x-d y"), ElementsAre("ab", "c", "-d"));
  EXPECT_THAT(matches(R"([一-龥\-]+)", "a一-b"), ElementsAre("一-"));
}

// "{1,3}+" repeats; in PCRE2 it would be possessive. "{,2}" counts from 0.
TEST(OnigurumaPattern, IntervalsRepeat) {
  EXPECT_THAT(matches(R"(\p{N}{1,3}+)", "1234567"), ElementsAre("1234567"));
  EXPECT_THAT(matches(R"((?:ab){2}+x)", "ababababx"), ElementsAre("ababababx"));
  EXPECT_THAT(matches("xa{,2}", "xaaa"), ElementsAre("xaa"));
  EXPECT_THAT(matches("a{2,}?", "aaaa"), ElementsAre("aa", "aa"));
  EXPECT_THAT(matches("a{2", "a{2"), ElementsAre("a{2"));
}

TEST(OnigurumaPattern, WhatHasNoCommonMeaningIsRefusedByName) {
  for (const auto& [pattern, said] :
       {std::pair{R"((a)\1)", R"('\1' at byte 3)"}, std::pair{R"(\k<x>)", R"('\k')"},
        std::pair{"[a-z&&[^b]]", "'&&' at byte 4"}, std::pair{"[[:punct:]]", "'[:' at byte 1"},
        std::pair{"[a[^b]]", "'[^' at byte 2"}, std::pair{"(?m:.)", "'(?m'"},
        std::pair{"a(?i)b", "'(?i' at byte 1"}, std::pair{"(*FAIL)", "'(*F'"},
        std::pair{R"(\Qa\E)", R"('\Q')"}, std::pair{R"(\pL)", R"('\pL')"},
        std::pair{R"(\xFF)", R"('\xFF')"}, std::pair{"a{2}?", "'{2}?'"}, std::pair{"a)", "no '('"},
        std::pair{"[a", "without its ']'"}, std::pair{"a\\", "at byte 1"},
        std::pair{"\xFF", "not UTF-8"}}) {
    const auto translated = from_oniguruma(pattern);
    ASSERT_FALSE(translated.has_value()) << pattern;
    EXPECT_THAT(translated.error().message(), HasSubstr(said));
  }
  EXPECT_FALSE(from_oniguruma(std::string(100'000, 'a')).has_value());
}

TEST(OnigurumaPattern, LiteralsStandForThemselves) {
  const std::string text = "a.b*[é]\\{}\n#^$ ▁";
  const auto regex = Regex::compile(literal_pattern(text));
  ASSERT_TRUE(regex.has_value());
  RegexBudget budget = RegexBudget::for_text(100);
  EXPECT_THAT(regex->find_all("x" + text + "y", budget), ElementsAre(Span{1, 1 + text.size()}));
}

// Looked for at every place of the run, "\s+$" would be quadratic.
TEST(OnigurumaPattern, WhiteSpaceAtTheEndTakesNoLongTime) {
  EXPECT_THAT(matches(R"(\s+$)", std::string(1'000'000, ' ') + "x"), ElementsAre());
  EXPECT_EQ(matches(R"(\s+$)", "x" + std::string(1'000'000, ' ')).size(), 1U);
}

}  // namespace
}  // namespace wattle::engine
