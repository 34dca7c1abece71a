#include "engine/sampler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace wattle::engine {
namespace {

std::map<TokenId, int> draw(const SamplingOptions& options, const std::vector<float>& logits,
                            int n) {
  Sampler sampler(options);
  std::map<TokenId, int> counts;
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  for (int i = 0; i < n; ++i) ++counts[sampler.sample(logits, static_cast<TokenId>(best))];
  return counts;
}

// Probabilities 0.4, 0.3, 0.2, 0.1.
const std::vector<float> kLogits = {std::log(0.2F), std::log(0.4F), std::log(0.1F), std::log(0.3F)};

TEST(RandomStream, IsSplitMix64) {
  // First outputs for seed 1234567, from the algorithm's published test vector.
  RandomStream stream(1234567);
  EXPECT_EQ(stream.next(), 6457827717110365317U);
  EXPECT_EQ(stream.next(), 3203168211198807973U);
  EXPECT_EQ(stream.next(), 9817491932198370423U);
}

TEST(Sampler, TemperatureZeroIsGreedy) {
  EXPECT_EQ(draw({}, kLogits, 5), (std::map<TokenId, int>{{1, 5}}));
}

TEST(Sampler, FollowsTheDistribution) {
  const auto counts = draw({.temperature = 1.0F, .seed = 3}, kLogits, 20000);
  // Five standard deviations of a binomial count are below 0.018.
  EXPECT_NEAR(counts.at(1) / 20000.0, 0.4, 0.018);
  EXPECT_NEAR(counts.at(3) / 20000.0, 0.3, 0.018);
  EXPECT_NEAR(counts.at(0) / 20000.0, 0.2, 0.018);
  EXPECT_NEAR(counts.at(2) / 20000.0, 0.1, 0.018);
}

TEST(Sampler, TemperatureSharpens) {
  // p² normalised: 0.16 / (0.16 + 0.09 + 0.04 + 0.01)
  const auto counts = draw({.temperature = 0.5F, .seed = 4}, kLogits, 20000);
  EXPECT_NEAR(counts.at(1) / 20000.0, 0.16 / 0.30, 0.018);
}

TEST(Sampler, TopKKeepsTheBestAndTiesGoToTheLowerId) {
  const auto counts = draw({.temperature = 1.0F, .top_k = 2}, kLogits, 500);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_TRUE(counts.contains(1) && counts.contains(3));
  const std::vector<float> equal(5, 1.0F);
  const auto first = draw({.temperature = 1.0F, .top_k = 2}, equal, 200);
  EXPECT_EQ(first.size(), 2U);
  EXPECT_TRUE(first.contains(0) && first.contains(1));
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  // 0.4 + 0.3 = 0.7 ≥ 0.65; 0.4 alone is not enough.
  const auto counts = draw({.temperature = 1.0F, .top_p = 0.65F}, kLogits, 500);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_EQ(draw({.temperature = 1.0F, .top_p = 0.01F}, kLogits, 50).size(), 1U);
}

TEST(Sampler, TopPReachesBeyondTheFirstSortedPiece) {
  const std::vector<float> flat(3000, 0.0F);
  const auto counts = draw({.temperature = 1.0F, .top_p = 0.5F, .seed = 1}, flat, 4000);
  EXPECT_LE(counts.rbegin()->first, 1500);
  EXPECT_GT(counts.rbegin()->first, 1400);
}

TEST(Sampler, MinPDropsWhatIsFarBelowTheBest) {
  // 0.4 · 0.6 = 0.24: only 0.4 and 0.3 stay.
  EXPECT_EQ(draw({.temperature = 1.0F, .min_p = 0.6F}, kLogits, 500).size(), 2U);
}

TEST(Sampler, SameSeedSameTokensOtherSeedOthers) {
  const auto sequence = [](std::uint64_t seed) {
    Sampler sampler({.temperature = 1.0F, .seed = seed});
    std::vector<TokenId> ids;
    for (int i = 0; i < 40; ++i) ids.push_back(sampler.sample(kLogits, 1));
    return ids;
  };
  EXPECT_EQ(sequence(7), sequence(7));
  EXPECT_NE(sequence(7), sequence(8));
}

TEST(Sampler, OptionsOutOfRangeAreNamed) {
  EXPECT_NE(check_sampling({.temperature = -1.0F}).error().message().find("temperature"),
            std::string::npos);
  EXPECT_FALSE(check_sampling({.temperature = NAN}));
  EXPECT_FALSE(check_sampling({.top_k = -1}));
  EXPECT_FALSE(check_sampling({.top_p = 0.0F}));
  EXPECT_FALSE(check_sampling({.min_p = 1.5F}));
  EXPECT_TRUE(check_sampling({.temperature = 0.7F, .top_k = 40, .top_p = 0.9F, .min_p = 0.05F}));
}

TEST(Sampler, AMaskIsAsIfThereWereNoOtherTokens) {
  TokenMask allowed(4);
  allowed.set(0);
  allowed.set(2);
  const auto draw_allowed = [&](const SamplingOptions& options) {
    Sampler sampler(options);
    std::map<TokenId, int> counts;
    for (int i = 0; i < 20000; ++i) {
      ++counts[sampler.sample(kLogits, *allowed.argmax(kLogits), allowed)];
    }
    return counts;
  };
  EXPECT_EQ(draw_allowed({}), (std::map<TokenId, int>{{0, 20000}}));
  const auto counts = draw_allowed({.temperature = 1.0F, .seed = 3});
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_NEAR(counts.at(0) / 20000.0, 2.0 / 3.0, 0.018);
  EXPECT_EQ(draw_allowed({.temperature = 1.0F, .top_k = 1}).size(), 1U);
  // Two thirds reach 0.6, not 0.7.
  EXPECT_EQ(draw_allowed({.temperature = 1.0F, .top_p = 0.6F}).size(), 1U);
  EXPECT_EQ(draw_allowed({.temperature = 1.0F, .top_p = 0.7F}).size(), 2U);
  // The worse one has half the probability of the better.
  EXPECT_EQ(draw_allowed({.temperature = 1.0F, .min_p = 0.45F}).size(), 2U);
  EXPECT_EQ(draw_allowed({.temperature = 1.0F, .min_p = 0.55F}).size(), 1U);
}

}  // namespace
}  // namespace wattle::engine
