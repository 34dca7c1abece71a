// Prompt in, tokens out: stops, exits, observers and errors.
#include "engine/generate.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/interrupt.hpp"
#include "base/test_folder.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

const std::vector<TokenId> kPrompt = {1, 300, 17, 44, 259, 310, 8};
constexpr float kAlways = std::numeric_limits<float>::infinity();

std::vector<TokenId> ids(const GenerateResult& result) {
  std::vector<TokenId> out;
  for (const auto& token : result.tokens) out.push_back(token.id);
  return out;
}

struct Recorder : GenerateObserver {
  std::vector<std::string> events;
  std::string text;
  int cancel_after = -1;
  bool layers = false;
  void prefill_begin(std::size_t n) override { events.push_back(fmt::format("begin {}", n)); }
  void prefill_end() override { events.emplace_back("prefilled"); }
  bool token(const GeneratedToken& /*token*/, std::string_view piece) override {
    events.emplace_back("token");
    text += piece;
    return --cancel_after != 0;
  }
  void text_rest(std::string_view rest) override { text += rest; }
  void decode_end() override { events.emplace_back("end"); }
  [[nodiscard]] bool wants_layer_entropy() const override { return layers; }
  void layer_entropy(std::uint32_t layer, float /*entropy*/) override {
    events.push_back(fmt::format("layer {}", layer));
  }
};

class GenerateTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(test_model_.write(path_));
    model_ = *Model::load(path_, {.exact = true, .threads = 2});
    open();
  }
  void open(std::uint32_t context = 0) {
    session_ = *Session::create(model_, {.context = context});
  }
  GenerateResult run(const GenerateOptions& options, GenerateObserver* observer = nullptr) {
    session_->rewind(0);
    const auto result = generate(*session_, kPrompt, options, observer);
    EXPECT_TRUE(result) << result.error().message();
    return result ? *result : GenerateResult{};
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.gguf";
  TestModel test_model_{TestShape{.n_layers = 4}};
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Session> session_;
};

TEST_F(GenerateTest, GreedyFollowsTheReferenceTokenByToken) {
  const auto result = run({.max_tokens = 12, .ignore_eos = true});
  ASSERT_EQ(result.tokens.size(), 12U);
  EXPECT_EQ(result.stop, StopReason::max_tokens);
  EXPECT_EQ(result.n_prompt_tokens, kPrompt.size());
  EXPECT_TRUE(result.last_token_pending);
  EXPECT_EQ(session_->position(), kPrompt.size() + 11);
  std::vector<TokenId> sequence = kPrompt;
  for (const auto& token : result.tokens) {
    const auto logits = test_model_.logits(sequence).back();
    EXPECT_EQ(token.id, std::max_element(logits.begin(), logits.end()) - logits.begin());
    EXPECT_EQ(token.layers, 4U);
    double sum = 0;
    for (const double l : logits) sum += std::exp(l);
    double entropy = 0;
    for (const double l : logits) entropy -= std::exp(l) / sum * (l - std::log(sum));
    EXPECT_NEAR(token.entropy_nats, entropy, 1e-4);
    EXPECT_NEAR(token.logprob, logits[static_cast<std::size_t>(token.id)] - std::log(sum), 1e-4);
    sequence.push_back(token.id);
  }
}

TEST_F(GenerateTest, AFixedExitIsAShallowerModel) {
  for (const std::uint32_t layer : {1U, 2U, 4U}) {
    const auto result = run({.max_tokens = 6, .exit = {.layer = layer}, .ignore_eos = true});
    std::vector<TokenId> sequence = kPrompt;
    for (const auto& token : result.tokens) {
      const auto logits = test_model_.logits(sequence, layer).back();
      EXPECT_EQ(token.id, std::max_element(logits.begin(), logits.end()) - logits.begin());
      EXPECT_EQ(token.layers, layer);
      sequence.push_back(token.id);
    }
  }
}

TEST_F(GenerateTest, AnEntropyThatNeverFiresIsFullDepth) {
  const auto full = run({.max_tokens = 10, .ignore_eos = true});
  const auto never = run({.max_tokens = 10, .exit = {.entropy_nats = -1.0F}, .ignore_eos = true});
  EXPECT_EQ(ids(never), ids(full));
  for (std::size_t i = 0; i < full.tokens.size(); ++i) {
    EXPECT_EQ(never.tokens[i].layers, 4U);
    EXPECT_EQ(never.tokens[i].logprob, full.tokens[i].logprob);
  }
}

// Layers below the exit never read what was filled in above it.
TEST_F(GenerateTest, AnEntropyThatAlwaysFiresIsTheFixedExitAtTheFirstLayer) {
  for (const std::uint32_t layer : {1U, 3U}) {
    const auto fixed = run({.max_tokens = 10, .exit = {.layer = layer}, .ignore_eos = true});
    const auto always = run({.max_tokens = 10,
                             .exit = {.entropy_nats = kAlways, .min_layer = layer},
                             .ignore_eos = true});
    EXPECT_EQ(ids(always), ids(fixed));
    for (std::size_t i = 0; i < fixed.tokens.size(); ++i) {
      EXPECT_EQ(always.tokens[i].layers, layer);
      EXPECT_EQ(always.tokens[i].logprob, fixed.tokens[i].logprob);
    }
  }
}

// Exits at different layers: keys and values of skipped layers come from the exit's hidden state.
TEST_F(GenerateTest, SkippedLayersGetKeysAndValuesFromTheExit) {
  // A threshold in the middle of the entropies that the layers have here.
  Recorder recorder;
  const auto full = run({.max_tokens = 24, .ignore_eos = true});
  float low = kAlways;
  float high = 0;
  for (const auto& token : full.tokens) {
    low = std::min(low, token.entropy_nats);
    high = std::max(high, token.entropy_nats);
  }
  const auto result =
      run({.max_tokens = 24, .exit = {.entropy_nats = (low + high) / 2}, .ignore_eos = true});
  std::vector<TokenId> sequence = kPrompt;
  std::vector<std::size_t> depth(kPrompt.size(), 4);
  std::vector<std::size_t> logit_layer = depth;
  bool left_early = false;
  bool after_early = false;
  for (std::size_t i = 0; i < result.tokens.size(); ++i) {
    const auto& token = result.tokens[i];
    logit_layer.back() = token.layers;
    if (i > 0) depth.back() = token.layers;  // the prompt went through all layers
    const auto logits = test_model_.logits(sequence, depth, logit_layer).back();
    EXPECT_EQ(token.id, std::max_element(logits.begin(), logits.end()) - logits.begin()) << i;
    double sum = 0;
    for (const double l : logits) sum += std::exp(l);
    EXPECT_NEAR(token.logprob, logits[static_cast<std::size_t>(token.id)] - std::log(sum), 1e-4);
    after_early |= left_early && token.layers == 4;
    left_early |= i > 0 && token.layers < 4;
    sequence.push_back(token.id);
    depth.push_back(4);
    logit_layer.push_back(4);
  }
  EXPECT_TRUE(after_early)
      << "the case under test did not occur: a full pass over filled-in layers";
}

TEST_F(GenerateTest, TheObserverSeesThePhasesInOrderAndEveryLayer) {
  Recorder recorder;
  recorder.layers = true;
  run({.max_tokens = 2, .exit = {.layer = 2}, .ignore_eos = true}, &recorder);
  EXPECT_EQ(recorder.events,
            (std::vector<std::string>{"begin 7", "layer 1", "layer 2", "prefilled", "token",
                                      "layer 1", "layer 2", "token", "end"}));
}

TEST_F(GenerateTest, ObservingLayersDoesNotChangeTheResult) {
  Recorder recorder;
  recorder.layers = true;
  const auto plain = run({.max_tokens = 8, .ignore_eos = true});
  const auto observed = run({.max_tokens = 8, .ignore_eos = true}, &recorder);
  EXPECT_EQ(ids(plain), ids(observed));
}

TEST_F(GenerateTest, TheTextOfTheObserverIsTheTextOfTheResult) {
  Recorder recorder;
  const auto result =
      run({.max_tokens = 20, .stop = {"never to be seen"}, .ignore_eos = true}, &recorder);
  EXPECT_EQ(recorder.text, result.text);
  EXPECT_FALSE(result.text.empty());
}

TEST_F(GenerateTest, AStopStringEndsBeforeIt) {
  const auto whole = run({.max_tokens = 20, .ignore_eos = true});
  const std::string stop = whole.text.substr(whole.text.size() / 2, 3);
  Recorder recorder;
  const auto result = run({.max_tokens = 20, .stop = {stop}, .ignore_eos = true}, &recorder);
  EXPECT_EQ(result.stop, StopReason::stop_string);
  EXPECT_EQ(result.text, whole.text.substr(0, whole.text.find(stop)));
  EXPECT_EQ(recorder.text, result.text);
}

TEST_F(GenerateTest, AnEndOfTextTokenEndsAndIsNotPartOfTheResult) {
  const auto whole = run({.max_tokens = 10, .ignore_eos = true});
  TestModel ending(TestShape{.n_layers = 4});
  ending.writer().set_uint32("tokenizer.ggml.eos_token_id",
                             static_cast<std::uint32_t>(whole.tokens[3].id));
  ASSERT_TRUE(ending.write(path_));
  model_ = *Model::load(path_, {.exact = true});
  open();
  const auto result = run({.max_tokens = 10});
  EXPECT_EQ(result.stop, StopReason::end_of_text);
  const auto all = ids(whole);
  const auto first = std::find(all.begin(), all.end(), whole.tokens[3].id);
  EXPECT_EQ(ids(result), std::vector<TokenId>(all.begin(), first));
  EXPECT_FALSE(result.last_token_pending);
}

TEST_F(GenerateTest, TheContextFillsUp) {
  open(static_cast<std::uint32_t>(kPrompt.size()) + 2);
  const auto result = run({.max_tokens = 50, .ignore_eos = true});
  EXPECT_EQ(result.stop, StopReason::context_full);
  EXPECT_EQ(result.tokens.size(), 3U);  // the last one has no room in the cache
  EXPECT_EQ(session_->position(), session_->context());
}

TEST_F(GenerateTest, ASecondTurnContinuesTheFirst) {
  const auto whole = run({.max_tokens = 10, .ignore_eos = true});
  const auto first = run({.max_tokens = 4, .ignore_eos = true});
  ASSERT_TRUE(first.last_token_pending);
  const std::vector<TokenId> next = {first.tokens.back().id};
  const auto second = *generate(*session_, next, {.max_tokens = 6, .ignore_eos = true});
  auto joined = ids(first);
  for (const TokenId id : ids(second)) joined.push_back(id);
  EXPECT_EQ(joined, ids(whole));
}

TEST_F(GenerateTest, SamplingIsReproducibleFromItsSeed) {
  const GenerateOptions options{.max_tokens = 15,
                                .sampling = {.temperature = 1.5F, .top_k = 50, .seed = 9},
                                .ignore_eos = true};
  EXPECT_EQ(ids(run(options)), ids(run(options)));
  auto other = options;
  other.sampling.seed = 10;
  EXPECT_NE(ids(run(options)), ids(run(other)));
}

TEST_F(GenerateTest, TheObserverOrAnInterruptCancels) {
  Recorder recorder;
  recorder.cancel_after = 2;
  const auto result = run({.max_tokens = 10, .ignore_eos = true}, &recorder);
  EXPECT_EQ(result.stop, StopReason::cancelled);
  EXPECT_EQ(result.tokens.size(), 2U);
  set_interrupted(true);
  const auto interrupted_result = run({.max_tokens = 10});
  set_interrupted(false);
  EXPECT_EQ(interrupted_result.stop, StopReason::cancelled);
  EXPECT_TRUE(interrupted_result.tokens.empty());
}

TEST_F(GenerateTest, ZeroTokensIsOnlyAPrefill) {
  const auto result = run({.max_tokens = 0});
  EXPECT_TRUE(result.tokens.empty());
  EXPECT_EQ(session_->position(), kPrompt.size());
}

TEST_F(GenerateTest, BadRequestsAreErrorsThatSayWhatWouldDo) {
  const auto error_of = [&](std::span<const TokenId> prompt, const GenerateOptions& options) {
    const auto result = generate(*session_, prompt, options);
    EXPECT_FALSE(result);
    return result ? std::string() : result.error().message();
  };
  EXPECT_NE(error_of({}, {}).find("no tokens"), std::string::npos);
  const std::vector<TokenId> unknown = {1, 320};
  EXPECT_NE(error_of(unknown, {}).find("320"), std::string::npos);
  const std::vector<TokenId> negative = {-1};
  EXPECT_NE(error_of(negative, {}).find("-1"), std::string::npos);
  const std::vector<TokenId> longer(65, 5);
  EXPECT_NE(error_of(longer, {}).find("65 tokens, the context 64"), std::string::npos);
  EXPECT_NE(error_of(kPrompt, {.exit = {.layer = 5}}).find("4 layers"), std::string::npos);
  EXPECT_NE(error_of(kPrompt, {.exit = {.entropy_nats = 1.0F, .min_layer = 9}}).find("1 to 4"),
            std::string::npos);
  EXPECT_NE(error_of(kPrompt, {.sampling = {.top_p = 2.0F}}).find("top-p"), std::string::npos);
  EXPECT_EQ(session_->position(), 0U);
}

TEST_F(GenerateTest, GoingDeeperThanTheCacheIsRefused) {
  run({.max_tokens = 2, .exit = {.layer = 2}, .ignore_eos = true});
  const std::vector<TokenId> next = {5};
  const auto deeper = generate(*session_, next, {});
  ASSERT_FALSE(deeper);
  EXPECT_NE(deeper.error().message().find("rewind"), std::string::npos);
  EXPECT_TRUE(generate(*session_, next, {.max_tokens = 1, .exit = {.layer = 1}}));
  session_->rewind(0);
  EXPECT_TRUE(generate(*session_, next, {.max_tokens = 1}));
}

}  // namespace
}  // namespace wattle::engine
