// Which template a model has, and what the defaults write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "engine/chat_template.hpp"
#include "engine/gguf_writer.hpp"
#include "engine/tokenizer/small_vocabularies.hpp"

namespace wattle::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ModelTemplateTest : public testing::Test {
 protected:
  GgufFile file() {
    const auto path = folder_.path() / "m.gguf";
    EXPECT_TRUE(writer_.write(path).has_value());
    return GgufFile::open(path).value();
  }
  // The default form of a model with this architecture and these tokens.
  static std::string form_of(const std::string& architecture, std::vector<std::string> tokens) {
    const TestFolder folder;
    GgufWriter writer;
    writer.set_string("general.architecture", architecture);
    writer.set_strings("tokenizer.ggml.tokens", std::move(tokens));
    const auto path = folder.path() / "m.gguf";
    EXPECT_TRUE(writer.write(path).has_value());
    const auto found = chat_template_of(GgufFile::open(path).value());
    EXPECT_TRUE(found) << found.error().message();
    EXPECT_FALSE(found->reason.empty());
    return found->default_form;
  }

  TestFolder folder_;
  GgufWriter writer_;
};

TEST_F(ModelTemplateTest, TheModelsOwnIsFound) {
  writer_.set_string("tokenizer.chat_template", "main");
  writer_.set_string("tokenizer.chat_template.tool_use", "tools");
  writer_.set_string("tokenizer.chat_template.rag", "rag");
  const GgufFile model = file();
  EXPECT_THAT(chat_template_names(model), ElementsAre("tool_use", "rag"));
  const auto main = chat_template_of(model);
  ASSERT_TRUE(main);
  EXPECT_EQ(main->text, "main");
  EXPECT_EQ(main->default_form, "");
  EXPECT_THAT(main->source, HasSubstr("m.gguf"));
  EXPECT_EQ(chat_template_of(model, {.has_tools = true})->text, "tools");
  EXPECT_EQ(chat_template_of(model, {.name = "rag", .has_tools = true})->text, "rag");
  const auto none = chat_template_of(model, {.name = "nix"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().message(), HasSubstr("tool_use, rag"));
}

TEST_F(ModelTemplateTest, AVariantCalledDefaultIsTheMainOne) {
  writer_.set_string("tokenizer.chat_template.default", "main");
  EXPECT_EQ(chat_template_of(file(), {.has_tools = true})->text, "main");
}

TEST_F(ModelTemplateTest, AnotherTypeIsAnErrorAndNoReasonForADefault) {
  writer_.set_uint32("tokenizer.chat_template", 7);
  const auto found = chat_template_of(file());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::invalid_format);
}

TEST_F(ModelTemplateTest, DefaultsGoByArchitectureAndControlTokens) {
  const std::vector<std::string> llama3 = {"<|start_header_id|>", "<|end_header_id|>",
                                           "<|eot_id|>"};
  const std::vector<std::string> chatml = {"<|im_start|>", "<|im_end|>"};
  const std::vector<std::string> phi3 = {"<|user|>", "<|assistant|>", "<|end|>"};
  const std::vector<std::string> gemma = {"<start_of_turn>", "<end_of_turn>"};
  const auto both = [](std::vector<std::string> tokens, const std::vector<std::string>& more) {
    tokens.insert(tokens.end(), more.begin(), more.end());
    return tokens;
  };
  EXPECT_EQ(form_of("llama", llama3), "llama3");
  EXPECT_EQ(form_of("llama", chatml), "chatml");
  EXPECT_EQ(form_of("llama", phi3), "phi3");
  EXPECT_EQ(form_of("llama", both(chatml, llama3)), "llama3");
  EXPECT_EQ(form_of("llama", {"<s>", "</s>", "<|im_start|>"}), "plain");
  EXPECT_EQ(form_of("qwen2", both(chatml, llama3)), "chatml");
  EXPECT_EQ(form_of("qwen3", chatml), "chatml");
  EXPECT_EQ(form_of("stablelm", both(phi3, chatml)), "chatml");
  EXPECT_EQ(form_of("phi3", both(chatml, phi3)), "phi3");
  EXPECT_EQ(form_of("gemma", both(chatml, gemma)), "gemma");
  EXPECT_EQ(form_of("gemma2", gemma), "gemma");
  EXPECT_EQ(form_of("qwen2", {"a"}), "plain");  // a vocabulary that was cut down
  EXPECT_EQ(form_of("unheard-of", gemma), "gemma");
}

TEST_F(ModelTemplateTest, AFileWithoutAnythingGetsThePlainForm) {
  writer_.set_string("general.name", "x");
  EXPECT_EQ(chat_template_of(file())->default_form, "plain");
}

const Json& conversation() {
  static const Json json = *parse_json(R"({"bos_token": "<s>", "eos_token": "</s>",
    "add_generation_prompt": true,
    "messages": [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "Hi"},
                 {"role": "assistant", "content": "Yo"},
                 {"role": "user", "content": [{"type": "text", "text": "1"},
                                              {"type": "text", "text": "+1?"}]}]})",
                                       "test");
  return json;
}

Result<std::string> prompt_of(const std::string& form, const Json& variables) {
  WATTLE_TRY(const auto found, default_chat_template(form));
  WATTLE_TRY(const auto chat_template, ChatTemplate::parse(found.text, found.source));
  return chat_template.render(variables);
}

TEST(DefaultForm, WritesWhatItsModelsWereTrainedOn) {
  EXPECT_EQ(prompt_of("chatml", conversation()).value(),
            "<|im_start|>system\n Be brief. <|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nYo<|im_end|>\n<|im_start|>user\n1+1?<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(prompt_of("llama3", conversation()).value(),
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nYo<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\n1+1?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(prompt_of("phi3", conversation()).value(),
            "<|system|>\n Be brief. <|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nYo<|end|>\n"
            "<|user|>\n1+1?<|end|>\n<|assistant|>\n");
  EXPECT_EQ(prompt_of("gemma", conversation()).value(),
            "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nYo"
            "<end_of_turn>\n<start_of_turn>user\n1+1?<end_of_turn>\n<start_of_turn>model\n");
  EXPECT_EQ(prompt_of("llama2", conversation()).value(),
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Yo </s><s>[INST] 1+1? [/INST]");
  EXPECT_EQ(prompt_of("plain", conversation()).value(), " Be brief. \nHi\nYo\n1+1?");
}

TEST(DefaultForm, OpensNoTurnUnlessAskedTo) {
  const Json variables{{"messages", {{{"role", "user"}, {"content", "Hi"}}}}};
  EXPECT_EQ(prompt_of("chatml", variables).value(), "<|im_start|>user\nHi<|im_end|>\n");
  EXPECT_EQ(prompt_of("gemma", variables).value(), "<start_of_turn>user\nHi<end_of_turn>\n");
}

TEST(DefaultForm, RefusesWhatItDoesNotKnow) {
  Json tools = conversation();
  tools["tools"] = Json::array({Json::object()});
  Json image = conversation();
  image["messages"][1]["content"] = Json::array({Json{{"type", "image"}}});
  Json role = conversation();
  role["messages"][1]["role"] = "tool";
  for (const auto& form : default_chat_forms()) {
    EXPECT_EQ(prompt_of(form, tools).error().code, ErrorCode::invalid_argument) << form;
    EXPECT_EQ(prompt_of(form, image).error().code, ErrorCode::invalid_argument) << form;
  }
  for (const char* form : {"phi3", "gemma", "llama2"}) {
    EXPECT_EQ(prompt_of(form, role).error().what, "the roles are system, user and assistant");
  }
  EXPECT_EQ(default_chat_template("nix").error().code, ErrorCode::invalid_argument);
}

TEST(TemplateTokens, AreTheNamesOfTheModelsSpecialTokens) {
  const auto tokenizer = make_tokenizer(score_vocabulary());
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(template_tokens(**tokenizer),
            (Json{{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}}));
}

}  // namespace
}  // namespace wattle::engine
