// wattle run, chat and logits as a user calls them, on a small model of random weights.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "engine/test_model.hpp"

namespace wattle::e2e {
namespace {

class RunCommand : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(engine::TestModel({}).write(path_)); }
  TestFolder folder_;
  std::string path_ = (folder_.path() / "model.gguf").string();
};

TEST_F(RunCommand, PrintsTheAnswerAndOneLineOfCost) {
  const Outcome outcome =
      run_wattle({"run", "-m", path_, "-p", "hello", "-n", "8", "--ignore-eos"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_FALSE(outcome.out.empty());
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_NE(outcome.err.find("+ 8 tokens"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("stop: max_tokens"), std::string::npos) << outcome.err;
}

TEST_F(RunCommand, JsonHasTheSameTextWhereverThePromptComesFrom) {
  const auto text_of = [&](std::vector<std::string> arguments, const std::string& input) {
    arguments.insert(arguments.begin(), {"run", "-m", path_, "-n", "6", "--json", "--ignore-eos"});
    const Outcome outcome = run_wattle(arguments, input);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto json = parse_json(outcome.out, "output");
    EXPECT_TRUE(json) << outcome.out;
    EXPECT_EQ((*json)["tokens"].size(), 6U);
    EXPECT_EQ((*json)["n_output_tokens"], 6);
    // A figure of energy never comes without its kind.
    EXPECT_TRUE((*json)["energy_j_gross"].is_null() || (*json)["energy_kind"].is_string());
    return (*json)["output_text"].get<std::string>();
  };
  const auto file = folder_.write("prompt.txt", "good day").string();
  const std::string text = text_of({"-p", "good day"}, "");
  EXPECT_EQ(text_of({"-f", file}, ""), text);
  EXPECT_EQ(text_of({"-p", "-"}, "good day"), text);
  EXPECT_EQ(text_of({}, "good day"), text);
  EXPECT_EQ(text_of({"-p", "good day", "--exit-entropy", "-1"}, ""), text);
}

TEST_F(RunCommand, WrongRequestsHaveExitCodesAndRemedies) {
  const Outcome missing = run_wattle({"run", "-m", "/nowhere.gguf", "-p", "x"});
  EXPECT_EQ(missing.exit_code, 4);
  EXPECT_NE(missing.err.find("/nowhere.gguf"), std::string::npos);
  EXPECT_EQ(run_wattle({"run", "-m", folder_.write("bad.gguf", "no model").string(), "-p", "x"})
                .exit_code,
            3);
  const Outcome longer = run_wattle({"run", "-m", path_, "-p", std::string(500, 'x')});
  EXPECT_EQ(longer.exit_code, 2);
  EXPECT_NE(longer.err.find("the context 64"), std::string::npos) << longer.err;
  for (const Outcome& empty :
       {run_wattle({"run", "-m", path_, "-p", ""}), run_wattle({"run", "-m", path_}, "")}) {
    EXPECT_EQ(empty.exit_code, 2);
    EXPECT_NE(empty.err.find("the prompt is empty"), std::string::npos) << empty.err;
  }
  const Outcome deep = run_wattle({"run", "-m", path_, "-p", "x", "--exit-layer", "9"});
  EXPECT_EQ(deep.exit_code, 2);
  EXPECT_NE(deep.err.find("3 layers"), std::string::npos) << deep.err;
}

TEST_F(RunCommand, SpeculationChangesNothingButWhatIsSaidAboutIt) {
  const auto json_of = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"run", "-m", path_, "-p", "hello hello hello", "-n", "12", "--json",
                      "--ignore-eos", "--temp", "0.5", "--logprobs", "2"});
    const Outcome outcome = run_wattle(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto json = parse_json(outcome.out, "output");
    EXPECT_TRUE(json) << outcome.out;
    if ((*json)["speculation"] != "") {
      EXPECT_NE(outcome.err.find("guesses right in"), std::string::npos) << outcome.err;
      EXPECT_EQ(
          1 + (*json)["n_accepted_tokens"].get<int>() + (*json)["n_verification_passes"].get<int>(),
          12);
    }
    return *json;
  };
  const Json plain = json_of({});
  EXPECT_TRUE(plain["n_drafted_tokens"].is_null());
  EXPECT_EQ(plain["tokens"][0]["top_logprobs"].size(), 2U);
  for (const char* way : {"self:1", "self:2:3", "lookup", "lookup:2"}) {
    const Json guessed = json_of({"--speculate", way});
    EXPECT_EQ(guessed["tokens"], plain["tokens"]) << way;
    EXPECT_EQ(guessed["output_text"], plain["output_text"]);
    EXPECT_NE(guessed["speculation"], "");
  }
}

TEST_F(RunCommand, OptionsOfSamplingExitsAndSpeculationReachTheEngine) {
  const auto json_of = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"run", "-m", path_, "-p", "hello", "-n", "6", "--json", "--ignore-eos"});
    const Outcome outcome = run_wattle(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse_json(outcome.out, "output").value_or(Json());
  };
  const Json biased = json_of({"--logit-bias", "70=1000", "--logit-bias", "71=+5e3"});
  for (const Json& token : biased["tokens"]) EXPECT_EQ(token["id"], 71);
  const Json forbidden =
      json_of({"--logit-bias", "70=1000", "--logit-bias", "71=5000", "--logit-bias", "72=-inf",
               "--frequency-penalty", "100", "--presence-penalty", "100"});
  EXPECT_EQ(forbidden["tokens"][5]["id"], 71);
  // 1100 − 99 − 2 is less than 1000.
  const Json turned = json_of({"--logit-bias", "70=1000", "--logit-bias", "71=1100",
                               "--presence-penalty", "99", "--frequency-penalty", "2"});
  EXPECT_EQ(turned["tokens"][0]["id"], 71);
  EXPECT_EQ(turned["tokens"][1]["id"], 70);
  const Json penalised = json_of({"--logit-bias", "70=1000", "--logit-bias", "71=1100",
                                  "--repeat-penalty", "2", "--repeat-last-n", "1"});
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(penalised["tokens"][i]["id"], i % 2 == 0 ? 71 : 70);
  const Json margin = json_of({"--exit-margin", "-1", "--min-exit-layer", "2"});
  EXPECT_EQ(margin["exit_rule"], "margin:-1");
  for (const Json& token : margin["tokens"]) EXPECT_EQ(token["layers"], 2);
  const Json recomputed = json_of({"--exit-confidence", "1:-1:2", "--exit-kv", "recompute"});
  EXPECT_EQ(recomputed["exit_rule"], "confidence:1:-1:2");
  EXPECT_GE(recomputed["tokens"][3]["layers"], 2);
}

TEST_F(RunCommand, WrongOptionsOfSamplingExitsAndSpeculationAreNamed) {
  const auto error_of = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"run", "-m", path_, "-p", "x", "-n", "2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_wattle(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    return outcome.err;
  };
  for (const char* bias : {"7", "=1", "7=", "x=1", "7=1x", "7=+-1", "7=1=2"}) {
    EXPECT_NE(error_of({"--logit-bias", bias}).find(fmt::format("'{}'", bias)), std::string::npos);
  }
  EXPECT_NE(error_of({"--logit-bias", "7=inf"}).find("token 7"), std::string::npos);
  EXPECT_NE(error_of({"--logit-bias", "9999=1"}).find("vocabulary"), std::string::npos);
  EXPECT_NE(error_of({"--repeat-penalty", "0"}).find("repetition penalty"), std::string::npos);
  for (const char* way :
       {"self", "self:", "self:1:0", "self:1:2:3", "lookup:0", "lookup:x", "eagle"}) {
    EXPECT_NE(error_of({"--speculate", way}).find(fmt::format("'{}'", way)), std::string::npos);
  }
  EXPECT_NE(error_of({"--speculate", "self:3"}).find("1 to 2"), std::string::npos);
  EXPECT_NE(error_of({"--speculate", "lookup", "--exit-entropy", "1"}).find("entropy:1"),
            std::string::npos);
  for (const char* confidence : {":", "0.9:0.7", "x", "0.9:0.7:0.5", "0.9:0.7:2:1"}) {
    EXPECT_NE(error_of({"--exit-confidence", confidence}).find(fmt::format("'{}'", confidence)),
              std::string::npos);
  }
  EXPECT_NE(error_of({"--exit-confidence", "0.5:0.7:2"}).find("0.7"), std::string::npos);
  EXPECT_NE(error_of({"--exit-margin", "0.5", "--exit-entropy", "1"}).find("excludes"),
            std::string::npos);
  EXPECT_NE(error_of({"--exit-kv", "guess"}).find("propagate"), std::string::npos);
}

TEST_F(RunCommand, ChatKeepsTheContextUntilReset) {
  const Outcome outcome = run_wattle({"chat", "-m", path_, "-n", "3", "--ignore-eos"},
                                     "hi\nmore\n/reset\nhi\n/exit\nnever\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::vector<std::string> lines;
  std::string answer;
  for (const char c : outcome.out) {
    if (c == '\n') {
      lines.push_back(answer);
      answer.clear();
    } else {
      answer += c;
    }
  }
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '['), 3) << outcome.err;
  // These answers take less time than the sensors need: a figure, or why there is none.
  EXPECT_TRUE(outcome.err.contains("J/token") || outcome.err.contains("no energy figure ("))
      << outcome.err;
  ASSERT_GE(lines.size(), 3U) << outcome.out;
  EXPECT_EQ(lines.front(), lines.back()) << "a reset conversation starts afresh";
}

TEST_F(RunCommand, LogitsAreJsonWithTheFieldsOfTheReferenceData) {
  const Outcome outcome = run_wattle({"logits", "-m", path_, "--tokens", "1 2 3", "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = parse_json(outcome.out, "output");
  ASSERT_TRUE(json) << outcome.out;
  EXPECT_EQ((*json)["n_vocab"], 320);
  ASSERT_EQ((*json)["positions"].size(), 3U);
  EXPECT_EQ((*json)["positions"][2]["logits_first_64"].size(), 64U);
  EXPECT_EQ(run_wattle({"logits", "-m", path_, "--tokens", "1 x"}).exit_code, 2);
  EXPECT_EQ(run_wattle({"logits", "-m", path_, "--tokens", "1 999"}).exit_code, 2);
}

TEST_F(RunCommand, AnswersKeepToAGrammar) {
  const auto grammar =
      folder_.write("answer.gbnf", "root ::= \"yes\" | \"no\" # or not\n").string();
  const Outcome by_grammar = run_wattle({"run", "-m", path_, "-p", "x", "--grammar", grammar});
  EXPECT_EQ(by_grammar.exit_code, 0) << by_grammar.err;
  EXPECT_TRUE(by_grammar.out == "yes\n" || by_grammar.out == "no\n") << by_grammar.out;
  EXPECT_NE(by_grammar.err.find("stop: end_of_text"), std::string::npos) << by_grammar.err;

  const std::string schema = R"({"properties": {"a": {"type": "boolean"}}, "required": ["a"]})";
  const auto file = folder_.write("schema.json", schema).string();
  for (const auto& given : {schema, file}) {
    const Outcome outcome = run_wattle({"run", "-m", path_, "-p", "x", "--json-schema", given});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto json = parse_json(outcome.out, "output");
    ASSERT_TRUE(json) << outcome.out;
    EXPECT_TRUE((*json)["a"].is_boolean()) << outcome.out;
  }
  const Outcome any = run_wattle({"run", "-m", path_, "-p", "x", "-n", "30", "--json-mode"});
  EXPECT_EQ(any.exit_code, 0) << any.err;
  EXPECT_EQ(any.out.find_first_not_of(" \n\t"), any.out.find('{')) << any.out;
}

TEST_F(RunCommand, WrongGrammarsAreRefusedWithTheirPlace) {
  const auto grammar = folder_.write("bad.gbnf", "root ::= (\"a\"").string();
  const Outcome syntax = run_wattle({"run", "-m", path_, "-p", "x", "--grammar", grammar});
  EXPECT_EQ(syntax.exit_code, 3);
  EXPECT_NE(syntax.err.find("bad.gbnf, line 1, column 10"), std::string::npos) << syntax.err;
  const Outcome schema =
      run_wattle({"run", "-m", path_, "-p", "x", "--json-schema", R"({"items": {"not": {}}})"});
  EXPECT_EQ(schema.exit_code, 3);
  EXPECT_NE(schema.err.find("#/items/not"), std::string::npos) << schema.err;
  EXPECT_EQ(run_wattle({"run", "-m", path_, "-p", "x", "--json-schema", "{"}).exit_code, 3);
  EXPECT_EQ(run_wattle({"run", "-m", path_, "-p", "x", "--grammar", "/nowhere"}).exit_code, 4);
  EXPECT_EQ(
      run_wattle({"run", "-m", path_, "-p", "x", "--json-mode", "--grammar", grammar}).exit_code,
      2);
  EXPECT_EQ(run_wattle({"run", "-m", path_, "-p", "x", "--json-mode", "--ignore-eos"}).exit_code,
            2);
}

TEST_F(RunCommand, ChatKeepsEachAnswerToTheGrammar) {
  const auto grammar = folder_.write("answer.gbnf", "root ::= \"yes\" | \"no\"").string();
  const Outcome outcome =
      run_wattle({"chat", "-m", path_, "--grammar", grammar}, "is it?\nand this?\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* answers : {"yes\nyes\n", "yes\nno\n", "no\nyes\n", "no\nno\n"}) {
    if (outcome.out == answers) return;
  }
  ADD_FAILURE() << outcome.out;
}

// What the template makes of a message is what the model gets, once, and in chat turn by turn.
TEST_F(RunCommand, ChatAndRunSpeakTheTemplate) {
  const auto file =
      folder_.write("t.jinja",
                    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content "
                    "}}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}");
  const auto plain = [&](const std::string& text) {
    return run_wattle({"run", "-m", path_, "-n", "4", "--ignore-eos", "-p", text}).out;
  };
  const std::string first = plain("<system>be brief<user>hi<a>");
  ASSERT_FALSE(first.empty());
  const Outcome chat = run_wattle({"chat", "-m", path_, "-n", "4", "--ignore-eos", "--system",
                                   "be brief", "--chat-template", file.string()},
                                  "hi\n/reset\nhi\n");
  EXPECT_EQ(chat.exit_code, 0) << chat.err;
  EXPECT_EQ(chat.out, first + first);
  // This model has none: a default takes its place, a line for each message.
  EXPECT_EQ(run_wattle(
                {"run", "-m", path_, "-n", "4", "--ignore-eos", "--system", "be brief", "-p", "hi"})
                .out,
            plain("be brief\nhi"));
  const auto refusing = folder_.write("no.jinja", "{{ raise_exception('never') }}");
  const Outcome refused =
      run_wattle({"chat", "-m", path_, "--chat-template", refusing.string()}, "hi\n");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.err.find("never"), std::string::npos) << refused.err;
}

// A conversation that no longer fits is refused with what to do; the ones before stand.
TEST_F(RunCommand, ChatSaysWhenTheContextIsFull) {
  const Outcome outcome = run_wattle({"chat", "-m", path_, "-n", "4", "--ignore-eos"},
                                     "hi\n" + std::string(80, 'x') + "\n");
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_NE(outcome.err.find("the context 64"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("/reset"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace wattle::e2e
