#include "engine/tokenizer/huggingface/pre_tokenizer.hpp"

#include <gmock/gmock.h>

#include "engine/tokenizer/huggingface/test_json.hpp"

namespace wattle::engine::huggingface {
namespace {

using testing::HasSubstr;

// The words with bars between.
std::string words(const std::string& json, std::string text, Position position = {}) {
  const TestJson part(json);
  const auto pre_tokenizer = PreTokenizer::read(part.part());
  EXPECT_TRUE(pre_tokenizer.has_value()) << pre_tokenizer.error().message();
  if (!pre_tokenizer) return {};
  const Words cut = pre_tokenizer->apply(std::move(text), position);
  std::string joined;
  for (const Span span : cut.spans) {
    if (!joined.empty()) joined += '|';
    joined += cut.text.substr(span.begin, span.end - span.begin);
  }
  return joined;
}

TEST(HuggingFacePreTokenizer, NullIsOneWord) {
  EXPECT_EQ(words("null", "a b"), "a b");
  EXPECT_EQ(words("null", ""), "");
}

TEST(HuggingFacePreTokenizer, ByteLevelWritesBytesAsCharacters) {
  EXPECT_EQ(
      words(R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})", "it's é  12\n"),
      "it|'s|ĠÃ©|Ġ|Ġ12|Ċ");
  EXPECT_EQ(words(R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false})", "a b"),
            "aĠb");
  EXPECT_EQ(words(R"({"type":"ByteLevel"})", "a b"), "Ġa|Ġb");  // both are true by default
  EXPECT_EQ(words(R"({"type":"ByteLevel"})", " a"), "Ġa");
  EXPECT_EQ(words(R"({"type":"ByteLevel"})", "a", {.at_start = false, .continues = true}), "a");
}

TEST(HuggingFacePreTokenizer, MetaspacePrependsByItsScheme) {
  const auto metaspace = [](const char* more) {
    return R"({"type":"Metaspace","replacement":"▁")" + std::string(more) + "}";
  };
  const Position later{.at_start = false, .continues = false};
  EXPECT_EQ(words(metaspace(""), "a  b"), "▁a|▁|▁b");
  EXPECT_EQ(words(metaspace(R"(,"prepend_scheme":"always")"), "a", later), "▁a");
  EXPECT_EQ(words(metaspace(R"(,"prepend_scheme":"always")"), " a"), "▁a");
  EXPECT_EQ(words(metaspace(R"(,"prepend_scheme":"first")"), "a b"), "▁a|▁b");
  EXPECT_EQ(words(metaspace(R"(,"prepend_scheme":"first")"), "a", later), "a");
  EXPECT_EQ(words(metaspace(R"(,"prepend_scheme":"never")"), "a b"), "a|▁b");
  EXPECT_EQ(words(metaspace(R"(,"add_prefix_space":false)"), "a b"), "a|▁b");  // the old way
  EXPECT_EQ(words(metaspace(R"(,"split":false)"), "a b"), "▁a▁b");
  EXPECT_EQ(words(metaspace(""), "a", {.at_start = false, .continues = true}), "a");
}

// "first" is the first of the text, not what is left behind something that was removed.
TEST(HuggingFacePreTokenizer, MetaspaceFirstLooksAtThePlaceInTheText) {
  const std::string json = R"({"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},
      {"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}]})";
  EXPECT_EQ(words(json, "a b"), "▁a|b");
  EXPECT_EQ(words(json, " a b"), "a|b");
}

TEST(HuggingFacePreTokenizer, DigitsPunctuationAndWhiteSpace) {
  EXPECT_EQ(words(R"({"type":"Digits","individual_digits":true})", "a12½b"), "a|1|2|½|b");
  EXPECT_EQ(words(R"({"type":"Digits","individual_digits":false})", "a12½b"), "a|12½|b");
  EXPECT_EQ(words(R"({"type":"Punctuation"})", "a,-b…$"), "a|,|-|b|…|$");
  EXPECT_EQ(words(R"({"type":"Punctuation","behavior":"Contiguous"})", "a,-b"), "a|,-|b");
  EXPECT_EQ(words(R"({"type":"Whitespace"})", " a_1 b!? \n"), "a_1|b|!?");
  EXPECT_EQ(words(R"({"type":"WhitespaceSplit"})", " a_1\u3000b!? \n"), "a_1|b!?");
}

TEST(HuggingFacePreTokenizer, SplitTakesLiteralsAndPatterns) {
  EXPECT_EQ(words(R"({"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious",
      "invert":false})",
                  "a b  c"),
            "a |b | |c");
  EXPECT_EQ(
      words(R"({"type":"Split","pattern":{"Regex":"\\d{1,2}"},"behavior":"Isolated"})", "a123"),
      "a|12|3");
  EXPECT_EQ(words(R"({"type":"Split","pattern":{"Regex":"[a-z]+"},"behavior":"Removed",
      "invert":true})",
                  "ab 12 cd"),
            "ab|cd");
}

// Falcon: the last two steps see the characters of the alphabet. ² is C2 B2, whose second byte is
// written as ², a number.
TEST(HuggingFacePreTokenizer, StepsBehindByteLevelSeeItsAlphabet) {
  EXPECT_EQ(words(R"({"type":"Sequence","pretokenizers":[
      {"type":"Punctuation","behavior":"Contiguous"},
      {"type":"ByteLevel","add_prefix_space":false},
      {"type":"Digits","individual_digits":false},
      {"type":"Split","pattern":{"Regex":"[0-9][0-9][0-9]"},"behavior":"Isolated"}]})",
                  "a, 12345²"),
            "a|,|Ġ|123|45|Â|²");
}

TEST(HuggingFacePreTokenizer, ErrorsNameThePlace) {
  const auto read = [](const std::optional<Place>& place) { return PreTokenizer::read(place); };
  EXPECT_THAT(
      error_of(R"({"type":"Sequence","pretokenizers":[{"type":"BertPreTokenizer"}]})", read),
      testing::AllOf(HasSubstr("/part/pretokenizers/0 is of the type 'BertPreTokenizer'"),
                     HasSubstr("known are Sequence, Split, ByteLevel")));
  EXPECT_THAT(error_of(R"({"type":"Metaspace","replacement":"ab"})", read),
              HasSubstr("not one character"));
  EXPECT_THAT(error_of(R"({"type":"Metaspace","replacement":"_","prepend_scheme":"last"})", read),
              HasSubstr("/part/prepend_scheme is 'last', known are always, first and never"));
  EXPECT_THAT(error_of(R"({"type":"Metaspace","replacement":"_","prepend_scheme":"always",
                  "add_prefix_space":false})",
                       read),
              HasSubstr("although add_prefix_space is false"));
  EXPECT_THAT(
      error_of(R"({"type":"Split","pattern":{"Regex":"(a)\\1"},"behavior":"Isolated"})", read),
      HasSubstr("/part/pattern/Regex"));
  EXPECT_THAT(error_of(R"({"type":"Split","pattern":"a","behavior":"Isolated"})", read),
              HasSubstr("/part/pattern is no object"));
  EXPECT_THAT(error_of(R"({"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},
                  {"type":"ByteLevel"}]})",
                       read),
              HasSubstr("/part/pretokenizers/1 is a second ByteLevel"));
}

}  // namespace
}  // namespace wattle::engine::huggingface
