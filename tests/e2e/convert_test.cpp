// A Hugging Face folder on the command line: run as it is, and written as GGUF.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "engine/hf/test_hf_folder.hpp"

namespace wattle::e2e {
namespace {

using testing::HasSubstr;

class ConvertCommand : public testing::Test {
 protected:
  void SetUp() override {
    const engine::TestShape shape;
    engine::TestModel model(shape);
    engine::add_space_token(model);
    const auto gguf = elsewhere_.path() / "model.gguf";
    ASSERT_TRUE(model.write(gguf));
    engine::write_hf_llama(gguf, shape, folder_.path());
    folder_.write("chat_template.jinja", "{{ bos_token }}[{{ messages[-1].content }}]");
  }
  std::string answer(const std::string& model) const {
    const Outcome outcome =
        run_wattle({"run", "-m", model, "--chat", "-p", "hi", "-n", "8", "--ignore-eos"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }

  TestFolder folder_;
  TestFolder elsewhere_;
  std::string hf_ = folder_.path().string();
  std::string out_ = (elsewhere_.path() / "out.gguf").string();
};

TEST_F(ConvertCommand, TheFileSaysWhatTheFolderSays) {
  const Outcome made = run_wattle({"convert", hf_, out_});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("out.gguf"));
  EXPECT_EQ(answer(hf_), answer(out_));
  for (const auto& model : {hf_, out_}) {
    EXPECT_EQ(run_wattle({"tokenize", "-m", model}, "Hi you").out,
              run_wattle({"tokenize", "-m", hf_}, "Hi you").out);
    const std::string messages = R"({"messages": [{"role": "user", "content": "x"}]})";
    EXPECT_EQ(run_wattle({"template", "-m", model}, messages).out, "<s>[x]");
    EXPECT_THAT(run_wattle({"inspect", model}).out, HasSubstr("blk.0.attn_q.weight"));
  }
}

TEST_F(ConvertCommand, QuantisesOnTheWayAndSaysWhatItRefuses) {
  const Outcome made = run_wattle({"convert", hf_, out_, "--type", "q8_0", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(run_wattle({"inspect", out_}).out, HasSubstr("Q8_0"));
  EXPECT_FALSE(answer(out_).empty());
  const Outcome empty = run_wattle({"convert", elsewhere_.path().string(), out_});
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_THAT(empty.err, HasSubstr("a folder without config.json"));
  std::filesystem::remove(folder_.path() / "tokenizer.json");
  const Outcome mute = run_wattle({"convert", hf_, (elsewhere_.path() / "no.gguf").string()});
  EXPECT_NE(mute.exit_code, 0);
  EXPECT_THAT(mute.err, HasSubstr("tokenizer.json"));
  EXPECT_FALSE(std::filesystem::exists(elsewhere_.path() / "no.gguf"));
}

}  // namespace
}  // namespace wattle::e2e
