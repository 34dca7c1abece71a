#include "engine/tokenizer/huggingface/added_tokens.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/tokenizer/huggingface/test_json.hpp"

namespace wattle::engine::huggingface {
namespace {

using testing::HasSubstr;

AddedTokens make(const std::string& tokens, const std::string& normalizer = "null") {
  const TestJson json("{\"added_tokens\":" + tokens + "}");
  const TestJson normalizer_json(normalizer);
  auto list = read_added_tokens(*json.part());
  EXPECT_TRUE(list.has_value()) << list.error().message();
  return {std::move(*list), *Normalizer::read(normalizer_json.part())};
}

// Plain text in brackets, tokens as "#id text".
std::string show(const std::vector<Fragment>& fragments) {
  std::string text;
  for (const Fragment& fragment : fragments) {
    text += fragment.token < 0 ? fmt::format("[{}]", fragment.text)
                               : fmt::format("#{}{}", fragment.token, fragment.text);
  }
  return text;
}

TEST(AddedTokens, TheLongestCountsAndSpecialOnesOnlyIfAsked) {
  const auto added = make(R"([{"id":7,"content":"<a>","special":true},
      {"id":8,"content":"<a><b>","special":true},
      {"id":9,"content":"xx","special":false,"normalized":false}])");
  EXPECT_EQ(show(added.split_raw("1<a>2<a><b>3xxx", true)), "[1]#7<a>[2]#8<a><b>[3]#9xx[x]");
  EXPECT_EQ(show(added.split_raw("1<a>2xx", false)), "[1<a>2]#9xx");
  EXPECT_EQ(show(added.split_raw("", true)), "");
}

TEST(AddedTokens, StripsTakeWhiteSpaceAlong) {
  const auto added = make(R"([{"id":1,"content":"<l>","special":true,"lstrip":true},
      {"id":2,"content":"<r>","special":true,"rstrip":true}])");
  EXPECT_EQ(show(added.split_raw("a \t\u3000<l> b", true)), "[a]#1 \t\u3000<l>[ b]");
  EXPECT_EQ(show(added.split_raw("a <r> \n b", true)), "[a ]#2<r> \n [b]");
  EXPECT_EQ(show(added.split_raw("<r>  <l>", true)), "#2<r>  #1<l>");  // taken already
}

TEST(AddedTokens, SingleWordsStandAlone) {
  const auto added =
      make(R"([{"id":1,"content":"an","special":false,"normalized":false,"single_word":true}])");
  EXPECT_EQ(show(added.split_raw("an ant, (an) an_ Xan", true)), "#1an[ ant, (]#1an[) an_ Xan]");
  EXPECT_EQ(show(added.split_raw("éan an\u0301", true)), "[éan an\u0301]");
}

TEST(AddedTokens, NormalizedOnesAreLookedForInNormalisedText) {
  const auto added = make(R"([{"id":1,"content":"DAY","special":false},
      {"id":2,"content":"<s>","special":true}])",
                          R"({"type":"Lowercase"})");
  EXPECT_EQ(show(added.split_raw("a DAY<s>", true)), "[a DAY]#2<s>");
  EXPECT_EQ(show(added.split_normalized("a day<s>", true)), "[a ]#1day[<s>]");
}

TEST(AddedTokens, ErrorsNameThePlace) {
  const auto read = [](const std::optional<Place>& place) { return read_added_tokens(*place); };
  EXPECT_THAT(error_of(R"({"added_tokens":[{"id":1,"content":"a"},{"content":"b"}]})", read),
              HasSubstr("/part/added_tokens/1 has no 'id'"));
  EXPECT_THAT(error_of(R"({"added_tokens":[{"id":-1,"content":"a"}]})", read),
              HasSubstr("/part/added_tokens/0/id is no whole number"));
  EXPECT_THAT(error_of(R"({"added_tokens":[{"id":1,"content":7}]})", read),
              HasSubstr("/part/added_tokens/0/content is no string"));
  EXPECT_THAT(error_of(R"({"added_tokens":{}})", read), HasSubstr("is no array"));
  EXPECT_THAT(
      error_of(R"({"added_tokens":[{"id":1,"content":")" + std::string(2'000, 'a') + "\"}]}", read),
      HasSubstr("at most 1024"));
}

}  // namespace
}  // namespace wattle::engine::huggingface
