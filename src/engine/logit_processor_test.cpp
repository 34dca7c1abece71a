// Penalties, bias and log-probabilities against plain computations from the formulas.
#include "engine/logit_processor.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/test_folder.hpp"
#include "engine/grammar/test_grammars.hpp"
#include "engine/sampler.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

// The formulas of docs/sampling.md, from the whole history, in the logits' own precision.
std::vector<float> expected_logits(const SamplingOptions& options, std::vector<float> logits,
                                   const std::vector<TokenId>& prompt,
                                   const std::vector<TokenId>& generated) {
  std::vector<TokenId> all = prompt;
  all.insert(all.end(), generated.begin(), generated.end());
  const std::size_t n = options.repeat_last_n < 0
                            ? all.size()
                            : std::min(all.size(), static_cast<std::size_t>(options.repeat_last_n));
  const auto window = std::vector<TokenId>(all.end() - static_cast<std::ptrdiff_t>(n), all.end());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    float& l = logits[i];
    for (const auto& bias : options.logit_bias) {
      if (bias.id == id) l += bias.bias;
    }
    if (std::count(window.begin(), window.end(), id) > 0) {
      l = l > 0 ? l / options.repetition_penalty : l * options.repetition_penalty;
    }
    const auto count = std::count(generated.begin(), generated.end(), id);
    if (count == 0) continue;
    l -= static_cast<float>(count) * options.frequency_penalty + options.presence_penalty;
  }
  return logits;
}

TEST(LogitProcessor, FollowsTheFormulasOverRandomHistories) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.0F, 3.0F);
  std::uniform_int_distribution<TokenId> any(0, 19);
  const std::vector<SamplingOptions> ways = {
      {.repetition_penalty = 1.3F},
      {.repetition_penalty = 0.8F, .repeat_last_n = -1},
      {.repetition_penalty = 1.7F, .repeat_last_n = 5},
      {.repetition_penalty = 1.7F, .repeat_last_n = 1},
      {.repetition_penalty = 1.7F, .repeat_last_n = 0, .presence_penalty = 0.1F},
      {.presence_penalty = 0.7F},
      {.frequency_penalty = 0.3F},
      {.presence_penalty = -0.5F, .frequency_penalty = 1.1F},
      {.logit_bias = {{3, 2.0F}, {4, -1.0F}, {5, kForbidden}}},
      {.repetition_penalty = 1.2F,
       .repeat_last_n = 7,
       .presence_penalty = 0.2F,
       .frequency_penalty = 0.4F,
       .logit_bias = {{0, -8.0F}, {1, 8.0F}, {19, kForbidden}}}};
  for (const auto& options : ways) {
    std::vector<TokenId> prompt;
    for (int i = 0; i < 9; ++i) prompt.push_back(any(random));
    LogitProcessor processor(options, prompt);
    ASSERT_TRUE(processor.is_active());
    std::vector<TokenId> generated;
    for (int step = 0; step < 25; ++step) {
      std::vector<float> logits(20);
      for (float& l : logits) l = normal(random);
      const auto expected = expected_logits(options, logits, prompt, generated);
      const auto got = processor.process(logits);
      EXPECT_EQ(std::vector<float>(got.begin(), got.end()), expected) << "step " << step;
      EXPECT_EQ(LogitProcessor::argmax(got),
                std::max_element(expected.begin(), expected.end()) - expected.begin());
      generated.push_back(any(random));
      processor.accept(generated.back());
    }
  }
}

TEST(LogitProcessor, IsInactiveWhereItWouldChangeNothing) {
  EXPECT_FALSE(LogitProcessor({}, {}).is_active());
  EXPECT_FALSE(LogitProcessor({.repetition_penalty = 2.0F, .repeat_last_n = 0}, {}).is_active());
  EXPECT_FALSE(LogitProcessor({.repeat_last_n = -1}, {}).is_active());
}

TEST(LogitProcessor, ArgmaxIsTheLowestOfEqualsAndNoneIfAllAreForbidden) {
  EXPECT_EQ(LogitProcessor::argmax(std::vector<float>{1, 3, 3, 2}), 1);
  EXPECT_EQ(LogitProcessor::argmax(std::vector<float>{NAN, -5, NAN}), 1);
  EXPECT_EQ(LogitProcessor::argmax(std::vector<float>(3, kForbidden)), std::nullopt);
}

TEST(TopLogprobs, AreTheBestOfASortedDistribution) {
  std::mt19937 random(3);
  std::uniform_int_distribution<int> few(-4, 4);  // many equals
  for (const std::size_t n : {0UL, 1UL, 2UL, 7UL, 30UL, 100UL}) {
    std::vector<float> logits(30);
    for (float& l : logits) l = static_cast<float>(few(random));
    double sum = 0;
    for (const float l : logits) sum += std::exp(double{l});
    std::vector<TokenId> sorted(logits.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = static_cast<TokenId>(i);
    std::stable_sort(sorted.begin(), sorted.end(), [&](TokenId a, TokenId b) {
      return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    const auto top = top_logprobs(logits, std::log(sum), n);
    ASSERT_EQ(top.size(), std::min(n, logits.size()));
    for (std::size_t i = 0; i < top.size(); ++i) {
      EXPECT_EQ(top[i].id, sorted[i]);
      EXPECT_NEAR(top[i].logprob,
                  double{logits[static_cast<std::size_t>(sorted[i])]} - std::log(sum), 1e-6);
    }
  }
}

// Whole generations on a model of random weights.
class PenalisedGeneration : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(test_model_.write(path_));
    model_ = *Model::load(path_, {.exact = true, .threads = 1});
    session_ = *Session::create(model_);
  }
  Result<GenerateResult> run(const GenerateOptions& options) {
    session_->rewind(0);
    return generate(*session_, prompt_, options);
  }
  // The most probable token by the double-precision model and the formulas.
  TokenId best(const SamplingOptions& options, const std::vector<TokenId>& generated,
               const TokenGrammar* tokens = nullptr, const GrammarState* state = nullptr) const {
    std::vector<TokenId> sequence = prompt_;
    sequence.insert(sequence.end(), generated.begin(), generated.end());
    const auto exact = test_model_.logits(sequence).back();
    auto logits = expected_logits(options, std::vector<float>(exact.begin(), exact.end()), prompt_,
                                  generated);
    for (std::size_t i = 0; i < logits.size() && tokens; ++i) {
      if (!tokens->allows(*state, static_cast<TokenId>(i))) logits[i] = kForbidden;
    }
    return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.gguf";
  TestModel test_model_{TestShape{.n_layers = 2}};
  std::vector<TokenId> prompt_ = {1, 300, 17, 44, 259, 310, 8};
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Session> session_;
};

TEST_F(PenalisedGeneration, GreedyFollowsTheReference) {
  const auto plain = *run({.max_tokens = 12, .ignore_eos = true});
  const TokenId first = plain.tokens[0].id;
  const std::vector<SamplingOptions> ways = {
      // Rewards: this model hardly repeats itself, so penalties would change nothing.
      {.repetition_penalty = 0.3F, .repeat_last_n = 6},
      {.presence_penalty = -6.0F, .frequency_penalty = 2.0F},
      {.repetition_penalty = 1.5F, .repeat_last_n = -1, .logit_bias = {{first, kForbidden}}},
      {.logit_bias = {{200, 6.0F}}}};
  for (const auto& sampling : ways) {
    const auto result = *run({.max_tokens = 12, .sampling = sampling, .ignore_eos = true});
    std::vector<TokenId> generated;
    bool differs = false;
    for (const auto& token : result.tokens) {
      EXPECT_EQ(token.id, best(sampling, generated));
      differs |= token.id != plain.tokens[generated.size()].id;
      generated.push_back(token.id);
    }
    EXPECT_TRUE(differs) << "the case under test did not occur";
  }
}

TEST_F(PenalisedGeneration, ChoosesTheBestThatAGrammarAllows) {
  const auto grammar = gbnf("root ::= [a-d]*");
  const TokenGrammar tokens(grammar, model_->tokenizer());
  const SamplingOptions sampling{.frequency_penalty = 4.0F, .logit_bias = {{2, kForbidden}}};
  const auto result = *run({.max_tokens = 15, .sampling = sampling, .grammar = grammar});
  ASSERT_EQ(result.tokens.size(), 15U);  // the end of the text is forbidden
  GrammarState state(grammar);
  std::vector<TokenId> generated;
  for (const auto& token : result.tokens) {
    EXPECT_EQ(token.id, best(sampling, generated, &tokens, &state));
    ASSERT_TRUE(tokens.accept(state, token.id));
    generated.push_back(token.id);
  }
}

TEST_F(PenalisedGeneration, EntropyExitsGoByTheModelsOwnDistribution) {
  // A bias that turns every choice does not change at which layer a token leaves.
  const GenerateOptions plain{.max_tokens = 1, .exit = {.entropy_nats = 3.5F}, .ignore_eos = true};
  auto biased = plain;
  biased.sampling.logit_bias = {{77, 50.0F}};
  const auto a = run(plain)->tokens.at(0);
  const auto b = run(biased)->tokens.at(0);
  EXPECT_EQ(b.id, 77);
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.entropy_nats, b.entropy_nats);
}

TEST_F(PenalisedGeneration, LogprobsAreOfTheModelsOwnDistribution) {
  const GenerateOptions options{.max_tokens = 4,
                                .sampling = {.temperature = 1.3F, .logit_bias = {{77, 50.0F}}},
                                .ignore_eos = true,
                                .n_logprobs = 5};
  const auto result = *run(options);
  std::vector<TokenId> sequence = prompt_;
  for (const auto& token : result.tokens) {
    const auto logits = test_model_.logits(sequence).back();
    double sum = 0;
    for (const double l : logits) sum += std::exp(l);
    EXPECT_EQ(token.id, 77);
    ASSERT_EQ(token.top_logprobs.size(), 5U);
    std::vector<double> sorted = logits;
    std::sort(sorted.rbegin(), sorted.rend());
    for (std::size_t i = 0; i < 5; ++i) {
      const auto& top = token.top_logprobs[i];
      EXPECT_NEAR(top.logprob, sorted[i] - std::log(sum), 1e-4);
      EXPECT_NEAR(top.logprob, logits[static_cast<std::size_t>(top.id)] - std::log(sum), 1e-4);
    }
    sequence.push_back(token.id);
  }
}

TEST_F(PenalisedGeneration, ForbiddingEverythingIsAnError) {
  SamplingOptions nothing;
  for (TokenId id = 0; id < 320; ++id) nothing.logit_bias.push_back({id, kForbidden});
  for (const float temperature : {0.0F, 1.0F}) {
    nothing.temperature = temperature;
    const auto result = run({.sampling = nothing});
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message().find("every token"), std::string::npos);
  }
  // Of what the grammar allows: the byte y and nothing else.
  SamplingOptions no_y;
  for (TokenId id = 0; id < 320; ++id) {
    if (model_->tokenizer().piece(id) == "y") no_y.logit_bias.push_back({id, kForbidden});
  }
  ASSERT_FALSE(no_y.logit_bias.empty());
  const auto result = run({.sampling = no_y, .grammar = gbnf("root ::= \"y\"")});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find("logit bias forbids"), std::string::npos);
}

TEST_F(PenalisedGeneration, BadRequestsAreErrorsThatSayWhatWouldDo) {
  const auto error_of = [&](const GenerateOptions& options) {
    const auto result = run(options);
    EXPECT_FALSE(result);
    return result ? std::string() : result.error().message();
  };
  EXPECT_NE(error_of({.sampling = {.logit_bias = {{320, 1.0F}}}}).find("0 to 319"),
            std::string::npos);
  EXPECT_NE(error_of({.sampling = {.logit_bias = {{-1, 1.0F}}}}).find("token -1"),
            std::string::npos);
  EXPECT_NE(error_of({.sampling = {.logit_bias = {{5, 1.0F}, {5, 2.0F}}}}).find("two logit biases"),
            std::string::npos);
  EXPECT_NE(error_of({.n_logprobs = 101}).find("at most 100"), std::string::npos);
  EXPECT_EQ(session_->position(), 0U);
}

}  // namespace
}  // namespace wattle::engine
