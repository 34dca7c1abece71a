#include "engine/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

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

// The definition, over every token: sorted by |−log p − H|, kept until the mass is reached.
std::vector<TokenId> typical_set(const std::vector<float>& logits, double mass) {
  double sum = 0;
  for (const float l : logits) sum += std::exp(double{l});
  double entropy = 0;
  std::vector<std::pair<double, TokenId>> order;
  for (const float l : logits) entropy -= std::exp(double{l}) / sum * (l - std::log(sum));
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double information = std::log(sum) - double{logits[i]};
    order.emplace_back(std::abs(information - entropy), static_cast<TokenId>(i));
  }
  std::sort(order.begin(), order.end());
  std::vector<TokenId> kept;
  double reached = 0;
  for (const auto& [distance, id] : order) {
    kept.push_back(id);
    reached += std::exp(double{logits[static_cast<std::size_t>(id)]}) / sum;
    if (reached >= mass) break;
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

TEST(Sampler, TypicalPKeepsTheTokensClosestToTheEntropy) {
  // 0.4, 0.3, 0.2, 0.1: H = 1.28 nats, −log p = 0.92, 1.20, 1.61, 2.30: the second best comes
  // first, then the third.
  EXPECT_EQ(draw({.temperature = 1.0F, .typical_p = 0.25F}, kLogits, 50),
            (std::map<TokenId, int>{{3, 50}}));
  const auto two = draw({.temperature = 1.0F, .typical_p = 0.45F}, kLogits, 500);
  EXPECT_EQ(two.size(), 2U);
  EXPECT_TRUE(two.contains(3) && two.contains(0));
}

TEST(Sampler, TypicalPFollowsItsDefinitionOnRandomDistributions) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0.0F, 1.5F);
  for (const float mass : {0.2F, 0.5F, 0.9F}) {
    std::vector<float> logits(12);
    for (float& l : logits) l = normal(random);
    // A temperature so high that every candidate is drawn.
    const auto counts = draw({.temperature = 100.0F, .typical_p = mass}, logits, 2000);
    std::vector<TokenId> drawn;
    for (const auto& [id, count] : counts) drawn.push_back(id);
    EXPECT_EQ(drawn, typical_set(logits, double{mass}));
  }
}

TEST(Sampler, MinPAfterTypicalPIsRelativeToTheBestThatIsLeft) {
  // Left are 0.3 and 0.2; of 0.4, which is gone, 0.2 would be too little.
  EXPECT_EQ(draw({.temperature = 1.0F, .min_p = 0.6F, .typical_p = 0.45F}, kLogits, 500).size(),
            2U);
  EXPECT_EQ(draw({.temperature = 1.0F, .min_p = 0.9F, .typical_p = 0.45F}, kLogits, 50),
            (std::map<TokenId, int>{{3, 50}}));
}

TEST(Sampler, MinusInfinityIsNeverChosen) {
  const std::vector<float> logits = {0.0F, -INFINITY, 0.0F, -INFINITY};
  for (const auto& options :
       {SamplingOptions{.temperature = 100.0F}, SamplingOptions{.temperature = 1.0F, .top_k = 3},
        SamplingOptions{.temperature = 1.0F, .top_p = 0.999F, .typical_p = 0.999F}}) {
    const auto counts = draw(options, logits, 500);
    EXPECT_EQ(counts.size(), 2U);
    EXPECT_TRUE(counts.contains(0) && counts.contains(2));
  }
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
  const auto names = [](const SamplingOptions& options, const char* name) {
    const Status status = check_sampling(options);
    return !status && status.error().message().find(name) != std::string::npos;
  };
  EXPECT_TRUE(names({.typical_p = 0.0F}, "typical-p"));
  EXPECT_TRUE(names({.typical_p = NAN}, "typical-p"));
  EXPECT_TRUE(names({.repetition_penalty = 0.0F}, "repetition penalty"));
  EXPECT_TRUE(names({.repetition_penalty = INFINITY}, "repetition penalty"));
  EXPECT_TRUE(names({.repeat_last_n = -2}, "window"));
  EXPECT_TRUE(names({.presence_penalty = NAN}, "presence penalty"));
  EXPECT_TRUE(names({.frequency_penalty = -101.0F}, "frequency penalty"));
  EXPECT_TRUE(names({.logit_bias = {{7, NAN}}}, "token 7"));
  EXPECT_TRUE(names({.logit_bias = {{7, INFINITY}}}, "token 7"));
  EXPECT_TRUE(check_sampling({.logit_bias = {{7, -INFINITY}, {8, -3.0F}}}));
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
