// Divergence against closed forms and an independent computation in double precision; the file of
// reference logits, whole and damaged.
#include "lab/eval/divergence.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "base/interrupt.hpp"
#include "base/test_folder.hpp"
#include "engine/test_model.hpp"

namespace wattle::lab {
namespace {

using engine::TestModel;
using engine::TokenId;

const std::vector<Window> kWindows = {{{1, 300, 17, 44, 259, 310, 8, 299}, 1},
                                      {{1, 4, 5, 6, 7, 8, 9, 10, 200}, 4},
                                      {{1, 319, 42}, 2}};

std::vector<double> log_softmax(std::vector<double> row) {
  double sum = 0.0;
  for (const double x : row) sum += std::exp(x);
  for (double& x : row) x -= std::log(sum);
  return row;
}

class Divergence : public testing::Test {
 protected:
  std::shared_ptr<const engine::Model> load(const TestModel& model, const char* name,
                                            int threads = 1) {
    EXPECT_TRUE(model.write(folder_.path() / name));
    auto loaded = engine::Model::load(folder_.path() / name, {.exact = true, .threads = threads});
    EXPECT_TRUE(loaded) << loaded.error().message();
    return *loaded;
  }
  ~Divergence() override { set_interrupted(false); }
  [[nodiscard]] std::filesystem::path logits_file() const { return folder_.path() / "ref.logits"; }
  // A file of the reference's logits over kWindows, and its bytes.
  std::string save(const std::shared_ptr<const engine::Model>& reference) {
    const auto made = measure_divergence(reference, {}, kWindows, {}, logits_file());
    EXPECT_TRUE(made) << made.error().message();
    return read_file(logits_file()).value_or("");
  }
  TestFolder folder_;
};

TEST_F(Divergence, IsWhatDoublePrecisionGives) {
  const TestModel ours({}, 1);
  const TestModel theirs({}, 2);  // other weights, the same tokenizer
  for (const int threads : {1, 3}) {
    const auto report =
        measure_divergence(load(ours, "a.gguf", threads), {.model = load(theirs, "b.gguf")},
                           kWindows, {.layers = {2, 0}});
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->n_tokens, 13u);
    ASSERT_EQ(report->layers.size(), 2u);
    for (const auto& layer : report->layers) {
      std::vector<double> kl;
      double nll = 0.0;
      double reference_nll = 0.0;
      double squares = 0.0;
      std::size_t n_same = 0;
      for (const Window& window : kWindows) {
        const std::size_t n = window.tokens.size();
        const auto p_rows = theirs.logits(window.tokens);
        const auto q_rows = ours.logits(window.tokens, std::vector<std::size_t>(n, 3),
                                        std::vector<std::size_t>(n, layer.layer));
        for (std::size_t i = window.first_scored; i < n; ++i) {
          const auto p = log_softmax(p_rows[i - 1]);
          const auto q = log_softmax(q_rows[i - 1]);
          double sum = 0.0;
          for (std::size_t t = 0; t < p.size(); ++t) sum += std::exp(p[t]) * (p[t] - q[t]);
          kl.push_back(sum);
          const auto target = static_cast<std::size_t>(window.tokens[i]);
          nll -= q[target] / 13.0;
          reference_nll -= p[target] / 13.0;
          squares += std::pow(std::exp(q[target]) - std::exp(p[target]), 2);
          n_same +=
              std::ranges::max_element(p) - p.begin() == std::ranges::max_element(q) - q.begin();
        }
      }
      double mean = 0.0;
      for (const double x : kl) mean += x / 13.0;
      std::ranges::sort(kl);
      EXPECT_NEAR(layer.kl.mean, mean, 1e-5 * mean);
      EXPECT_NEAR(layer.kl_median, kl[6], 1e-5 * kl[6]);
      EXPECT_NEAR(layer.kl_max, kl[12], 1e-5 * kl[12]);
      EXPECT_NEAR(layer.kl_p99, kl[11] + 0.88 * (kl[12] - kl[11]), 1e-4);  // rank 0.99 · 12
      EXPECT_EQ(layer.n_same_top, n_same);
      EXPECT_NEAR(layer.delta_nll.mean, nll - reference_nll, 1e-5);
      EXPECT_NEAR(layer.delta_perplexity.mean, std::exp(nll) - std::exp(reference_nll),
                  1e-4 * std::exp(nll));
      EXPECT_NEAR(layer.rms_delta_p, std::sqrt(squares / 13.0), 1e-6);
    }
  }
}

TEST_F(Divergence, AModelAgainstItselfDoesNotDiffer) {
  const auto model = load(TestModel({}), "a.gguf");
  for (const bool own_depth : {false, true}) {
    const auto report =
        measure_divergence(model, {.model = own_depth ? nullptr : model}, kWindows, {});
    ASSERT_TRUE(report) << report.error().message();
    ASSERT_EQ(report->layers.size(), 1u);
    const LayerDivergence& layer = report->layers[0];
    EXPECT_EQ(layer.layer, 3u);
    EXPECT_EQ(layer.kl.mean, 0.0);
    EXPECT_EQ(layer.kl_max, 0.0);
    EXPECT_EQ(layer.same_top, 1.0);
    EXPECT_NEAR(layer.same_top_95->high, 1.0, 1e-12);
    EXPECT_LT(layer.same_top_95->low, 1.0);
    EXPECT_EQ(layer.delta_nll.mean, 0.0);
    EXPECT_EQ(layer.delta_perplexity.mean, 0.0);
    EXPECT_EQ(*layer.delta_perplexity.standard_error, 0.0);
    EXPECT_EQ(layer.rms_delta_p, 0.0);
  }
}

// Without a reference the early layers are held against the model's own last one.
TEST_F(Divergence, OwnFullDepthIsTheReferenceOfEarlyLayers) {
  const auto model = load(TestModel({}), "a.gguf");
  const auto own = measure_divergence(model, {}, kWindows, {.layers = {1, 2}});
  const auto twin = measure_divergence(model, {.model = model}, kWindows, {.layers = {1, 2}});
  ASSERT_TRUE(own && twin);
  ASSERT_EQ(own->layers.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(own->layers[i].layer, i + 1);
    EXPECT_GT(own->layers[i].kl.mean, 0.0);
    EXPECT_EQ(own->layers[i].kl.mean, twin->layers[i].kl.mean);
    EXPECT_EQ(own->layers[i].delta_nll.mean, twin->layers[i].delta_nll.mean);
  }
}

TEST_F(Divergence, OfAUniformModelIsLogVocabularyMinusEntropy) {
  const auto uniform = load(TestModel({.uniform = true}), "u.gguf");
  const auto other = load(TestModel({}), "b.gguf");
  const auto report = measure_divergence(other, {.model = uniform}, kWindows, {});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_NEAR(report->reference_perplexity.mean, 320.0, 1e-9);
  // KL(uniform ‖ q) = −log V − mean log q; and the other way round, log V − H.
  const auto back = measure_divergence(uniform, {.model = other}, kWindows, {});
  ASSERT_TRUE(back);
  EXPECT_GT(back->layers[0].kl.mean, 0.0);
  EXPECT_LT(back->layers[0].kl.mean, std::log(320.0));
}

TEST_F(Divergence, AFileStandsInForTheReference) {
  const auto model = load(TestModel({}, 1), "a.gguf");
  const auto reference = load(TestModel({}, 2), "b.gguf");
  const auto direct = measure_divergence(model, {.model = reference}, kWindows, {}, logits_file());
  const auto file = ReferenceLogits::open(logits_file());
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->windows(), kWindows);
  EXPECT_EQ(file->header().model, "test model");
  const auto by_file = measure_divergence(model, {.file = &*file}, file->windows(), {});
  ASSERT_TRUE(direct && by_file);
  EXPECT_NEAR(by_file->layers[0].kl.mean, direct->layers[0].kl.mean, 2e-4);
  EXPECT_NEAR(by_file->layers[0].delta_nll.mean, direct->layers[0].delta_nll.mean, 2e-4);
  EXPECT_EQ(by_file->layers[0].n_same_top, direct->layers[0].n_same_top);
  const auto itself = measure_divergence(reference, {.file = &*file}, file->windows(), {});
  ASSERT_TRUE(itself);
  EXPECT_LT(itself->layers[0].kl.mean, 1e-7);  // what 16 bits leave
}

TEST_F(Divergence, VocabulariesMustAgree) {
  const auto model = load(TestModel({}), "a.gguf");
  const auto larger = load(TestModel({.n_vocab = 322}), "b.gguf");
  TestModel renamed({});
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (std::size_t i = tokens.size(); i < 320; ++i) tokens.push_back(fmt::format("q{}", i));
  renamed.writer().set_strings("tokenizer.ggml.tokens", std::move(tokens));
  for (const auto& other : {larger, load(renamed, "c.gguf")}) {
    const auto report = measure_divergence(model, {.model = other}, kWindows, {});
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(report.error().what.find("vocabularies differ"), std::string::npos);
  }
}

TEST_F(Divergence, CtrlCLeavesNoFileAndTheWindowsBeforeIt) {
  const auto model = load(TestModel({}), "a.gguf");
  const auto report = measure_divergence(
      model, {}, kWindows, {.on_progress = [](double, double) { set_interrupted(true); }},
      logits_file());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->partial());
  EXPECT_EQ(report->n_windows, 1u);
  EXPECT_EQ(report->n_tokens, 7u);
  EXPECT_FALSE(std::filesystem::exists(logits_file()));
}

TEST_F(Divergence, ADamagedFileIsRefused) {
  const std::string bytes = save(load(TestModel({}), "a.gguf"));
  const auto parse = [](const std::string& text) {
    return ReferenceLogits::parse(std::as_bytes(std::span(text)), "x.logits");
  };
  ASSERT_TRUE(parse(bytes));
  // Header 88 bytes, "test model" 10; then a window of 8 tokens with 7 rows of 4 + 640 bytes …
  EXPECT_EQ(bytes.size(), 88U + 10 + (8 + 32 + 7 * 644) + (8 + 36 + 5 * 644) + (8 + 12 + 644));
  for (std::size_t n = 0; n < bytes.size(); n += n < 200 ? 1 : 97) {
    EXPECT_FALSE(parse(bytes.substr(0, n))) << n;
  }
  EXPECT_FALSE(parse(bytes + "x"));
  const struct {
    std::size_t at;
    std::uint32_t value;
    const char* words;
  } cases[] = {
      {0, 0, "not such a file"},
      {8, 2, "version 2"},
      {12, 0, "vocabulary of 0"},
      {12, 0xFFFFFFFF, "vocabulary of"},
      {16, 0, "no windows"},
      {84, 1025, "name of 1025"},
      {98, 1, "token 1 of 1"},
      {98, 0xFFFFFFFF, "ends at byte"},
      {102, 0, "token 0 of 8"},
      {102, 8, "token 8 of 8"},
      {106, 320, "token 320"},
      {106, 0x80000000, "token -2147483648"},
      {138, 0x7FC00000, "row spans nan"},
      {138, 0xBF800000, "row spans -1"},
      {138, 0x7F800000, "row spans inf"},
  };
  for (const auto& bad : cases) {
    std::string damaged = bytes;
    std::memcpy(&damaged[bad.at], &bad.value, sizeof bad.value);
    const auto file = parse(damaged);
    ASSERT_FALSE(file) << bad.words;
    EXPECT_EQ(file.error().code, ErrorCode::invalid_format);
    EXPECT_NE(file.error().what.find(bad.words), std::string::npos) << file.error().what;
  }
}

}  // namespace
}  // namespace wattle::lab
