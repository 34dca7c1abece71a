#include "engine/tokenizer/regex.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

namespace wattle::engine {
namespace {

using testing::ElementsAre;

std::vector<Span> find(const std::string& pattern, std::string_view text) {
  const auto regex = Regex::compile(pattern);
  EXPECT_TRUE(regex.has_value()) << regex.error().message();
  RegexBudget budget = RegexBudget::for_text(text.size());
  return regex->find_all(text, budget);
}

TEST(Regex, FindsMatchesFromLeftToRight) {
  EXPECT_THAT(find("b+", "abbab"), ElementsAre(Span{1, 3}, Span{4, 5}));
  EXPECT_THAT(find("x", "abc"), ElementsAre());
  EXPECT_THAT(find("a", ""), ElementsAre());
  EXPECT_THAT(find("é", "aéb"), ElementsAre(Span{1, 3}));
}

// An empty match counts unless it touches the match before; then the search goes on one character
// later. a|bb|c|b.
TEST(Regex, EmptyMatchesCutToo) {
  EXPECT_THAT(find("(?=b)", "abcb"), ElementsAre(Span{1, 1}, Span{3, 3}));
  EXPECT_THAT(find("b*", "abbcb"), ElementsAre(Span{0, 0}, Span{1, 3}, Span{4, 5}));
  EXPECT_THAT(find("", "éa"), ElementsAre(Span{0, 0}, Span{2, 2}, Span{3, 3}));
  EXPECT_THAT(find(R"(\z)", "ab"), ElementsAre(Span{2, 2}));
}

TEST(Regex, ExponentialPatternsEndWithTheBudget) {
  const std::string text = std::string(4'000, 'a') + "!";
  const auto regex = Regex::compile("(a+)+b|!");
  ASSERT_TRUE(regex.has_value());
  RegexBudget budget = RegexBudget::for_text(text.size());
  const std::clock_t start = std::clock();
  (void)regex->find_all(text, budget);
  EXPECT_EQ(budget.steps, 0U);
  (void)regex->find_all(text, budget);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5);
}

TEST(Regex, OrdinaryPatternsDoNotTouchTheBudget) {
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "word  and 123 ";
  const auto regex = Regex::compile(R"( ?\p{L}+| ?\p{N}+|\s+(?!\S)|\s+)");
  ASSERT_TRUE(regex.has_value());
  RegexBudget budget = RegexBudget::for_text(text.size());
  const auto before = budget.steps;
  EXPECT_EQ(regex->find_all(text, budget).size(), 4'001U);
  EXPECT_EQ(budget.steps, before);
}

}  // namespace
}  // namespace wattle::engine
