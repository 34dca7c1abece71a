// wattle tokenize on a vocabulary worked by hand: 0 <unk>, 1 <s>, 2 </s>, byte b at 3 + b,
// 259 "▁", 260 "h", 261 "i", 262 "▁hi".
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "engine/gguf_writer.hpp"

namespace wattle::e2e {
namespace {

using testing::HasSubstr;

class Tokenize : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    std::vector<std::int32_t> types = {2, 3, 3};
    for (int byte = 0; byte < 256; ++byte) {
      tokens.push_back(fmt::format("<0x{:02X}>", byte));
      types.push_back(6);
    }
    for (const char* token : {"▁", "h", "i", "▁hi"}) {
      tokens.emplace_back(token);
      types.push_back(1);
    }
    tokens.emplace_back("hi");  // 263
    types.push_back(1);
    writer_.set_string("tokenizer.ggml.model", "llama");
    writer_.set_floats32("tokenizer.ggml.scores", std::vector<float>(tokens.size(), -1.0F));
    writer_.set_strings("tokenizer.ggml.tokens", tokens);
    writer_.set_ints32("tokenizer.ggml.token_type", types);
    model_ = (folder_.path() / "v.gguf").string();
    ASSERT_TRUE(writer_.write(model_).has_value());
  }

  [[nodiscard]] Outcome run(std::vector<std::string> options, const std::string& input) const {
    options.insert(options.begin(), {"tokenize", "-m", model_});
    return run_wattle(options, input);
  }

  TestFolder folder_;
  engine::GgufWriter writer_;
  std::string model_;
};

// ▁ h i: all scores are equal, so the leftmost pair that is a token, h+i, merges first, then ▁+hi.
TEST_F(Tokenize, TextBecomesOneLineOfIds) {
  const Outcome outcome = run({}, "hi hi");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "1 262 262\n");
  EXPECT_EQ(run({"--no-special"}, "hi\nhi").out, "262 13 263\n");
  EXPECT_EQ(run({}, "").out, "1\n");
}

TEST_F(Tokenize, DecodeIsTheWayBackByteForByte) {
  for (const std::string text : {"hi hi", " hi\n", "", "\xFFhé"}) {
    const Outcome ids = run({}, text);
    const Outcome back = run({"--decode"}, ids.out);
    EXPECT_EQ(back.exit_code, 0) << back.err;
    EXPECT_EQ(back.out, text);
  }
}

TEST_F(Tokenize, SpecialTokensInTheTextAreParsedAndShownIfAsked) {
  EXPECT_EQ(run({"--no-special", "--parse-special"}, "hi</s>hi").out, "262 2 262\n");
  EXPECT_EQ(run({"--decode"}, "262 2 262").out, "hihi");
  EXPECT_EQ(run({"--decode", "--parse-special"}, "262 2 262").out, "hi</s>hi");
}

TEST_F(Tokenize, JsonHasIdsAndPieces) {
  const Outcome outcome = run({"--json"}, "hi");
  EXPECT_EQ(outcome.out, "{\"n_tokens\":2,\"ids\":[1,262],\"pieces\":[\"<s>\",\" hi\"]}\n");
  const auto decoded = parse_json(run({"--decode", "--json"}, "1 262").out, "output");
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ((*decoded)["text"], "hi");
}

// 0 a, 1 b, 2 ab, 3 <end>
TEST_F(Tokenize, AModelFolderOrItsTokenizerFile) {
  folder_.write("model/tokenizer.json",
                R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]},
                    "added_tokens":[{"id":3,"content":"<end>","special":true}],
                    "decoder":{"type":"Fuse"}})");
  folder_.write("model/tokenizer_config.json", R"({"eos_token":"<end>","add_eos_token":true})");
  for (const char* path : {"model", "model/tokenizer.json"}) {
    const std::string model = (folder_.path() / path).string();
    EXPECT_EQ(run_wattle({"tokenize", "-m", model}, "aba").out, "2 0 3\n");
    EXPECT_EQ(run_wattle({"tokenize", "-m", model, "--decode"}, "2 0 3").out, "aba");
  }
  folder_.write("model/tokenizer.json", R"({"model":{"type":"Unigram","vocab":[["a",-1.0]]}})");
  const Outcome refused = run_wattle({"tokenize", "-m", (folder_.path() / "model").string()}, "a");
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, testing::AllOf(HasSubstr("tokenizer.json"), HasSubstr("/model/type"),
                                          HasSubstr("tokenizer.model")));
  const Outcome empty = run_wattle({"tokenize", "-m", folder_.path().string()}, "a");
  EXPECT_EQ(empty.exit_code, 4);
  EXPECT_THAT(empty.err, HasSubstr("neither tokenizer.json nor tokenizer.model"));
}

TEST_F(Tokenize, JsonLinesAreManyTexts) {
  EXPECT_EQ(run({"--jsonl"}, "\"hi hi\"\n\"\"\n\"hi\\nhi\"").out, "1 262 262\n1\n1 262 13 263\n");
  EXPECT_EQ(run({"--jsonl", "--decode"}, "262 13 263\n\n1 262\n").out,
            "\"hi\\nhi\"\n\"\"\n\"hi\"\n");
  const Outcome wrong = run({"--jsonl"}, "\"hi\"\n7\n");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_THAT(wrong.err, HasSubstr("line 2 of standard input"));
  EXPECT_EQ(run({"--jsonl", "--json"}, "").exit_code, 2);
}

TEST_F(Tokenize, BadIdsAreNamed) {
  for (const auto& [ids, said] :
       {std::pair{"1 x7", "number 2 on standard input, 'x7', is not a token id"},
        std::pair{"264", "token id 264"}, std::pair{"1 2 -1", "token id -1 (number 3"},
        std::pair{"99999999999999999999", "0 to 263"}, std::pair{"1,2", "'1,2'"}}) {
    const Outcome outcome = run({"--decode"}, ids);
    EXPECT_EQ(outcome.exit_code, 3) << ids;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(said));
  }
}

TEST_F(Tokenize, BadFilesAreNamed) {
  const auto path = [&](const char* name) { return (folder_.path() / name).string(); };
  const Outcome missing = run_wattle({"tokenize", "-m", path("none.gguf")}, "x");
  EXPECT_EQ(missing.exit_code, 4);
  EXPECT_THAT(missing.err, HasSubstr("none.gguf"));
  folder_.write("text.gguf", "this is no model");
  const Outcome text = run_wattle({"tokenize", "-m", path("text.gguf")}, "x");
  EXPECT_EQ(text.exit_code, 3);
  EXPECT_THAT(text.err, HasSubstr("text.gguf"));
  writer_.set_string("tokenizer.ggml.model", "gpt2");
  ASSERT_TRUE(writer_.write(path("no_merges.gguf")).has_value());
  const Outcome no_merges = run_wattle({"tokenize", "-m", path("no_merges.gguf")}, "x");
  EXPECT_EQ(no_merges.exit_code, 3);
  EXPECT_THAT(no_merges.err,
              testing::AllOf(HasSubstr("no_merges.gguf"), HasSubstr("merges is missing")));
  EXPECT_EQ(run_wattle({"tokenize"}, "x").exit_code, 2);
}

TEST_F(Tokenize, HelpHasAnExample) {
  const Outcome help = run_wattle({"tokenize", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, testing::AllOf(HasSubstr("--decode"), HasSubstr("Example")));
}

}  // namespace
}  // namespace wattle::e2e
