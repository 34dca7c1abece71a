// Speculation changes nothing but the number of passes.
#include "engine/speculative.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "base/test_folder.hpp"
#include "engine/grammar/test_grammars.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

using Kind = SpeculationOptions::Kind;

const std::vector<TokenId> kPrompt = {1, 300, 17, 44, 259, 310, 8, 300, 17};
constexpr std::uint32_t kLayers = 4;

TEST(LookupDraft, IsWhatFollowedTheLongestLatestMatch) {
  const std::vector<TokenId> s = {7, 1, 2, 3, 50, 51, 9, 2, 3, 60, 61, 1, 2, 3};
  EXPECT_EQ(lookup_draft(s, 3), (std::vector<TokenId>{50, 51, 9}));  // 1 2 3, before 9 2 3
  EXPECT_EQ(lookup_draft(s, 1), (std::vector<TokenId>{50}));
  const std::vector<TokenId> two = {2, 3, 50, 9, 2, 3, 60, 61, 1, 2, 3};
  // The latest, and then as if it went round.
  EXPECT_EQ(lookup_draft(two, 7), (std::vector<TokenId>{60, 61, 1, 2, 3, 60, 61}));
  EXPECT_EQ(lookup_draft(std::vector<TokenId>(6, 4), 5), std::vector<TokenId>(5, 4));
  EXPECT_TRUE(lookup_draft(std::vector<TokenId>{1, 2, 3}, 5).empty());
  EXPECT_TRUE(lookup_draft({}, 5).empty());
  EXPECT_TRUE(lookup_draft(s, 0).empty());
}

struct Recorder : GenerateObserver {
  std::vector<std::string> events;
  int cancel_after = -1;
  bool layers = false;
  void prefill_begin(std::size_t n) override { events.push_back(fmt::format("begin {}", n)); }
  void prefill_end() override { events.emplace_back("prefilled"); }
  bool token(const GeneratedToken& token, std::string_view piece) override {
    events.push_back(fmt::format("{} {}", token.id, piece));
    return --cancel_after != 0;
  }
  void text_rest(std::string_view rest) override { events.push_back(fmt::format("rest {}", rest)); }
  void decode_end() override { events.emplace_back("end"); }
  [[nodiscard]] bool wants_layer_entropy() const override { return layers; }
};

struct Outcome {
  GenerateResult result;
  std::vector<std::string> events;
  std::uint32_t position = 0;
  std::vector<float> next;  // logits of a token that the session goes on with
};

struct TestedModel {
  TensorType type = TensorType::f32;
  bool exact = true;
};

class Speculation : public testing::TestWithParam<TestedModel> {
 protected:
  void SetUp() override { load(); }
  void load() {
    ASSERT_TRUE(test_model_.write(path_));
    model_ = *Model::load(path_, {.exact = GetParam().exact, .threads = 2});
  }
  Outcome run(const GenerateOptions& options, const SessionOptions& how = {},
              int cancel_after = -1) {
    Outcome outcome;
    const auto session = *Session::create(model_, how);
    Recorder recorder;
    recorder.cancel_after = cancel_after;
    const auto result = generate(*session, kPrompt, options, &recorder);
    EXPECT_TRUE(result) << result.error().message();
    if (!result) return outcome;
    outcome.result = *result;
    outcome.events = recorder.events;
    outcome.position = session->position();
    if (session->position() == session->context()) return outcome;
    const std::vector<TokenId> next = {77};
    outcome.next = all_logits(*session, next, options.exit.layer)->at(0).logits;
    return outcome;
  }
  // Every way of guessing gives what the plain run gives. The sum of the accepted guesses.
  std::uint64_t compare(const GenerateOptions& options, const SessionOptions& how = {},
                        int cancel_after = -1) {
    const Outcome plain = run(options, how, cancel_after);
    EXPECT_FALSE(plain.result.speculation);
    std::vector<SpeculationOptions> ways;
    const std::uint32_t depth = options.exit.layer == 0 ? kLayers : options.exit.layer;
    for (std::uint32_t layers = 1; layers < depth; ++layers) {
      for (const std::uint32_t n : {0U, 1U, 3U, 64U}) {
        ways.push_back({Kind::self, layers, n, 0.0F});
      }
      ways.push_back({Kind::self, layers, 5, 0.1F});
      ways.push_back({Kind::self, layers, 5, 1.0F});
    }
    for (const std::uint32_t n : {0U, 1U, 2U, 64U}) ways.push_back({Kind::lookup, 0, n, 0.0F});
    std::uint64_t n_accepted = 0;
    for (const auto& way : ways) {
      SCOPED_TRACE(fmt::format("{} at {}", speculation_name(way), way.min_confidence));
      auto guessing = options;
      guessing.speculation = way;
      const Outcome outcome = run(guessing, how, cancel_after);
      expect_same(plain, outcome);
      if (!outcome.result.speculation) continue;
      const SpeculationStats& stats = *outcome.result.speculation;
      n_accepted += stats.n_accepted;
      EXPECT_LE(stats.n_accepted, stats.n_drafted);
      EXPECT_EQ(stats.n_rows, stats.n_drafted + stats.n_passes);
      EXPECT_EQ(stats.n_draft_passes, way.kind == Kind::self ? stats.n_rows : 0U);
      if (outcome.result.stop == StopReason::max_tokens && options.max_tokens > 0) {
        // The first token comes from the prefill; every pass gives its accepted guesses and one.
        EXPECT_EQ(outcome.result.tokens.size(), 1 + stats.n_accepted + stats.n_passes);
      }
    }
    return n_accepted;
  }
  static void expect_same(const Outcome& a, const Outcome& b) {
    ASSERT_EQ(a.result.tokens.size(), b.result.tokens.size());
    for (std::size_t i = 0; i < a.result.tokens.size(); ++i) {
      const auto& x = a.result.tokens[i];
      const auto& y = b.result.tokens[i];
      EXPECT_EQ(x.id, y.id) << i;
      EXPECT_EQ(x.logprob, y.logprob) << i;
      EXPECT_EQ(x.entropy_nats, y.entropy_nats) << i;
      EXPECT_EQ(x.layers, y.layers) << i;
      ASSERT_EQ(x.top_logprobs.size(), y.top_logprobs.size());
      for (std::size_t t = 0; t < x.top_logprobs.size(); ++t) {
        EXPECT_EQ(x.top_logprobs[t].id, y.top_logprobs[t].id);
        EXPECT_EQ(x.top_logprobs[t].logprob, y.top_logprobs[t].logprob);
      }
    }
    EXPECT_EQ(a.result.text, b.result.text);
    EXPECT_EQ(a.result.stop, b.result.stop);
    EXPECT_EQ(a.result.last_token_pending, b.result.last_token_pending);
    EXPECT_EQ(a.position, b.position);
    EXPECT_EQ(a.events, b.events);
    EXPECT_EQ(a.next, b.next) << "the session goes on differently";
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.gguf";
  TestModel test_model_{TestShape{.type = GetParam().type, .n_layers = kLayers}};
  std::shared_ptr<const Model> model_;
};

TEST_P(Speculation, GreedyOutputIsTheSame) {
  EXPECT_GT(compare({.max_tokens = 24, .ignore_eos = true, .n_logprobs = 3}), 0U);
  for (const std::uint32_t n : {0U, 1U, 2U, 3U}) compare({.max_tokens = n, .ignore_eos = true});
}

TEST_P(Speculation, SampledOutputIsTheSame) {
  std::uint64_t n_accepted = 0;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    n_accepted += compare({.max_tokens = 20,
                           .sampling = {.temperature = 0.4F, .top_k = 9, .seed = seed},
                           .ignore_eos = true});
    compare({.max_tokens = 20,
             .sampling = {.temperature = 1.2F, .top_p = 0.9F, .seed = seed, .typical_p = 0.9F},
             .ignore_eos = true});
  }
  EXPECT_GT(n_accepted, 0U);
}

TEST_P(Speculation, OutputThatRepeatsItselfIsGuessedInFewPasses) {
  // Rewards for what was said before make a loop.
  GenerateOptions options{
      .max_tokens = 40, .sampling = {.frequency_penalty = -20.0F}, .ignore_eos = true};
  compare(options);
  options.speculation = {Kind::lookup, 0, 8};
  const SpeculationStats stats = *run(options).result.speculation;
  EXPECT_LT(stats.n_passes, 20U);
  EXPECT_GT(stats.n_accepted, 20U);
  EXPECT_NEAR(stats.acceptance(), double(stats.n_accepted) / double(stats.n_drafted), 1e-12);
}

TEST_P(Speculation, PenaltiesBiasesAndExitLayersGoWithIt) {
  compare({.max_tokens = 20,
           .sampling = {.repetition_penalty = 1.4F,
                        .repeat_last_n = 6,
                        .presence_penalty = 0.5F,
                        .frequency_penalty = 0.3F,
                        .logit_bias = {{50, 3.0F}, {17, -std::numeric_limits<float>::infinity()}}},
           .ignore_eos = true});
  compare({.max_tokens = 15, .exit = {.layer = 3}, .ignore_eos = true});
  compare({.max_tokens = 15, .exit = {.layer = 2}, .ignore_eos = true});
}

TEST_P(Speculation, StopStringsEndInTheSamePlace) {
  const auto whole = run({.max_tokens = 20, .ignore_eos = true});
  for (const std::size_t at : {std::size_t{1}, whole.result.text.size() / 2}) {
    const GenerateOptions options{
        .max_tokens = 20, .stop = {whole.result.text.substr(at, 3)}, .ignore_eos = true};
    compare(options);
    EXPECT_EQ(run(options).result.stop, StopReason::stop_string);
  }
}

TEST_P(Speculation, TheEndOfTheTextIsTheSame) {
  const auto whole = run({.max_tokens = 12, .ignore_eos = true});
  for (const std::size_t at : {1UL, 4UL, 7UL}) {
    TestModel ending(TestShape{.type = GetParam().type, .n_layers = kLayers});
    ending.writer().set_uint32("tokenizer.ggml.eos_token_id",
                               static_cast<std::uint32_t>(whole.result.tokens[at].id));
    ASSERT_TRUE(ending.write(path_));
    model_ = *Model::load(path_, {.exact = GetParam().exact});
    EXPECT_EQ(run({.max_tokens = 12}).result.stop, StopReason::end_of_text);
    compare({.max_tokens = 12});
  }
}

TEST_P(Speculation, GrammarsHoldTheSame) {
  const auto grammar = gbnf("root ::= (\"[\" [a-f]{1,3} \"]\"){1,6}");
  compare({.max_tokens = 30, .grammar = grammar});
  compare({.max_tokens = 30, .sampling = {.temperature = 0.8F, .seed = 5}, .grammar = grammar});
}

TEST_P(Speculation, TheContextFillsUpTheSame) {
  for (const std::uint32_t room : {0U, 1U, 2U, 5U}) {
    const SessionOptions how{.context = static_cast<std::uint32_t>(kPrompt.size()) + room};
    const GenerateOptions options{.max_tokens = 50, .ignore_eos = true};
    EXPECT_EQ(run(options, how).result.stop, StopReason::context_full);
    compare(options, how);
  }
}

TEST_P(Speculation, SmallBatchesAndHalfPrecisionCachesDoNotMatter) {
  for (const std::uint32_t batch : {1U, 2U, 4U}) {
    compare({.max_tokens = 16, .ignore_eos = true}, {.kv_type = KvType::f16, .batch = batch});
  }
}

TEST_P(Speculation, CancellingEndsAtTheSameToken) {
  for (const int n : {1, 2, 5, 9}) compare({.max_tokens = 20, .ignore_eos = true}, {}, n);
}

TEST_P(Speculation, WhatCannotBeTheSameIsRefused) {
  const auto session = *Session::create(model_, {});
  const auto error_of = [&](const GenerateOptions& options, GenerateObserver* observer = nullptr) {
    const auto result = generate(*session, kPrompt, options, observer);
    EXPECT_FALSE(result);
    return result ? std::string() : result.error().message();
  };
  const SpeculationOptions self{Kind::self, 2};
  EXPECT_NE(error_of({.speculation = {Kind::self, 0}}).find("1 to 3"), std::string::npos);
  EXPECT_NE(error_of({.speculation = {Kind::self, 4}}).find("1 to 3"), std::string::npos);
  EXPECT_NE(error_of({.exit = {.layer = 2}, .speculation = self}).find("1 to 1"),
            std::string::npos);
  EXPECT_NE(error_of({.exit = {.layer = 1}, .speculation = self}).find("Leave out"),
            std::string::npos);
  EXPECT_NE(error_of({.speculation = {Kind::lookup, 0, 65}}).find("at most 64"), std::string::npos);
  EXPECT_NE(error_of({.speculation = {Kind::self, 2, 4, 1.5F}}).find("0 to 1"), std::string::npos);
  EXPECT_NE(error_of({.exit = {.margin = 0.5F}, .speculation = self}).find("margin:0.5"),
            std::string::npos);
  Recorder recorder;
  recorder.layers = true;
  EXPECT_NE(error_of({.speculation = self}, &recorder).find("entropy of every layer"),
            std::string::npos);
  EXPECT_EQ(session->position(), 0U);
}

TEST_P(Speculation, AGrammarThatCannotGoOnIsTheSameError) {
  const auto dead_end = [&](const SpeculationOptions& speculation) {
    const auto session = *Session::create(model_, {});
    GenerateOptions options{
        .max_tokens = 30, .grammar = gbnf("root ::= \"abcabc\" \"y\""), .speculation = speculation};
    for (TokenId id = 0; id < 320; ++id) {
      if (model_->tokenizer().piece(id) == "y") {
        options.sampling.logit_bias.push_back({id, -std::numeric_limits<float>::infinity()});
      }
    }
    const auto result = generate(*session, kPrompt, options);
    EXPECT_FALSE(result);
    return fmt::format("{} at {}", result ? "" : result.error().message(), session->position());
  };
  const std::string plain = dead_end({});
  EXPECT_EQ(dead_end({Kind::self, 2, 4, 0.0F}), plain);
  EXPECT_EQ(dead_end({Kind::lookup}), plain);
}

INSTANTIATE_TEST_SUITE_P(Models, Speculation,
                         testing::Values(TestedModel{TensorType::f32, true},
                                         TestedModel{TensorType::q8_0, false},
                                         TestedModel{TensorType::f16, false}),
                         [](const auto& tested) {
                           return std::string(engine::info(tested.param.type).name) +
                                  (tested.param.exact ? "_exact" : "");
                         });

}  // namespace
}  // namespace wattle::engine
