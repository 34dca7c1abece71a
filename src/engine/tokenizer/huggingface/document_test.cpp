#include "engine/tokenizer/huggingface/document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "engine/tokenizer/huggingface/place.hpp"

namespace wattle::engine::huggingface {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::string error_in(const std::string& text) {
  const auto document = read_document(text, "dir/t.json");
  EXPECT_FALSE(document.has_value()) << text;
  return document ? std::string() : document.error().message();
}

TEST(Document, VocabularyAndMergesAreNotInTheRest) {
  const auto document = read_document(
      R"({"version":"1.0","model":{"vocab":{"b":1,"a/~":0},"type":"BPE","merges":["a b",["c d","e"]],
          "dropout":null},"added_tokens":[{"id":2}]})",
      "t.json");
  ASSERT_TRUE(document.has_value()) << document.error().message();
  EXPECT_TRUE(document->has_vocabulary);
  EXPECT_THAT(document->vocabulary, ElementsAre(Pair("b", 1), Pair("a/~", 0)));
  EXPECT_TRUE(document->has_merges);
  EXPECT_THAT(document->merges, ElementsAre(Pair("a", "b"), Pair("c d", "e")));
  EXPECT_EQ(document->rest.dump(),
            R"({"version":"1.0","model":{"type":"BPE","dropout":null},"added_tokens":[{"id":2}]})");
}

TEST(Document, OldMergesBeginWithTheVersion) {
  const auto document = read_document(R"({"model":{"merges":["#version: 0.2","a b"]}})", "t.json");
  ASSERT_TRUE(document.has_value());
  EXPECT_THAT(document->merges, ElementsAre(Pair("a", "b")));
}

// The pieces of a Unigram model are not read: its type is refused later.
TEST(Document, AVocabularyThatIsAnArrayIsSkipped) {
  const auto document =
      read_document(R"({"model":{"vocab":[["a",-1.5],["b",{"x":[1]}]],"type":"Unigram"}})", "t");
  ASSERT_TRUE(document.has_value()) << document.error().message();
  EXPECT_FALSE(document->has_vocabulary);
  EXPECT_EQ(document->rest.dump(), R"({"model":{"type":"Unigram"}})");
}

TEST(Document, ErrorsNameFileAndPlace) {
  EXPECT_THAT(error_in("{\"a\":"), HasSubstr("cannot read dir/t.json: byte 6 is no JSON"));
  EXPECT_THAT(error_in(""), HasSubstr("no JSON"));
  EXPECT_THAT(error_in("[1]"), HasSubstr("it is not an object"));
  EXPECT_THAT(error_in("\"x\""), HasSubstr("it is not an object"));
  EXPECT_THAT(error_in(R"({"a":{"b":[1,{"c":1,"c":2}]}})"),
              HasSubstr("/a/b/1/c stands there twice"));
  EXPECT_THAT(error_in(R"({"model":{"vocab":{"x/y":"1"}}})"),
              HasSubstr("/model/vocab/x~1y is no token id"));
  EXPECT_THAT(error_in(R"({"model":{"vocab":{"x":-1}}})"), HasSubstr("/model/vocab/x is no token"));
  EXPECT_THAT(error_in(R"({"model":{"vocab":{"x":[1]}}})"),
              HasSubstr("/model/vocab/x is no token"));
  EXPECT_THAT(error_in(R"({"model":{"vocab":{},"vocab":{}}})"),
              HasSubstr("/model/vocab stands there twice"));
  for (const char* merge : {"\"ab\"", "\"a b c\"", "1", "[\"a\"]", "[\"a\",\"b\",\"c\"]",
                            "[\"a\",[\"b\"]]", "[1,2]", "{}", "null"}) {
    EXPECT_THAT(error_in(R"({"model":{"merges":["a b",)" + std::string(merge) + "]}}"),
                HasSubstr("/model/merges/1"));
  }
}

TEST(Document, DepthAndMembersAreBounded) {
  EXPECT_THAT(error_in("{\"a\":" + std::string(100'000, '[')), HasSubstr("nested too deeply"));
  std::string wide = "{";
  for (int i = 0; i < 30'000; ++i) wide += "\"k" + std::to_string(i) + "\":1,";
  EXPECT_THAT(error_in(wide + "\"z\":1}"), HasSubstr("more than 20000 members"));
}

TEST(Document, AHundredThousandTokensTakeNoLongTime) {
  std::string text = R"({"model":{"vocab":{)";
  for (int i = 0; i < 100'000; ++i)
    text += "\"t" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  text += R"("end":100000}}})";
  const std::clock_t start = std::clock();
  const auto document = read_document(text, "t.json");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->vocabulary.size(), 100'001U);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5);
}

TEST(Place, NamesItself) {
  const Json json = Json::parse(R"({"a":{"b c":[1,true,"x",null]},"n":null})");
  const std::string source = "t.json";
  const Place file(json, source);
  const auto inner = file.member("a")->member("b c");
  ASSERT_TRUE(inner.has_value());
  EXPECT_EQ(inner->pointer(), "/a/b c");
  const auto elements = inner->elements(10);
  ASSERT_TRUE(elements.has_value());
  EXPECT_EQ((*elements)[2].pointer(), "/a/b c/2");
  EXPECT_EQ(*(*elements)[2].as_string(), "x");
  EXPECT_EQ(*(*elements)[0].as_number(1), 1);
  EXPECT_EQ((*elements)[0].as_number(0).error().what,
            "cannot read t.json: /a/b c/0 is no whole number from 0 to 0");
  EXPECT_TRUE(*(*elements)[1].as_bool());
  EXPECT_FALSE((*elements)[3].as_bool().has_value());
  EXPECT_FALSE(inner->elements(3).has_value());
  EXPECT_FALSE(file.find("n")->has_value());  // null is absent
  EXPECT_EQ(file.member("n").error().what, "cannot read t.json: it has no 'n'");
  EXPECT_FALSE((*elements)[0].find("x").has_value());
}

}  // namespace
}  // namespace wattle::engine::huggingface
