// Which tokens are scored, after what context: worked out by hand, and counted over many shapes.
#include "lab/eval/windows.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace wattle::lab {
namespace {

using engine::TokenId;

std::vector<TokenId> text_of(std::size_t n) {
  std::vector<TokenId> tokens(n);
  std::iota(tokens.begin(), tokens.end(), 100);
  return tokens;
}
using Tokens = std::vector<TokenId>;

TEST(Windows, DisjointWindowsEachBeginWithBos) {
  const auto windows = plan_windows(text_of(7), 1, {.context = 4});
  ASSERT_TRUE(windows) << windows.error().message();
  ASSERT_EQ(windows->size(), 3u);
  EXPECT_EQ((*windows)[0].tokens, (Tokens{1, 100, 101, 102}));
  EXPECT_EQ((*windows)[1].tokens, (Tokens{1, 103, 104, 105}));
  EXPECT_EQ((*windows)[2].tokens, (Tokens{1, 106}));
  for (const auto& window : *windows) EXPECT_EQ(window.first_scored, 1u);
}

TEST(Windows, AStrideGivesContextToTokensThatAreScoredOnce) {
  const auto windows = plan_windows(text_of(7), 1, {.context = 5, .stride = 2});
  ASSERT_TRUE(windows);
  ASSERT_EQ(windows->size(), 3u);
  EXPECT_EQ((*windows)[0].tokens, (Tokens{1, 100, 101, 102, 103}));
  EXPECT_EQ((*windows)[0].first_scored, 1u);
  EXPECT_EQ((*windows)[1].tokens, (Tokens{1, 102, 103, 104, 105}));
  EXPECT_EQ((*windows)[1].first_scored, 3u);
  EXPECT_EQ((*windows)[2].tokens, (Tokens{1, 104, 105, 106}));
  EXPECT_EQ((*windows)[2].first_scored, 3u);
}

TEST(Windows, WithoutBosTheFirstTokenOfADisjointWindowIsNotScored) {
  const auto windows = plan_windows(text_of(5), std::nullopt, {.context = 2});
  ASSERT_TRUE(windows);
  ASSERT_EQ(windows->size(), 2u);  // the fifth token stands alone: nothing predicts it
  EXPECT_EQ((*windows)[1].tokens, (Tokens{102, 103}));
  EXPECT_EQ((*windows)[1].first_scored, 1u);
}

TEST(Windows, LikeLlamaCppTheSecondHalfOfWholeWindowsCounts) {
  const auto windows =
      plan_windows(text_of(17), 1, {.context = 6, .protocol = WindowProtocol::llama_cpp});
  ASSERT_TRUE(windows);
  ASSERT_EQ(windows->size(), 3u);
  EXPECT_EQ((*windows)[0].tokens, (Tokens{1, 100, 101, 102, 103, 104}));
  EXPECT_EQ((*windows)[1].tokens, (Tokens{1, 106, 107, 108, 109, 110}));  // 105 is replaced
  EXPECT_EQ((*windows)[1].n_scored(), 2u);                                // n_ctx − 1 − n_ctx / 2
}

TEST(Windows, LikeHuggingFaceBosStandsOnceAndWindowsStopAtTheEnd) {
  const auto windows = plan_windows(
      text_of(6), 1, {.context = 4, .stride = 2, .protocol = WindowProtocol::hugging_face});
  ASSERT_TRUE(windows);
  ASSERT_EQ(windows->size(), 3u);
  EXPECT_EQ((*windows)[0].tokens, (Tokens{1, 100, 101, 102}));
  EXPECT_EQ((*windows)[0].first_scored, 1u);
  EXPECT_EQ((*windows)[1].tokens, (Tokens{101, 102, 103, 104}));
  EXPECT_EQ((*windows)[1].first_scored, 2u);
  EXPECT_EQ((*windows)[2].tokens, (Tokens{103, 104, 105}));
  EXPECT_EQ((*windows)[2].first_scored, 2u);
}

// Every token is scored exactly once, whatever the sizes.
TEST(Windows, EveryTokenIsScoredOnce) {
  for (std::size_t n = 2; n < 40; ++n) {
    for (std::uint32_t context = 3; context < 20; ++context) {
      for (std::uint32_t stride = 1; stride < context; ++stride) {
        const auto windows = plan_windows(text_of(n), 1, {.context = context, .stride = stride});
        ASSERT_TRUE(windows);
        std::vector<int> scored(n, 0);
        for (const auto& window : *windows) {
          ASSERT_LE(window.tokens.size(), context);
          for (std::size_t i = window.first_scored; i < window.tokens.size(); ++i) {
            scored[static_cast<std::size_t>(window.tokens[i] - 100)] += 1;
          }
        }
        ASSERT_EQ(scored, std::vector<int>(n, 1)) << n << " " << context << " " << stride;
      }
    }
  }
}

TEST(Windows, LimitsAndErrors) {
  EXPECT_EQ(plan_windows(text_of(100), 1, {.context = 5, .max_windows = 3})->size(), 3u);
  EXPECT_EQ(plan_windows(text_of(4), 1, {.context = 1}).error().code, ErrorCode::out_of_range);
  EXPECT_EQ(plan_windows(text_of(4), 1, {.context = 4, .stride = 4}).error().code,
            ErrorCode::out_of_range);
  for (const auto protocol : {WindowProtocol::wattle, WindowProtocol::hugging_face}) {
    const auto none = plan_windows({}, 1, {.context = 8, .protocol = protocol});
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().what.find("0 tokens"), std::string::npos) << none.error().what;
  }
  EXPECT_FALSE(plan_windows(text_of(6), 1, {.context = 8, .protocol = WindowProtocol::llama_cpp}));
  EXPECT_FALSE(plan_windows(text_of(60), 1,
                            {.context = 8, .stride = 4, .protocol = WindowProtocol::llama_cpp}));
}

}  // namespace
}  // namespace wattle::lab
