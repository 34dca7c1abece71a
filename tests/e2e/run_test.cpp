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
