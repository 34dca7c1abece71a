#include "engine/tokenizer/huggingface/decoder.hpp"

#include <gmock/gmock.h>

#include "engine/tokenizer/huggingface/test_json.hpp"

namespace wattle::engine::huggingface {
namespace {

using testing::HasSubstr;

Decoder make(const std::string& json) {
  const TestJson part(json);
  auto decoder = Decoder::read(part.part());
  EXPECT_TRUE(decoder.has_value()) << decoder.error().message();
  return std::move(*decoder);
}

std::string decode(const std::string& json, std::initializer_list<const char*> tokens) {
  std::vector<TokenText> texts;
  for (const char* token : tokens) texts.push_back({token, false});
  return make(json).decode(std::move(texts));
}

const std::string kLlama =
    R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},
        {"type":"ByteFallback"},{"type":"Fuse"},
        {"type":"Strip","content":" ","start":1,"stop":0}]})";

TEST(Decoder, NullJoinsBySpaces) {
  EXPECT_EQ(decode("null", {"a", "b"}), "a b");
  EXPECT_EQ(decode("null", {}), "");
}

TEST(Decoder, ByteLevelReadsTheAlphabet) {
  EXPECT_EQ(decode(R"({"type":"ByteLevel"})", {"ĠÃ", "©", "Ċ"}), " é\n");
  EXPECT_EQ(decode(R"({"type":"ByteLevel"})", {"a▁", "b"}), "a▁b");  // not of the alphabet
  EXPECT_EQ(make(R"({"type":"ByteLevel"})").decode({{"é", true}, {"Ġ", false}}), "é ");
}

TEST(Decoder, LlamasSequence) {
  EXPECT_EQ(decode(kLlama, {"▁▁a", "▁b", "<0xC3>", "<0xBC>"}), " a bü");
  EXPECT_EQ(decode(kLlama, {"<0xFF>"}), "\xFF");  // kept, not U+FFFD
  const Decoder decoder = make(kLlama);
  EXPECT_EQ(decoder.piece({"▁a", false}), " a");  // in the middle of a text
  EXPECT_EQ(decoder.piece({"<0x0A>", false}), "\n");
}

TEST(Decoder, MetaspaceDropsThemInTheFirstToken) {
  const std::string head = R"({"type":"Metaspace","replacement":"▁")";
  EXPECT_EQ(decode(head + "}", {"▁▁a", "▁b"}), "a b");
  EXPECT_EQ(decode(head + R"(,"prepend_scheme":"first"})", {"▁a", "▁b"}), "a b");
  EXPECT_EQ(decode(head + R"(,"prepend_scheme":"never"})", {"▁a", "▁b"}), " a b");
  EXPECT_EQ(decode(head + R"(,"add_prefix_space":false})", {"▁a"}), " a");
  EXPECT_EQ(make(head + "}").piece({"▁a", false}), " a");
}

TEST(Decoder, StripTakesUpToSoManyFromEachToken) {
  const std::string strip = R"({"type":"Strip","content":"_","start":2,"stop":1})";
  EXPECT_EQ(decode(strip, {"___a__", "_", "b"}), "_a_b");
}

TEST(Decoder, ReplaceTakesPatterns) {
  EXPECT_EQ(decode(R"({"type":"Replace","pattern":{"Regex":"_+"},"content":" "})", {"a__b", "_"}),
            "a b ");
}

TEST(Decoder, ErrorsNameThePlace) {
  const auto read = [](const std::optional<Place>& place) { return Decoder::read(place); };
  EXPECT_THAT(error_of(R"({"type":"Sequence","decoders":[{"type":"WordPiece"}]})", read),
              HasSubstr("/part/decoders/0 is of the type 'WordPiece', known are Sequence"));
  EXPECT_THAT(error_of(R"({"type":"Strip","content":"ab","start":1,"stop":0})", read),
              HasSubstr("/part/content is not one character"));
  EXPECT_THAT(error_of(R"({"type":"Strip","content":"a","start":-1,"stop":0})", read),
              HasSubstr("/part/start is no whole number"));
}

}  // namespace
}  // namespace wattle::engine::huggingface
