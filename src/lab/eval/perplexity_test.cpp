// Perplexity against closed forms and against a forward pass in double precision.
#include "lab/eval/perplexity.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/interrupt.hpp"
#include "base/test_folder.hpp"
#include "engine/test_model.hpp"
#include "lab/eval/log_softmax.hpp"

namespace wattle::lab {
namespace {

using engine::TestModel;
using engine::TokenId;

const std::vector<Window> kWindows = {{{1, 300, 17, 44, 259, 310, 8, 299}, 1},
                                      {{1, 4, 5, 6, 7, 8, 9, 10, 200}, 4},
                                      {{1, 319, 42}, 2}};

double nll_of(const std::vector<double>& logits, TokenId token) {
  double sum = 0.0;
  for (const double logit : logits) sum += std::exp(logit);
  return std::log(sum) - logits[static_cast<std::size_t>(token)];
}

class Perplexity : public testing::Test {
 protected:
  std::shared_ptr<const engine::Model> load(const TestModel& model, int threads = 1) {
    const auto path = folder_.path() / "model.gguf";
    EXPECT_TRUE(model.write(path));
    auto loaded = engine::Model::load(path, {.exact = true, .threads = threads});
    EXPECT_TRUE(loaded) << loaded.error().message();
    return *loaded;
  }
  ~Perplexity() override { set_interrupted(false); }
  TestFolder folder_;
};

TEST_F(Perplexity, IsWhatADoublePrecisionModelGivesAfterEveryLayer) {
  const TestModel model({});
  for (const int threads : {1, 3}) {
    const auto report = measure_perplexity(load(model, threads), kWindows, {.layers = {1, 0, 2}});
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_FALSE(report->partial());
    EXPECT_EQ(report->n_tokens, 7u + 5u + 1u);
    ASSERT_EQ(report->layers.size(), 3u);
    const std::vector<std::uint32_t> layers = {1, 3, 2};
    for (std::size_t l = 0; l < 3; ++l) {
      EXPECT_EQ(report->layers[l].layer, layers[l]);
      std::vector<double> nll;
      std::vector<double> window_sums;
      for (const Window& window : kWindows) {
        const std::vector<std::size_t> depth(window.tokens.size(), 3);
        const auto logits = model.logits(window.tokens, depth,
                                         std::vector<std::size_t>(window.tokens.size(), layers[l]));
        for (std::size_t i = window.first_scored; i < window.tokens.size(); ++i) {
          nll.push_back(nll_of(logits[i - 1], window.tokens[i]));
        }
      }
      double mean = 0.0;
      for (const double x : nll) mean += x / 13.0;
      double variance = 0.0;
      for (const double x : nll) variance += (x - mean) * (x - mean) / 12.0;
      const double error = std::sqrt(variance / 13.0);
      EXPECT_NEAR(report->layers[l].nll.mean, mean, 1e-5);
      EXPECT_NEAR(*report->layers[l].nll.standard_error, error, 1e-5);
      EXPECT_NEAR(report->layers[l].perplexity.mean, std::exp(mean), 1e-4 * std::exp(mean));
      EXPECT_NEAR(*report->layers[l].perplexity.standard_error, std::exp(mean) * error,
                  1e-4 * std::exp(mean));
      EXPECT_NEAR(report->layers[l].bits_per_byte,
                  mean * 13.0 / std::numbers::ln2 / static_cast<double>(report->n_bytes), 1e-4);
    }
  }
}

// A head of zeros knows nothing: every token has probability 1/n_vocab.
TEST_F(Perplexity, OfAUniformModelIsItsVocabulary) {
  const auto model = load(TestModel({.uniform = true}));
  const auto report = measure_perplexity(model, kWindows, {});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_NEAR(report->layers[0].perplexity.mean, 320.0, 1e-9);
  EXPECT_NEAR(*report->layers[0].perplexity.standard_error, 0.0, 1e-9);
}

TEST_F(Perplexity, ErrorsNameTheLimit) {
  const auto model = load(TestModel({}));
  const auto deep = measure_perplexity(model, kWindows, {.layers = {4}});
  ASSERT_FALSE(deep);
  EXPECT_NE(deep.error().what.find("has 3 layers"), std::string::npos);
  const std::vector<Window> longer = {{std::vector<TokenId>(65, 5), 1}};  // context is 64
  const auto wide = measure_perplexity(model, longer, {});
  ASSERT_FALSE(wide);
  EXPECT_NE(wide.error().remedy.find("--ctx 64"), std::string::npos) << wide.error().remedy;
}

TEST_F(Perplexity, CtrlCLeavesTheWindowsBeforeIt) {
  const auto model = load(TestModel({}));
  const auto whole = measure_perplexity(model, std::span(kWindows).first(2), {});
  const auto report = measure_perplexity(model, kWindows, {.on_progress = [](double done, double) {
                                           if (done == 2.0) set_interrupted(true);
                                         }});
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->partial());
  EXPECT_EQ(report->n_windows, 2u);
  EXPECT_EQ(report->n_windows_planned, 3u);
  EXPECT_EQ(report->layers[0].nll.mean, whole->layers[0].nll.mean);
  const auto none = measure_perplexity(model, kWindows, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::cancelled);
}

// By hand: values 1, 3 | 2, 6; mean 3; window sums of deviations −2 and 2.
TEST(TokenMeanTest, ErrorsOverTokensAndOverWindows) {
  const std::vector<double> values = {1, 3, 2, 6};
  const auto made = token_mean(values, std::vector<std::size_t>{2, 4});
  EXPECT_DOUBLE_EQ(made.mean, 3.0);
  EXPECT_DOUBLE_EQ(*made.standard_error, std::sqrt(14.0 / 3.0 / 4.0));
  EXPECT_DOUBLE_EQ(*made.standard_error_windows, std::sqrt(2.0 / 1.0 * 8.0) / 4.0);
  const auto one = token_mean(std::vector<double>{5.0}, std::vector<std::size_t>{1});
  EXPECT_FALSE(one.standard_error);
  EXPECT_FALSE(one.standard_error_windows);
}

TEST(LogSoftmax, KnownValues) {
  const std::vector<float> even = {1.0F, 1.0F};
  const std::vector<float> odds = {std::log(3.0F), 0.0F};  // ¾, ¼
  EXPECT_NEAR(log_sum(even).value, 1.0 + std::numbers::ln2, 1e-12);
  EXPECT_EQ(log_sum(even).argmax, 0u);
  EXPECT_NEAR(kl_divergence(even, log_sum(even).value, odds, log_sum(odds).value),
              0.5 * std::log(0.5 / 0.75) + 0.5 * std::log(0.5 / 0.25), 1e-7);
  EXPECT_NEAR(kl_divergence(odds, log_sum(odds).value, even, log_sum(even).value),
              0.75 * std::log(0.75 / 0.5) + 0.25 * std::log(0.25 / 0.5), 1e-7);
  EXPECT_EQ(kl_divergence(odds, log_sum(odds).value, odds, log_sum(odds).value), 0.0);
  const std::vector<float> far = {1000.0F, -1000.0F};
  EXPECT_NEAR(log_sum(far).value, 1000.0, 1e-9);
  EXPECT_NEAR(kl_divergence(far, log_sum(far).value, even, log_sum(even).value), std::numbers::ln2,
              1e-12);
}

}  // namespace
}  // namespace wattle::lab
