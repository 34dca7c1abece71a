// Generating under a grammar, on a small model of random weights.
#include "engine/constraint.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/test_folder.hpp"
#include "engine/grammar/schema_checker.hpp"
#include "engine/grammar/test_grammars.hpp"
#include "engine/test_model.hpp"

namespace wattle::engine {
namespace {

const std::vector<TokenId> kPrompt = {1, 300, 17, 44, 259, 310, 8};

const char* const kSchema = R"({
  "type": "object",
  "properties": {
    "id": {"type": "integer", "minimum": -99, "maximum": 99},
    "kind": {"enum": ["x", "y"]},
    "text": {"type": "string", "maxLength": 6},
    "flags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3}
  },
  "required": ["id", "kind", "text"]
})";

struct Recorder : GenerateObserver {
  std::string text;
  bool ended = false;
  bool token(const GeneratedToken& /*token*/, std::string_view piece) override {
    text += piece;
    return true;
  }
  void text_rest(std::string_view rest) override { text += rest; }
  void decode_end() override { ended = true; }
};

class ConstrainedGeneration : public testing::Test {
 protected:
  void SetUp() override { load(); }
  void load() {
    ASSERT_TRUE(test_model_.write(path_));
    model_ = *Model::load(path_, {.exact = true, .threads = 1});
    session_ = *Session::create(model_);
  }
  Result<GenerateResult> run(const GenerateOptions& options, GenerateObserver* observer = nullptr) {
    session_->rewind(0);
    return generate(*session_, kPrompt, options, observer);
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_.path() / "model.gguf";
  TestModel test_model_{TestShape{.n_layers = 2, .context = 400}};
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Session> session_;
};

TEST_F(ConstrainedGeneration, OutputIsValidUnderTheSchema) {
  const auto grammar = schema_grammar(kSchema);
  const Json schema = parse_json(kSchema, "schema").value();
  std::vector<SamplingOptions> ways = {{}, {.temperature = 0.7F, .top_k = 5, .seed = 1}};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    ways.push_back({.temperature = 1.5F, .seed = seed});
    ways.push_back({.temperature = 1.0F, .top_p = 0.9F, .min_p = 0.01F, .seed = seed});
  }
  for (const auto& sampling : ways) {
    const auto result = run({.max_tokens = 380, .sampling = sampling, .grammar = grammar});
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->stop, StopReason::end_of_text) << result->text;
    const auto value = parse_json(result->text, "output");
    ASSERT_TRUE(value) << result->text;
    EXPECT_TRUE(SchemaChecker(schema).valid(*value)) << result->text;
  }
}

TEST_F(ConstrainedGeneration, JsonModeGivesTheBeginningOfAnObject) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto result = run({.max_tokens = 60,
                             .sampling = {.temperature = 1.0F, .seed = seed},
                             .grammar = Grammar::json()});
    ASSERT_TRUE(result);
    std::string text;
    for (const auto& token : result->tokens) text += model_->tokenizer().piece(token.id);
    EXPECT_TRUE(begins(Grammar::json(), text)) << text;
    if (result->stop != StopReason::end_of_text) continue;
    EXPECT_TRUE(parse_json(text, "output")) << text;
  }
}

TEST_F(ConstrainedGeneration, GreedyTakesTheBestAllowedTokenAndReportsTheModelsOwnProbability) {
  const auto grammar = schema_grammar(kSchema);
  const auto result = *run({.max_tokens = 25, .grammar = grammar});
  const TokenGrammar tokens(grammar, model_->tokenizer());
  GrammarState state(grammar);
  std::vector<TokenId> sequence = kPrompt;
  for (const auto& token : result.tokens) {
    const auto logits = test_model_.logits(sequence).back();
    TokenId best = -1;
    double sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const auto id = static_cast<TokenId>(i);
      sum += std::exp(logits[i]);
      const bool better = best < 0 || logits[i] > logits[static_cast<std::size_t>(best)];
      if (better && tokens.allows(state, id)) best = id;
    }
    EXPECT_EQ(token.id, best);
    EXPECT_NEAR(token.logprob, logits[static_cast<std::size_t>(best)] - std::log(sum), 1e-4);
    ASSERT_TRUE(tokens.accept(state, token.id));
    sequence.push_back(token.id);
  }
}

TEST_F(ConstrainedGeneration, AllowedChoicesAreTheSameAsWithoutAGrammar) {
  const auto grammar = gbnf("root ::= [ -~]*");
  const TokenGrammar tokens(grammar, model_->tokenizer());
  std::size_t n_same = 0;
  for (TokenId first = 260; first < 300; ++first) {
    const std::vector<TokenId> prompt = {1, first, 17};
    session_->rewind(0);
    const auto plain = *generate(*session_, prompt, {.max_tokens = 8, .ignore_eos = true});
    session_->rewind(0);
    const auto guided = *generate(*session_, prompt, {.max_tokens = 8, .grammar = grammar});
    GrammarState state(grammar);
    for (std::size_t i = 0; i < guided.tokens.size(); ++i, ++n_same) {
      if (!tokens.accept(state, plain.tokens[i].id)) break;
      EXPECT_EQ(guided.tokens[i].id, plain.tokens[i].id);
      EXPECT_EQ(guided.tokens[i].logprob, plain.tokens[i].logprob);
    }
  }
  EXPECT_GT(n_same, 10U);
}

TEST_F(ConstrainedGeneration, EndsWhereNothingMayFollowWithoutAnotherStep) {
  const auto result = *run({.max_tokens = 50, .grammar = gbnf("root ::= \"yes\" | \"no\"")});
  EXPECT_TRUE(result.text == "yes" || result.text == "no") << result.text;
  EXPECT_EQ(result.stop, StopReason::end_of_text);
  EXPECT_TRUE(result.last_token_pending);
  EXPECT_EQ(session_->position(), kPrompt.size() + result.tokens.size() - 1);
}

TEST_F(ConstrainedGeneration, AnEmptyTextMayBeAllThatIsAllowed) {
  const auto result = *run({.max_tokens = 5, .grammar = gbnf("root ::= \"\"")});
  EXPECT_EQ(result.text, "");
  EXPECT_EQ(result.stop, StopReason::end_of_text);
}

TEST_F(ConstrainedGeneration, StopStringsAndLimitsStillHold) {
  const auto many = gbnf("root ::= \"ab\"{100}");
  const auto limited = *run({.max_tokens = 7, .grammar = many});
  EXPECT_EQ(limited.stop, StopReason::max_tokens);
  EXPECT_EQ(limited.text, "abababa");
  const auto stopped = *run({.max_tokens = 50, .stop = {"ba"}, .grammar = many});
  EXPECT_EQ(stopped.stop, StopReason::stop_string);
  EXPECT_EQ(stopped.text, "a");
}

TEST_F(ConstrainedGeneration, EarlyExitsKeepToTheGrammarToo) {
  const auto grammar = schema_grammar(kSchema);
  const auto result = *run({.max_tokens = 380, .exit = {.layer = 1}, .grammar = grammar});
  EXPECT_EQ(result.stop, StopReason::end_of_text);
  EXPECT_TRUE(matches(grammar, result.text)) << result.text;
}

TEST_F(ConstrainedGeneration, IgnoringTheEndIsRefused) {
  const auto result = run({.ignore_eos = true, .grammar = Grammar::json()});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(session_->position(), 0U);
}

TEST_F(ConstrainedGeneration, NoAllowedTokenIsAnErrorAfterTheTextSoFar) {
  // A vocabulary without the byte z.
  std::vector<std::string> names = {"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> kinds = {2, 3, 3};
  for (int byte = 0; byte < 256; ++byte) {
    names.push_back(byte == 'z' ? "zz" : fmt::format("<0x{:02X}>", byte));
    kinds.push_back(byte == 'z' ? 1 : 6);
  }
  for (std::size_t i = names.size(); i < test_model_.shape().n_vocab; ++i) {
    names.push_back(fmt::format("p{}", i));
    kinds.push_back(1);
  }
  test_model_.writer().set_strings("tokenizer.ggml.tokens", names);
  test_model_.writer().set_ints32("tokenizer.ggml.token_type", kinds);
  load();
  Recorder recorder;
  const auto result =
      run({.max_tokens = 9, .grammar = gbnf("root ::= \"ab\" \"z\" \"c\"")}, &recorder);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find("no token of the vocabulary"), std::string::npos);
  EXPECT_EQ(recorder.text, "ab");
  EXPECT_TRUE(recorder.ended);
}

TEST(Constraint, WithoutAnEndTokenTheTextStillEnds) {
  Vocabulary vocabulary = byte_vocabulary();
  add_merge(vocabulary, "b", "c");
  const auto tokenizer = make_tokenizer(std::move(vocabulary)).value();
  const auto grammar = gbnf("root ::= \"a\"?");
  ASSERT_FALSE(TokenGrammar(grammar, *tokenizer).has_end_token());
  Constraint constraint(grammar, *tokenizer);
  Sampler sampler({});
  const std::vector<float> logits(257, 0.0F);
  const auto first = constraint.sample(sampler, logits, 0);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ(**first, 'a');
  EXPECT_TRUE(constraint.must_end());
  const auto second = constraint.sample(sampler, logits, 0);
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);
}

}  // namespace
}  // namespace wattle::engine
