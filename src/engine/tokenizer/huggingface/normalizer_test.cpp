#include "engine/tokenizer/huggingface/normalizer.hpp"

#include <gmock/gmock.h>

#include "engine/tokenizer/huggingface/test_json.hpp"

namespace wattle::engine::huggingface {
namespace {

using testing::HasSubstr;

std::string normalized(const std::string& json, std::string text, bool continues = false) {
  const TestJson part(json);
  const auto normalizer = Normalizer::read(part.part());
  EXPECT_TRUE(normalizer.has_value()) << normalizer.error().message();
  return normalizer ? normalizer->apply(std::move(text), continues) : std::string();
}

TEST(Normalizer, NullLeavesTheTextAsItIs) {
  EXPECT_EQ(normalized("null", " É ﬁ "), " É ﬁ ");
}

TEST(Normalizer, EachStep) {
  EXPECT_EQ(normalized(R"({"type":"NFC"})", "e\u0301"), "é");
  EXPECT_EQ(normalized(R"({"type":"NFD"})", "é"), "e\u0301");
  EXPECT_EQ(normalized(R"({"type":"NFKC"})", "ﬁ²"), "fi2");
  EXPECT_EQ(normalized(R"({"type":"NFKD"})", "é²"), "e\u03012");
  EXPECT_EQ(normalized(R"({"type":"Lowercase"})", "ÄB"), "äb");
  EXPECT_EQ(normalized(R"({"type":"StripAccents"})", "e\u0301"), "e");
  EXPECT_EQ(normalized(R"({"type":"Strip","strip_left":true,"strip_right":false})", " \u3000a "),
            "a ");
  EXPECT_EQ(normalized(R"({"type":"Strip","strip_left":false,"strip_right":true})", " a\u0085 "),
            " a");
  EXPECT_EQ(normalized(R"({"type":"Prepend","prepend":"▁"})", "a"), "▁a");
  EXPECT_EQ(normalized(R"({"type":"Prepend","prepend":"▁"})", ""), "");
  EXPECT_EQ(normalized(R"({"type":"Prepend","prepend":"▁"})", "a", true), "a");
}

TEST(Normalizer, ReplaceTakesLiteralsAndPatterns) {
  EXPECT_EQ(normalized(R"({"type":"Replace","pattern":{"String":" "},"content":"▁"})", "a  b"),
            "a▁▁b");
  EXPECT_EQ(normalized(R"({"type":"Replace","pattern":{"String":"."},"content":""})", "a.b"), "ab");
  EXPECT_EQ(normalized(R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":"$0"})", "a   b"),
            "a$0b");  // no references to what matched
  EXPECT_EQ(normalized(R"({"type":"Replace","pattern":{"Regex":""},"content":"-"})", "ab"),
            "-a-b-");
}

TEST(Normalizer, ASequenceIsInOrder) {
  EXPECT_EQ(normalized(R"({"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"},
            {"type":"Sequence","normalizers":[{"type":"Lowercase"}]},
            {"type":"Prepend","prepend":"▁"},
            {"type":"Replace","pattern":{"String":" "},"content":"▁"}]})",
                       "É à"),
            "▁e▁a");
}

// Three times 1000 for 1 would be a gigabyte of one byte.
TEST(Normalizer, GrowthIsBounded) {
  const std::string step =
      R"({"type":"Replace","pattern":{"Regex":"."},"content":")" + std::string(1'000, 'x') + "\"}";
  const std::string text = normalized(
      R"({"type":"Sequence","normalizers":[)" + step + "," + step + "," + step + "]}", "a");
  EXPECT_LE(text.size(), 64U + 4096U);
}

TEST(Normalizer, ErrorsNameThePlace) {
  const auto read = [](const std::optional<Place>& place) { return Normalizer::read(place); };
  EXPECT_THAT(error_of(R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Precompiled",
                "precompiled_charsmap":"AA=="}]})",
                       read),
              testing::AllOf(HasSubstr("t.json: /part/normalizers/1 is of the type 'Precompiled'"),
                             HasSubstr("known are Sequence, NFC"), HasSubstr("GGUF")));
  EXPECT_THAT(error_of(R"({"type":"BertNormalizer"})", read), HasSubstr("'BertNormalizer'"));
  EXPECT_THAT(error_of(R"({"type":7})", read), HasSubstr("/part/type is no string"));
  EXPECT_THAT(error_of("[]", read), HasSubstr("/part is no object"));
  EXPECT_THAT(error_of(R"({"type":"Replace","content":"x"})", read), HasSubstr("no 'pattern'"));
  EXPECT_THAT(error_of(R"-({"type":"Replace","pattern":{"Regex":"(?m:.)"},"content":"x"})-", read),
              HasSubstr("/part/pattern/Regex cannot be used: the regular expression '(?m:.)'"));
  EXPECT_THAT(error_of(R"({"type":"Replace","pattern":{"Regex":"a**"},"content":"x"})", read),
              HasSubstr("/part/pattern/Regex"));
  EXPECT_THAT(error_of(R"({"type":"Strip","strip_left":"yes"})", read),
              HasSubstr("/part/strip_left is neither true nor false"));
  std::string many = R"({"type":"Sequence","normalizers":[)";
  for (int i = 0; i < 70; ++i) many += R"({"type":"NFC"},)";
  many.back() = ']';
  EXPECT_THAT(error_of(many + "}", read), HasSubstr("at most 64"));
}

}  // namespace
}  // namespace wattle::engine::huggingface
