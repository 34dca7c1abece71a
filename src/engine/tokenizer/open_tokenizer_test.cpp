#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.hpp"
#include "base/test_folder.hpp"
#include "engine/tokenizer_files.hpp"
#include "wattle_folders.hpp"

namespace wattle::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kJson = R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},
    "merges":["a b"]},"added_tokens":[{"id":3,"content":"<s>","special":true}],"decoder":null})";

std::string tiny_model() {
  return read_file(WATTLE_SOURCE_DIR "/tests/fixtures/sentencepiece/tiny.model").value();
}

std::string error_of(const std::filesystem::path& path) {
  const auto tokenizer = open_tokenizer(path);
  EXPECT_FALSE(tokenizer.has_value()) << path;
  return tokenizer ? std::string() : tokenizer.error().message();
}

TEST(OpenTokenizer, AFolderOrItsFile) {
  const TestFolder folder;
  folder.write("tokenizer.json", kJson);
  folder.write("tokenizer.model", "not looked at");
  folder.write("tokenizer_config.json", R"({"bos_token":"<s>","add_bos_token":true})");
  folder.write("generation_config.json", R"({"eos_token_id":[1,2]})");
  for (const auto& path : {folder.path(), folder.path() / "tokenizer.json"}) {
    const auto tokenizer = open_tokenizer(path);
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
    EXPECT_THAT((*tokenizer)->encode("aba", {}), ElementsAre(3, 2, 0));
    EXPECT_TRUE((*tokenizer)->is_end_of_generation(1));
    EXPECT_TRUE((*tokenizer)->is_end_of_generation(2));
  }
}

TEST(OpenTokenizer, SentencePieceWhereThereIsNoJson) {
  const TestFolder folder;
  folder.write("tokenizer.model", tiny_model());
  folder.write("config.json", R"({"eos_token_id":5})");
  const auto tokenizer = open_tokenizer(folder.path());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  EXPECT_EQ((*tokenizer)->vocab_size(), 420U);
  EXPECT_TRUE((*tokenizer)->is_end_of_generation(5));
}

TEST(OpenTokenizer, ErrorsNameTheFile) {
  const TestFolder folder;
  EXPECT_THAT(error_of(folder.path()), HasSubstr("neither tokenizer.json nor tokenizer.model"));
  EXPECT_THAT(error_of(folder.path() / "none.json"), HasSubstr("none.json"));
  folder.write("tokenizer.json", "{}");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("tokenizer.json: it has no 'model'"));
  folder.write("tokenizer.json", kJson);
  folder.write("generation_config.json", R"({"eos_token_id":"x"})");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("generation_config.json: /eos_token_id"));
  folder.write("x.gguf", "text");
  EXPECT_THAT(error_of(folder.path() / "x.gguf"), HasSubstr("x.gguf"));
}

}  // namespace
}  // namespace wattle::engine
