#include "engine/tokenizer/huggingface/bpe_model.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::engine::huggingface {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<BpeModel> read(const std::string& model) {
  const std::string source = "t.json";
  auto document = read_document("{\"model\":" + model + "}", source);
  if (!document) return std::unexpected(document.error());
  const Json rest = document->rest;
  return BpeModel::read(*document, Place(rest["model"], source, "/model"));
}

std::vector<TokenId> encode(const std::string& json, std::string_view word) {
  const auto model = read(json);
  EXPECT_TRUE(model.has_value()) << model.error().message();
  std::vector<TokenId> tokens;
  MergeWorkspace workspace;
  if (model) model->encode(word, workspace, tokens);
  return tokens;
}

std::string error_in(const std::string& model) {
  const auto result = read(model);
  EXPECT_FALSE(result.has_value()) << model;
  return result ? std::string() : result.error().message();
}

const std::string kVocab =
    R"("type":"BPE","vocab":{"a":0,"b":1,"c":2,"ab":3,"bc":4,"abc":5,"é":6,"?":7})";

TEST(BpeModel, MergesInTheOrderOfTheList) {
  const std::string bc_first = "{" + kVocab + R"(,"merges":["b c","a b","a bc"]})";
  EXPECT_THAT(encode(bc_first, "abc"), ElementsAre(5));  // a|bc → abc
  EXPECT_THAT(encode(bc_first, "abab"), ElementsAre(3, 3));
  const std::string ab_first = "{" + kVocab + R"(,"merges":[["a","b"],["b","c"],["a","bc"]]})";
  EXPECT_THAT(encode(ab_first, "abc"), ElementsAre(3, 2));
  EXPECT_THAT(encode(ab_first, "é"), ElementsAre(6));
  EXPECT_THAT(encode(ab_first, ""), ElementsAre());
}

// "a b" stands first and last: the last place counts, behind "b c".
TEST(BpeModel, OfEqualMergesTheLastCounts) {
  EXPECT_THAT(encode("{" + kVocab + R"(,"merges":["a b","b c","a b"]})", "abc"), ElementsAre(0, 4));
}

TEST(BpeModel, IgnoreMergesTakesWholeWords) {
  EXPECT_THAT(encode("{" + kVocab + R"(,"merges":[],"ignore_merges":true})", "abc"),
              ElementsAre(5));
  EXPECT_THAT(encode("{" + kVocab + R"(,"merges":[],"ignore_merges":true})", "abca"),
              ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(encode("{" + kVocab + R"(,"merges":[]})", "abc"), ElementsAre(0, 1, 2));
}

TEST(BpeModel, UnknownCharacters) {
  const std::string head = "{" + kVocab + R"(,"merges":["a b"],"unk_token":"?")";
  EXPECT_THAT(encode(head + "}", "xyaz"), ElementsAre(7, 7, 0, 7));
  EXPECT_THAT(encode(head + R"(,"fuse_unk":true})", "xyaz"), ElementsAre(7, 0, 7));
  EXPECT_THAT(encode("{" + kVocab + R"(,"merges":["a b"]})", "axb"), ElementsAre(3));  // dropped
  EXPECT_THAT(encode("{" + kVocab + R"(,"merges":[],"unk_token":"<none>"})", "ax"), ElementsAre(0));
}

TEST(BpeModel, ByteFallback) {
  const std::string vocab =
      R"({"vocab":{"a":0,"<0xC3>":1,"<0xBC>":2,"?":3,"<0x62>":4},"merges":[],"unk_token":"?",)";
  EXPECT_THAT(encode(vocab + R"("byte_fallback":true})", "aüb"), ElementsAre(0, 1, 2, 4));
  EXPECT_THAT(encode(vocab + R"("byte_fallback":true})", "aöb"), ElementsAre(0, 4, 3));
  EXPECT_THAT(encode(vocab + R"("byte_fallback":false})", "aü"), ElementsAre(0, 3));
}

TEST(BpeModel, OtherModelsAreRefusedByName) {
  EXPECT_THAT(error_in(R"({"type":"Unigram","vocab":[["a",-1.0]]})"),
              testing::AllOf(HasSubstr("/model/type is 'Unigram', known is BPE"), HasSubstr("GGUF"),
                             HasSubstr("tokenizer.model")));
  EXPECT_THAT(error_in(R"({"type":"WordPiece","vocab":{"a":0}})"), HasSubstr("'WordPiece'"));
  EXPECT_THAT(error_in(R"({"type":"WordLevel","vocab":{"a":0}})"), HasSubstr("'WordLevel'"));
}

TEST(BpeModel, ErrorsNameThePlace) {
  const auto with = [](const std::string& more) { return "{" + kVocab + more + "}"; };
  EXPECT_THAT(error_in(with("")), HasSubstr("/model has no 'merges'"));
  EXPECT_THAT(error_in(R"({"type":"BPE","merges":[]})"), HasSubstr("no tokens in 'vocab'"));
  EXPECT_THAT(error_in(with(R"(,"merges":["a b","a x"])")),
              HasSubstr("merges 'a' and 'x' (number 1), but 'x' is no token"));
  EXPECT_THAT(error_in(with(R"(,"merges":["c a"])")), HasSubstr("'ca' is no token"));
  EXPECT_THAT(error_in(R"({"vocab":{"a":0,"b":0},"merges":[]})"), HasSubstr("id 0 twice"));
  EXPECT_THAT(error_in(R"({"vocab":{"a":0,"a":1},"merges":[]})"), HasSubstr("'a'"));
  EXPECT_THAT(error_in(R"({"vocab":{"a":0,"b":2000000000},"merges":[]})"),
              HasSubstr("gives the id 2000000000 to 'b'"));
  EXPECT_THAT(error_in(with(R"(,"merges":[],"continuing_subword_prefix":"##")")),
              HasSubstr("/model/continuing_subword_prefix is '##'"));
  EXPECT_THAT(error_in(with(R"(,"merges":[],"end_of_word_suffix":"</w>")")),
              HasSubstr("/model/end_of_word_suffix is '</w>'"));
  EXPECT_THAT(error_in(with(R"(,"merges":[],"dropout":0.1)")), HasSubstr("/model/dropout"));
  EXPECT_TRUE(read(with(R"(,"merges":[],"end_of_word_suffix":"","dropout":0.0)")).has_value());
}

}  // namespace
}  // namespace wattle::engine::huggingface
