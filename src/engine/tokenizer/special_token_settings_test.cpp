#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/tokenizer_files.hpp"

namespace wattle::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<SpecialTokenSettings> read(const char* tokenizer_config, const char* generation_config,
                                  const char* config = nullptr) {
  const auto named = [](const char* text, const char* source) {
    return text == nullptr ? std::nullopt : std::optional(NamedText{text, source});
  };
  return read_special_token_settings(named(tokenizer_config, "tokenizer_config.json"),
                                     named(generation_config, "generation_config.json"),
                                     named(config, "config.json"));
}

TEST(SpecialTokenSettings, AllFilesMayBeAbsent) {
  const auto settings = read(nullptr, nullptr);
  ASSERT_TRUE(settings.has_value());
  EXPECT_FALSE(settings->bos || settings->eos || settings->bos_id || settings->add_bos);
  EXPECT_TRUE(settings->eos_ids.empty());
}

TEST(SpecialTokenSettings, NamesAreStringsOrObjects) {
  const auto settings = read(R"({"bos_token":"<s>","eos_token":{"content":"</s>","lstrip":false},
      "unk_token":null,"add_bos_token":true,"add_eos_token":false,
      "added_tokens_decoder":{"5":{"content":"<x>","special":true},"7":{"content":"y"}},
      "chat_template":"..."})",
                             nullptr);
  ASSERT_TRUE(settings.has_value()) << settings.error().message();
  EXPECT_EQ(settings->bos, "<s>");
  EXPECT_EQ(settings->eos, "</s>");
  EXPECT_FALSE(settings->unknown || settings->padding);
  EXPECT_EQ(settings->add_bos, true);
  EXPECT_EQ(settings->add_eos, false);
  ASSERT_EQ(settings->added.size(), 2U);
  EXPECT_EQ(settings->added[0].id, 5);
  EXPECT_EQ(settings->added[0].text, "<x>");
  EXPECT_TRUE(settings->added[0].special);
  EXPECT_FALSE(settings->added[1].special);
}

TEST(SpecialTokenSettings, EosIsAnIdOrAList) {
  EXPECT_THAT(read(nullptr, R"({"eos_token_id":2,"bos_token_id":1})")->eos_ids, ElementsAre(2));
  const auto settings = read(nullptr, R"({"eos_token_id":[128001,128009],"pad_token_id":-1})",
                             R"({"eos_token_id":3,"bos_token_id":[128000],"pad_token_id":7})");
  ASSERT_TRUE(settings.has_value()) << settings.error().message();
  EXPECT_THAT(settings->eos_ids, ElementsAre(128001, 128009));  // the generation's, not the model's
  EXPECT_EQ(settings->bos_id, 128000);
  EXPECT_EQ(settings->padding_id, 7);
}

TEST(SpecialTokenSettings, ErrorsNameFileAndPlace) {
  const auto error = [](const auto& result) {
    return result ? std::string() : result.error().message();
  };
  EXPECT_THAT(error(read("{", nullptr)), HasSubstr("tokenizer_config.json"));
  EXPECT_THAT(error(read(R"({"bos_token":5})", nullptr)),
              HasSubstr("tokenizer_config.json: /bos_token is no string"));
  EXPECT_THAT(error(read(R"({"eos_token":{}})", nullptr)),
              HasSubstr("/eos_token has no 'content'"));
  EXPECT_THAT(error(read(R"({"add_bos_token":1})", nullptr)), HasSubstr("/add_bos_token"));
  EXPECT_THAT(error(read(R"({"added_tokens_decoder":{"x":{"content":"a"}}})", nullptr)),
              HasSubstr("/added_tokens_decoder/x is under a key that is no token id"));
  EXPECT_THAT(error(read(nullptr, R"({"eos_token_id":[1,"2"]})")),
              HasSubstr("generation_config.json: /eos_token_id/1 is no whole number"));
  EXPECT_THAT(error(read(nullptr, nullptr, R"({"eos_token_id":-2})")),
              HasSubstr("config.json: /eos_token_id"));
}

}  // namespace
}  // namespace wattle::engine
