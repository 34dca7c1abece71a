#include "engine/grammar/json_numbers.hpp"

#include <fmt/format.h>

#include "engine/grammar/test_grammars.hpp"

namespace wattle::engine::grammar {
namespace {

std::shared_ptr<const Grammar> grammar_of(const NumberBounds& bounds, bool integer) {
  RuleSet rules;
  const RuleId root = rules.add_rule("root", "");
  // Also a text that is no number: there may be no number within the bounds.
  rules.set_body(root, rules.choice({number_between(rules, bounds, integer), rules.literal("x")}));
  return Grammar::from_rules(rules, root).value();
}

TEST(JsonNumbers, ReadsDecimals) {
  const auto text_of = [](const char* text) {
    const auto decimal = parse_decimal(text);
    return decimal ? fmt::format("{}{}.{}", decimal->negative ? "-" : "", decimal->whole,
                                 decimal->fraction)
                   : std::string("none");
  };
  EXPECT_EQ(text_of("0"), "0.");
  EXPECT_EQ(text_of("-12.50"), "-12.5");
  EXPECT_EQ(text_of("1e-07"), "0.0000001");
  EXPECT_EQ(text_of("-1.25e+2"), "-125.");
  EXPECT_EQ(text_of("12e3"), "12000.");
  EXPECT_EQ(text_of("999999999999999"), "999999999999999.");
  EXPECT_EQ(text_of("1000000000000000"), "none");
  EXPECT_EQ(text_of("1e+300"), "none");
  EXPECT_EQ(text_of("1e-16"), "none");
  EXPECT_EQ(text_of(""), "none");
  EXPECT_EQ(text_of("x"), "none");
  EXPECT_EQ(text_of("1e"), "none");
}

// In hundredths, so that the expected answer needs no rounding.
std::string in_hundredths(int value) {
  const int magnitude = std::abs(value);
  std::string text = fmt::format("{}{}", value < 0 ? "-" : "", magnitude / 100);
  if (magnitude % 100 != 0) text += fmt::format(".{:02}", magnitude % 100);
  return text;
}

class Bounds : public testing::TestWithParam<bool> {};

TEST_P(Bounds, AcceptExactlyTheNumbersWithin) {
  const bool integer = GetParam();
  std::mt19937 random(11);
  const auto value = [&] {
    constexpr int kScales[] = {300, 3000, 200000};
    const int scale = kScales[random() % 3];
    const int v = static_cast<int>(random() % static_cast<unsigned>(2 * scale)) - scale;
    return random() % 2 == 0 ? v / 100 * 100 : v;
  };
  for (int round = 0; round < 150; ++round) {
    const int least = value();
    const int most = least + static_cast<int>(random() % 5000) - 100;
    const bool has_least = random() % 5 != 0;
    const bool has_most = random() % 5 != 0;
    NumberBounds bounds;
    if (has_least) bounds.least = {*parse_decimal(in_hundredths(least)), random() % 2 == 0};
    if (has_most) bounds.most = {*parse_decimal(in_hundredths(most)), random() % 2 == 0};
    const auto grammar = grammar_of(bounds, integer);
    for (int i = 0; i < 200; ++i) {
      const int near = random() % 2 == 0 ? least : most;
      const int number = i < 100 ? near + i / 2 - 25 : value();
      const bool above = !has_least || (bounds.least->exclusive ? number > least : number >= least);
      const bool below = !has_most || (bounds.most->exclusive ? number < most : number <= most);
      const bool whole = number % 100 == 0;
      const bool expected = above && below && (!integer || whole);
      const std::string text = in_hundredths(number);
      EXPECT_EQ(matches(grammar, text), expected)
          << text << " in " << in_hundredths(least) << " … " << in_hundredths(most) << " "
          << has_least << has_most;
      const std::string longer = text + (whole ? ".000" : "0");
      EXPECT_EQ(matches(grammar, longer), expected && !integer) << longer;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(IntegersAndNumbers, Bounds, testing::Bool());

TEST(JsonNumbers, NotationIsThatOfJson) {
  const auto any = grammar_of({}, false);
  for (const char* text :
       {"0", "-1", "0.5", "-0.5", "10", "999999999999999", "0.000000000000001"}) {
    EXPECT_TRUE(matches(any, text)) << text;
  }
  for (const char* text : {"", "-", "-0", "00", "01", ".5", "1.", "+1", "1e5", "--1",
                           "1000000000000000", "0.0000000000000001"}) {
    EXPECT_FALSE(matches(any, text)) << text;
  }
}

}  // namespace
}  // namespace wattle::engine::grammar
