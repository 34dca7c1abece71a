// wattle template, on a vocabulary of three tokens with and without a chat template.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "engine/gguf_writer.hpp"

namespace wattle::e2e {
namespace {

using testing::HasSubstr;

constexpr const char* kHello =
    R"({"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": true})";

class Template : public testing::Test {
 protected:
  void SetUp() override {
    writer_.set_string("general.architecture", "llama");
    writer_.set_string("tokenizer.ggml.model", "llama");
    writer_.set_strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>"});
    writer_.set_floats32("tokenizer.ggml.scores", {0, 0, 0});
    writer_.set_ints32("tokenizer.ggml.token_type", {2, 3, 3});
  }

  [[nodiscard]] std::string write_model() const {
    const std::string path = (folder_.path() / "m.gguf").string();
    EXPECT_TRUE(writer_.write(path).has_value());
    return path;
  }
  [[nodiscard]] std::string write_template(const std::string& text) const {
    return folder_.write("t.jinja", text).string();
  }
  [[nodiscard]] static Outcome run(std::vector<std::string> options,
                                   const std::string& input = kHello) {
    options.insert(options.begin(), "template");
    return run_wattle(options, input);
  }

  TestFolder folder_;
  engine::GgufWriter writer_;
};

TEST_F(Template, OfTheModelWithItsTokensAndNothingAdded) {
  writer_.set_string("tokenizer.chat_template",
                     "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}|"
                     "{{ eos_token }}{{ add_generation_prompt }}");
  const Outcome outcome = run({"-m", write_model()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "<s>Hi|</s>True");
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(run({"-m", write_model()}, R"({"messages": [], "bos_token": "B"})").out, "B|</s>False");
}

TEST_F(Template, OfTheModelByName) {
  writer_.set_string("tokenizer.chat_template", "main");
  writer_.set_string("tokenizer.chat_template.tool_use", "tools {{ tools | tojson }}");
  const std::string model = write_model();
  EXPECT_EQ(run({"-m", model}).out, "main");
  EXPECT_EQ(run({"-m", model, "--name", "tool_use"}).out, "tools null");
  EXPECT_EQ(run({"-m", model}, R"({"messages": [], "tools": [1]})").out, "tools [1]");
  const Outcome missing = run({"-m", model, "--name", "rag"});
  EXPECT_EQ(missing.exit_code, 4);
  EXPECT_THAT(missing.err, HasSubstr("It has tool_use"));
  EXPECT_EQ(run({"-m", model, "--show"}, "").out, "main");
}

TEST_F(Template, ADefaultIsNeverUsedSilently) {
  const Outcome plain = run({"-m", write_model()});
  EXPECT_EQ(plain.exit_code, 0);
  EXPECT_EQ(plain.out, "Hi");
  EXPECT_THAT(plain.err, testing::AllOf(HasSubstr("m.gguf has no chat template"),
                                        HasSubstr("'plain'"), HasSubstr("control tokens")));
  const Outcome chosen = run({"-m", write_model(), "--form", "llama2"});
  EXPECT_EQ(chosen.out, "<s>[INST] Hi [/INST]");
  EXPECT_EQ(chosen.err, "");
  EXPECT_EQ(run({"--form", "chatml"}).out,
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST_F(Template, FromAFile) {
  const std::string file = write_template("{{ messages[0].role }}{{ bos_token }}\n");
  EXPECT_EQ(run({"--file", file}).out, "user");
  EXPECT_EQ(run({"--file", file, "-m", write_model()}).out, "user<s>");
}

TEST_F(Template, AsJson) {
  const std::string file = write_template("{{ messages[0].content }}\n\n");
  EXPECT_EQ(run({"--file", file, "--json"}).out, "{\"prompt\":\"Hi\\n\"}\n");
  const Outcome refused =
      run({"--file", write_template("{{ raise_exception('Not \"that\"') }}"), "--json"});
  EXPECT_EQ(refused.out, "{\"error\":\"Not \\\"that\\\"\"}\n");
  EXPECT_EQ(refused.exit_code, 3);
}

TEST_F(Template, TheTimeIsKnownOnlyIfAskedFor) {
  const std::string file = write_template("{{ strftime_now('%d %b %Y %H:%M') }}");
  EXPECT_EQ(run({"--file", file, "--now", "2026-11-20"}).out, "20 Nov 2026 00:00");
  EXPECT_EQ(run({"--file", file, "--now", "2024-02-29T23:59:00"}).out, "29 Feb 2024 23:59");
  EXPECT_EQ(run({"--file", file, "--now"}).exit_code, 0);
  const Outcome unknown = run({"--file", file});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("give --now"));
  for (const char* wrong : {"tomorrow", "2026-02-30", "2026-11-20T25:00:00", "1969-01-01"}) {
    EXPECT_EQ(run({"--file", file, "--now", wrong}).exit_code, 2) << wrong;
  }
}

TEST_F(Template, ErrorsAreNamedAndNothingIsPrinted) {
  const Outcome refused = run({"--file", write_template("a{{ raise_exception('No systems') }}")});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(refused.err, "wattle: No systems\n");
  const Outcome broken = run({"--file", write_template("a\n{% if %}")});
  EXPECT_EQ(broken.exit_code, 3);
  EXPECT_THAT(broken.err, HasSubstr("t.jinja, line 2: expected an expression"));
  const Outcome endless = run({"--file", write_template("{% macro f() %}{{ f() }}{% endmacro %}"
                                                        "{{ f() }}")});
  EXPECT_EQ(endless.exit_code, 1);
  EXPECT_EQ(run({"--file", "none.jinja"}).exit_code, 4);
  EXPECT_EQ(run({"-m", "none.gguf"}).exit_code, 4);
}

TEST_F(Template, TheInputIsAnObjectWithMessages) {
  const std::string file = write_template("x");
  for (const char* wrong : {"", "[1]", "{}", R"({"messages": {}})", "{\"messages\": ["}) {
    const Outcome outcome = run({"--file", file}, wrong);
    EXPECT_EQ(outcome.exit_code, 3) << wrong;
    EXPECT_THAT(outcome.err, HasSubstr("standard input")) << wrong;
  }
}

TEST_F(Template, OptionsThatDoNotFitAreUsageErrors) {
  EXPECT_EQ(run({}).exit_code, 2);
  EXPECT_EQ(run({"--form", "nix"}).exit_code, 2);
  EXPECT_EQ(run({"--file", "x", "--form", "chatml"}).exit_code, 2);
  EXPECT_EQ(run({"--form", "chatml", "--name", "x"}).exit_code, 2);
  EXPECT_EQ(run({"--name", "x"}).exit_code, 2);
}

TEST_F(Template, HelpHasAnExample) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, testing::AllOf(HasSubstr("--form"), HasSubstr("Example")));
}

}  // namespace
}  // namespace wattle::e2e
