// Rules for leaving early and the keys and values of skipped layers, against the definitions worked
// out in double precision.
#include "engine/exit_policy.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/test_effort.hpp"
#include "base/test_folder.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

Distribution distribution_of(const std::vector<double>& probabilities) {
  Distribution d;
  for (const double p : probabilities) d.logits.push_back(static_cast<float>(std::log(p)) + 3.0F);
  d.stats = scalar_kernels().softmax_stats(d.logits.data(), d.logits.size());
  return d;
}

// Layers 1, 2, … with these distributions; the layer that the token leaves after.
std::uint32_t exit_layer(const ExitOptions& options,
                         const std::vector<std::vector<double>>& layers) {
  ExitPolicy policy(options, static_cast<std::uint32_t>(layers.size()));
  policy.begin();
  for (std::uint32_t layer = 1;; ++layer) {
    if (policy.looks_at(layer) && policy.leaves(layer, distribution_of(layers[layer - 1]))) {
      return layer;
    }
  }
}

TEST(Distribution, ConfidenceAndMarginAreOfTheTwoMostProbable) {
  const Distribution d = distribution_of({0.1, 0.55, 0.05, 0.3});
  EXPECT_NEAR(d.confidence(), 0.55, 1e-6);
  EXPECT_NEAR(d.margin(), 0.25, 1e-6);
  EXPECT_NEAR(distribution_of({0.4, 0.2, 0.4}).margin(), 0.0, 1e-6);
  EXPECT_NEAR(distribution_of({1.0}).margin(), 1.0, 1e-6);
}

TEST(ExitPolicy, WithoutARuleTheLastLayerIsTheOnlyExit) {
  const ExitPolicy policy({.min_layer = 1}, 4);
  EXPECT_FALSE(policy.has_rule());
  EXPECT_FALSE(policy.looks_at(3));
  EXPECT_TRUE(policy.looks_at(4));
}

TEST(ExitPolicy, EntropyMarginAndConfidenceLeaveAtTheFirstLayerThatTheyHoldAt) {
  const std::vector<std::vector<double>> layers = {
      {0.4, 0.3, 0.3}, {0.5, 0.45, 0.05}, {0.6, 0.2, 0.2}, {0.9, 0.05, 0.05}, {0.99, 0.005, 0.005}};
  // Entropies 1.09, 0.86, 0.95, 0.39, 0.06; margins 0.1, 0.05, 0.4, 0.85, 0.985.
  EXPECT_EQ(exit_layer({.entropy_nats = 0.9F}, layers), 2U);
  EXPECT_EQ(exit_layer({.entropy_nats = 0.9F, .min_layer = 3}, layers), 4U);
  EXPECT_EQ(exit_layer({.entropy_nats = 0.0F}, layers), 5U);
  EXPECT_EQ(exit_layer({.margin = 0.07F}, layers), 1U);
  EXPECT_EQ(exit_layer({.min_layer = 2, .margin = 0.07F}, layers), 3U);
  EXPECT_EQ(exit_layer({.margin = 0.8F}, layers), 4U);
  EXPECT_EQ(exit_layer({.margin = 1.0F}, layers), 5U);
  EXPECT_EQ(exit_layer({.confidence = ConfidenceExit{0.55F, 0.55F, 1}}, layers), 3U);
  EXPECT_EQ(exit_layer({.confidence = ConfidenceExit{0.95F, 0.95F, 1}}, layers), 5U);
}

TEST(ExitPolicy, AnEasierConfidenceMustHoldForLayersInARowAndForOneToken) {
  const ConfidenceExit twice{0.9F, 0.5F, 2};
  const ConfidenceExit thrice{0.9F, 0.5F, 3};
  const std::vector<std::vector<double>> steady = {
      {0.6, 0.4}, {0.6, 0.4}, {0.6, 0.4}, {0.6, 0.4}, {0.6, 0.4}};
  EXPECT_EQ(exit_layer({.confidence = twice}, steady), 2U);
  EXPECT_EQ(exit_layer({.confidence = thrice}, steady), 3U);
  // Layers before the first that is looked at do not count.
  EXPECT_EQ(exit_layer({.min_layer = 3, .confidence = twice}, steady), 4U);
  const std::vector<std::vector<double>> broken = {
      {0.6, 0.3, 0.1}, {0.45, 0.4, 0.15}, {0.6, 0.3, 0.1}, {0.6, 0.3, 0.1}, {0.6, 0.3, 0.1}};
  EXPECT_EQ(exit_layer({.confidence = twice}, broken), 4U);
  const std::vector<std::vector<double>> another = {
      {0.6, 0.4}, {0.4, 0.6}, {0.6, 0.4}, {0.4, 0.6}, {0.4, 0.6}};
  EXPECT_EQ(exit_layer({.confidence = twice}, another), 5U);
  const std::vector<std::vector<double>> sure = {
      {0.6, 0.4}, {0.05, 0.95}, {0.6, 0.4}, {0.6, 0.4}, {0.6, 0.4}};
  EXPECT_EQ(exit_layer({.confidence = thrice}, sure), 2U);
}

TEST(ExitPolicy, ATokenDoesNotInheritTheLayersOfTheOneBefore) {
  ExitPolicy policy({.confidence = ConfidenceExit{0.9F, 0.5F, 2}}, 4);
  policy.begin();
  EXPECT_FALSE(policy.leaves(1, distribution_of({0.6, 0.4})));
  policy.begin();
  EXPECT_FALSE(policy.leaves(1, distribution_of({0.6, 0.4})));
  EXPECT_TRUE(policy.leaves(2, distribution_of({0.6, 0.4})));
}

TEST(ExitPolicy, BadRulesAreErrorsThatSayWhatWouldDo) {
  ModelConfig config;
  config.n_layers = 4;
  const auto error_of = [&](const ExitOptions& options) {
    const Status status = check_exit(options, config);
    EXPECT_FALSE(status);
    return status ? std::string() : status.error().message();
  };
  EXPECT_NE(error_of({.entropy_nats = 1.0F, .margin = 0.5F}).find("one of"), std::string::npos);
  EXPECT_NE(error_of({.entropy_nats = NAN}).find("entropy"), std::string::npos);
  EXPECT_NE(error_of({.margin = NAN}).find("margin"), std::string::npos);
  EXPECT_NE(error_of({.confidence = ConfidenceExit{0.5F, 0.7F, 2}}).find("0.7"), std::string::npos);
  EXPECT_NE(error_of({.confidence = ConfidenceExit{NAN, 0.7F, 2}}).find("nan"), std::string::npos);
  EXPECT_NE(error_of({.confidence = ConfidenceExit{0.9F, 0.7F, 0}}).find("1 to 4"),
            std::string::npos);
  EXPECT_NE(error_of({.confidence = ConfidenceExit{0.9F, 0.7F, 5}}).find("1 to 4"),
            std::string::npos);
  EXPECT_NE(error_of({.min_layer = 5, .margin = 0.5F}).find("1 to 4"), std::string::npos);
  EXPECT_TRUE(check_exit({.min_layer = 0}, config)) << "without a rule nobody asks for it";
}

TEST(ExitPolicy, HasAName) {
  EXPECT_EQ(exit_rule_name({}), "");
  EXPECT_EQ(exit_rule_name({.entropy_nats = 0.5F}), "entropy:0.5");
  EXPECT_EQ(exit_rule_name({.margin = 0.25F}), "margin:0.25");
  EXPECT_EQ(exit_rule_name({.confidence = ConfidenceExit{0.9F, 0.7F, 3}}), "confidence:0.9:0.7:3");
}

const std::vector<TokenId> kPrompt = {1, 300, 17, 44, 259, 310, 8};
constexpr std::size_t kLayers = 4;

// The definitions again, from sorted probabilities.
class ReferencePolicy {
 public:
  explicit ReferencePolicy(const ExitOptions& options) : options_(options) {}
  bool leaves(const std::vector<double>& logits) {
    double sum = 0;
    for (const double l : logits) sum += std::exp(l);
    std::vector<std::pair<double, std::size_t>> p;
    double entropy = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      p.emplace_back(std::exp(logits[i]) / sum, i);
      entropy -= p.back().first * std::log(p.back().first);
    }
    std::sort(p.rbegin(), p.rend());
    history_.push_back(p[0]);
    if (options_.entropy_nats) return entropy < double{*options_.entropy_nats};
    if (options_.margin) return p[0].first - p[1].first > double{*options_.margin};
    if (p[0].first > double{options_.confidence->upper}) return true;
    const std::size_t n = options_.confidence->n_layers;
    if (history_.size() < n) return false;
    return std::all_of(
        history_.end() - static_cast<std::ptrdiff_t>(n), history_.end(), [&](const auto& layer) {
          return layer.first > double{options_.confidence->lower} && layer.second == p[0].second;
        });
  }

 private:
  ExitOptions options_;
  std::vector<std::pair<double, std::size_t>> history_;  // probability and id of the best
};

// Working each out in double precision takes a pass over all before it.
constexpr std::uint32_t kTokens = kSanitized ? 12 : 24;

class ExitGeneration : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(test_model_.write(path_));
    model_ = *Model::load(path_, {.exact = true, .threads = 2});
  }
  // The way that models are run by default: 8 bits, keys and values in half precision.
  void load_packed(int threads) {
    const TestModel packed(TestShape{.type = TensorType::q8_0, .n_layers = kLayers});
    ASSERT_TRUE(packed.write(path_));
    model_ = *Model::load(path_, {.threads = threads});
  }
  GenerateResult run(const ExitOptions& exit, std::uint32_t batch = 256) {
    session_ = *Session::create(model_, {.batch = batch});
    const auto result =
        generate(*session_, kPrompt, {.max_tokens = kTokens, .exit = exit, .ignore_eos = true});
    EXPECT_TRUE(result) << result.error().message();
    return result ? *result : GenerateResult{};
  }
  // Follows `result` token by token with the plain model. Returns how often a token went deeper
  // than the one before it.
  std::size_t follow(const ExitOptions& exit, const GenerateResult& result) {
    std::vector<TokenId> sequence = kPrompt;
    std::vector<std::size_t> depth(kPrompt.size(), kLayers);
    std::vector<std::size_t> logit_layer = depth;
    std::size_t n_deeper = 0;
    for (std::size_t i = 0; i < result.tokens.size(); ++i) {
      const auto& token = result.tokens[i];
      ReferencePolicy policy(exit);
      std::vector<double> logits;
      for (std::size_t layer = exit.min_layer; layer <= kLayers; ++layer) {
        logit_layer.back() = layer;
        logits = test_model_.logits(sequence, depth, logit_layer).back();
        if (policy.leaves(logits) || layer == kLayers) break;
      }
      EXPECT_EQ(token.layers, logit_layer.back()) << i;
      EXPECT_EQ(token.id, std::max_element(logits.begin(), logits.end()) - logits.begin()) << i;
      double sum = 0;
      for (const double l : logits) sum += std::exp(l);
      EXPECT_NEAR(token.logprob, logits[static_cast<std::size_t>(token.id)] - std::log(sum), 1e-4);
      // The prompt went through all layers.
      if (i > 0 && exit.kv == ExitKv::propagate) depth.back() = token.layers;
      if (i > 1 && token.layers > result.tokens[i - 1].layers) ++n_deeper;
      sequence.push_back(token.id);
      depth.push_back(kLayers);
      logit_layer.push_back(kLayers);
    }
    return n_deeper;
  }
  // A rule that about half of the layers of a full run meet.
  std::vector<ExitOptions> rules() {
    const auto full = run({});
    std::vector<double> best;
    std::vector<double> margin;
    std::vector<double> entropy;
    std::vector<TokenId> sequence = kPrompt;
    for (const auto& token : full.tokens) {
      for (std::size_t layer = 1; layer <= kLayers; ++layer) {
        std::vector<double> p = test_model_.logits(sequence, layer).back();
        double sum = 0;
        for (const double l : p) sum += std::exp(l);
        entropy.push_back(0.0);
        for (double& l : p) {
          l = std::exp(l) / sum;
          entropy.back() -= l * std::log(l);
        }
        std::sort(p.rbegin(), p.rend());
        best.push_back(p[0]);
        margin.push_back(p[0] - p[1]);
      }
      sequence.push_back(token.id);
    }
    const auto quantile = [](std::vector<double> values, double q) {
      std::sort(values.begin(), values.end());
      return static_cast<float>(values[static_cast<std::size_t>(q * double(values.size() - 1))]);
    };
    const ConfidenceExit hysteresis{quantile(best, 0.9), quantile(best, 0.3), 2};
    const ConfidenceExit patient{1.0F, quantile(best, 0.2), 3};
    return {{.entropy_nats = quantile(entropy, 0.25)},
            {.min_layer = 2, .margin = quantile(margin, 0.6)},
            {.margin = quantile(margin, 0.8)},
            {.confidence = ConfidenceExit{quantile(best, 0.7), quantile(best, 0.7), 1}},
            {.confidence = hysteresis},
            {.confidence = patient}};
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.gguf";
  TestModel test_model_{TestShape{.n_layers = kLayers}};
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Session> session_;
};

TEST_F(ExitGeneration, EveryRuleFollowsItsDefinitionWithPropagatedAndRecomputedKeysAndValues) {
  std::size_t n_deeper = 0;
  for (ExitOptions exit : rules()) {
    for (const ExitKv kv : {ExitKv::propagate, ExitKv::recompute}) {
      exit.kv = kv;
      SCOPED_TRACE(exit_rule_name(exit));
      n_deeper += follow(exit, run(exit));
    }
  }
  EXPECT_GT(n_deeper, kSanitized ? 0U : 10U)
      << "the case under test hardly occurred: deep after shallow tokens";
}

TEST_F(ExitGeneration, RecomputedBitsDoNotDependOnBatchesOrThreads) {
  const auto some_rules = rules();
  for (const bool packed : {false, true}) {
    if (packed) load_packed(2);
    for (ExitOptions exit : some_rules) {
      exit.kv = ExitKv::recompute;
      const auto expected = run(exit);
      for (const std::uint32_t batch : {1U, 2U, 3U, 256U}) {
        if (packed) load_packed(batch == 2 ? 1 : 3);
        const auto result = run(exit, batch);
        ASSERT_EQ(result.tokens.size(), expected.tokens.size());
        for (std::size_t i = 0; i < result.tokens.size(); ++i) {
          EXPECT_EQ(result.tokens[i].id, expected.tokens[i].id);
          EXPECT_EQ(result.tokens[i].layers, expected.tokens[i].layers);
          EXPECT_EQ(result.tokens[i].logprob, expected.tokens[i].logprob);
          EXPECT_EQ(result.tokens[i].entropy_nats, expected.tokens[i].entropy_nats);
        }
      }
    }
  }
}

// What is in the cache afterwards is what a session without exits has there.
TEST_F(ExitGeneration, ARecomputedSessionGoesOnLikeOneWithoutExits) {
  for (const std::uint32_t rewind_by : {0U, 1U, 5U, 0U, 2U}) {
    if (rewind_by == 5) load_packed(2);
    const auto result = run({.margin = -1.0F, .kv = ExitKv::recompute});  // all leave after layer 1
    for (const auto& token : result.tokens) EXPECT_EQ(token.layers, 1U);
    const std::uint32_t position = session_->position() - rewind_by;
    session_->rewind(position);
    const std::vector<TokenId> next = {5, 250, 31};
    const auto got = *all_logits(*session_, next);
    std::vector<TokenId> sequence = kPrompt;
    for (const auto& token : result.tokens) sequence.push_back(token.id);
    sequence.resize(position);
    sequence.insert(sequence.end(), next.begin(), next.end());
    auto plain = *Session::create(model_, {});
    const auto expected = *all_logits(*plain, sequence);
    for (std::size_t i = 0; i < next.size(); ++i) {
      EXPECT_EQ(got[i].logits, expected[position + i].logits) << rewind_by << " " << i;
    }
  }
}

TEST_F(ExitGeneration, ASecondTurnOfRecomputedExitsContinuesTheFirst) {
  ExitOptions exit = rules()[2];
  exit.kv = ExitKv::recompute;
  const auto whole = run(exit);
  session_ = *Session::create(model_, {});
  GenerateOptions options{.max_tokens = 9, .exit = exit, .ignore_eos = true};
  const auto first = *generate(*session_, kPrompt, options);
  const std::vector<TokenId> next = {first.tokens.back().id};
  options.max_tokens = 1;
  const auto second = *generate(*session_, next, options);
  EXPECT_EQ(second.tokens.at(0).id, whole.tokens[9].id);
  EXPECT_EQ(second.tokens.at(0).logprob, whole.tokens[9].logprob);
}

TEST_F(ExitGeneration, AFixedLayerIsTheDeepestOfARule) {
  const ExitOptions never{.layer = 3, .margin = 2.0F};
  const ExitOptions fixed{.layer = 3};
  for (const ExitKv kv : {ExitKv::propagate, ExitKv::recompute}) {
    auto exit = never;
    exit.kv = kv;
    const auto a = run(exit);
    const auto b = run(fixed);
    for (std::size_t i = 0; i < a.tokens.size(); ++i) {
      EXPECT_EQ(a.tokens[i].layers, 3U);
      EXPECT_EQ(a.tokens[i].logprob, b.tokens[i].logprob);
    }
  }
  // Leaving at layer 1 with recomputing, then deeper than the cache goes: refused.
  run({.layer = 3, .margin = -1.0F, .kv = ExitKv::recompute});
  const std::vector<TokenId> next = {5};
  const auto deeper = generate(*session_, next, {.max_tokens = 1});
  ASSERT_FALSE(deeper);
  EXPECT_NE(deeper.error().message().find("rewind"), std::string::npos);
  EXPECT_TRUE(generate(*session_, next, {.max_tokens = 1, .exit = {.layer = 3}}));
}

}  // namespace
}  // namespace wattle::engine
