// What tokenizers 0.23 makes of "the-final--countdown-" at "-", and of the same inverted.
#include "engine/tokenizer/huggingface/split.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/tokenizer/huggingface/test_json.hpp"

namespace wattle::engine::huggingface {
namespace {

std::string parts(std::string_view text, Behavior behavior, bool invert) {
  std::vector<Span> matches;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') matches.push_back({i, i + 1});
  }
  std::vector<Span> spans;
  cut(text.size(), matches, behavior, invert, spans);
  std::string joined;
  for (const Span span : spans) {
    joined += std::string(joined.empty() ? "" : "|");
    joined += text.substr(span.begin, span.end - span.begin);
  }
  return joined;
}

TEST(Split, EveryBehavior) {
  constexpr std::string_view kText = "the-final--countdown-";
  EXPECT_EQ(parts(kText, Behavior::removed, false), "the|final|countdown");
  EXPECT_EQ(parts(kText, Behavior::removed, true), "-|-|-|-");
  EXPECT_EQ(parts(kText, Behavior::isolated, false), "the|-|final|-|-|countdown|-");
  EXPECT_EQ(parts(kText, Behavior::isolated, true), "the|-|final|-|-|countdown|-");
  EXPECT_EQ(parts(kText, Behavior::merged_with_previous, false), "the-|final-|-|countdown-");
  EXPECT_EQ(parts(kText, Behavior::merged_with_previous, true), "the|-final|-|-countdown|-");
  EXPECT_EQ(parts(kText, Behavior::merged_with_next, false), "the|-final|-|-countdown|-");
  EXPECT_EQ(parts(kText, Behavior::merged_with_next, true), "the-|final-|-|countdown-");
  EXPECT_EQ(parts(kText, Behavior::contiguous, false), "the|-|final|--|countdown|-");
  EXPECT_EQ(parts(kText, Behavior::contiguous, true), "the|-|final|--|countdown|-");
}

TEST(Split, MatchesAtTheBeginning) {
  EXPECT_EQ(parts("--a", Behavior::merged_with_previous, false), "-|-|a");
  EXPECT_EQ(parts("--a", Behavior::merged_with_previous, true), "-|-a");
  EXPECT_EQ(parts("--a", Behavior::merged_with_next, false), "-|-a");
  EXPECT_EQ(parts("--a", Behavior::contiguous, true), "--|a");
  EXPECT_EQ(parts("", Behavior::isolated, false), "");
}

TEST(Split, EmptyMatchesCutAndVanish) {
  std::vector<Span> spans;
  const std::vector<Span> matches = {{0, 0}, {2, 2}, {3, 3}};
  cut(3, matches, Behavior::isolated, false, spans);
  EXPECT_EQ(spans, (std::vector<Span>{{0, 2}, {2, 3}}));
}

TEST(Split, BehaviorsHaveNames) {
  const TestJson json(R"({"behavior":"MergedWithNext"})");
  EXPECT_EQ(*read_behavior(*json.part()), Behavior::merged_with_next);
  const TestJson none("{}");
  EXPECT_EQ(*read_behavior(*none.part(), Behavior::isolated), Behavior::isolated);
  const auto read = [](const std::optional<Place>& place) { return read_behavior(*place); };
  EXPECT_THAT(error_of(R"({"behavior":"isolated"})", read),
              testing::HasSubstr("/part/behavior is 'isolated', known are Removed"));
  EXPECT_THAT(error_of("{}", read), testing::HasSubstr("no 'behavior'"));
}

}  // namespace
}  // namespace wattle::engine::huggingface
