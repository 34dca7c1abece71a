#include "engine/tokenizer/sentencepiece_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "base/atomic_file.hpp"
#include "engine/tokenizer/protobuf_reader.hpp"
#include "engine/tokenizer_files.hpp"
#include "wattle_folders.hpp"

namespace wattle::engine {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};

// A protobuf written by hand.
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string number_field(unsigned number, std::int64_t value) {
  return varint(number << 3) + varint(static_cast<std::uint64_t>(value));
}
std::string bytes_field(unsigned number, const std::string& bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
}
std::string float_field(unsigned number, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  std::string bytes = varint(number << 3 | 5);
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(bits >> (8 * i));
  return bytes;
}
std::string piece(const std::string& text, float score, int type = 1) {
  return bytes_field(
      1, bytes_field(1, text) + float_field(2, score) + (type == 1 ? "" : number_field(3, type)));
}

// 0 <unk>, 1 <s>, 2 </s>, 3 ▁, 4 a, 5 b, 6 ▁a, 7 ab
std::string pieces() {
  return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("▁", -1) +
         piece("a", -2) + piece("b", -3) + piece("▁a", -4) + piece("ab", -5);
}
std::string bpe(const std::string& more = "") {
  return bytes_field(2, number_field(3, 2) + more);
}
std::string keep_spaces() {
  return bytes_field(3, bytes_field(1, "identity") + number_field(4, 0));
}

Result<std::shared_ptr<const Tokenizer>> read(const std::string& bytes,
                                              const SpecialTokenSettings& settings = {}) {
  return tokenizer_from_sentencepiece(std::as_bytes(std::span(bytes)), "t.model", settings);
}

std::string error_in(const std::string& bytes, const SpecialTokenSettings& settings = {}) {
  const auto tokenizer = read(bytes, settings);
  EXPECT_FALSE(tokenizer.has_value());
  return tokenizer ? std::string() : tokenizer.error().message();
}

TEST(ProtobufReader, ReadsEveryType) {
  const std::string bytes = number_field(1, 300) + number_field(2, -1) + bytes_field(3, "ab") +
                            float_field(4, 1.5F) + varint(5 << 3 | 1) +
                            std::string("\1\0\0\0\0\0\0\2", 8);
  ProtobufReader reader(bytes);
  EXPECT_EQ(reader.next()->value, 300U);
  EXPECT_EQ(reader.next()->as_int(), -1);
  EXPECT_EQ(reader.next()->bytes, "ab");
  EXPECT_EQ(reader.next()->as_float(), 1.5F);
  EXPECT_EQ(reader.next()->value, 0x0200000000000001U);
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_FALSE(reader.failed());
  EXPECT_EQ(reader.position(), bytes.size());
}

TEST(ProtobufReader, MalformedBytesAreNoFields) {
  for (const std::string& bytes :
       {std::string("\x08"), std::string("\x0A\x05xyz"), std::string("\x0D\0\0", 3),
        std::string("\x0B"), std::string("\0", 1), std::string(11, '\xFF'),
        std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01")}) {
    ProtobufReader reader(bytes);
    EXPECT_FALSE(reader.next().has_value());
    EXPECT_TRUE(reader.failed());
  }
}

TEST(SentencePieceModel, AHandmadeModel) {
  const auto tokenizer = read(pieces() + bpe() + keep_spaces());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  const Tokenizer& t = **tokenizer;
  EXPECT_THAT(t.encode("ab a", {}), ElementsAre(1, 6, 5, 6));  // ▁a before ab
  EXPECT_THAT(t.encode("b", kPlain), ElementsAre(3, 5));
  EXPECT_THAT(t.encode("x", kPlain), ElementsAre(3, 0));
  EXPECT_EQ(t.decode(t.encode("ab  a", kPlain)), "ab  a");
  EXPECT_EQ(t.special().unknown, 0);
  EXPECT_EQ(t.special().bos, 1);
  EXPECT_EQ(t.special().eos, 2);
  EXPECT_FALSE(t.special().padding.has_value());
}

// The proto's own default: no spaces at the ends, one between words.
TEST(SentencePieceModel, ExtraSpacesGoUnlessTheModelKeepsThem) {
  const auto tokenizer = read(pieces() + bpe());
  ASSERT_TRUE(tokenizer.has_value());
  EXPECT_EQ((*tokenizer)->encode("  a   a ", kPlain), (*tokenizer)->encode("a a", kPlain));
  EXPECT_THAT((*tokenizer)->encode("   ", kPlain), ElementsAre());
}

TEST(SentencePieceModel, FlagsAndIdsOfTheModel) {
  const std::string no_prefix = bytes_field(3, number_field(3, 0) + number_field(4, 0));
  EXPECT_THAT((*read(pieces() + bpe() + no_prefix))->encode("a", kPlain), ElementsAre(4));
  const auto other =
      read(pieces() + bpe(number_field(41, -1) + number_field(42, 7) + number_field(43, 5)));
  ASSERT_TRUE(other.has_value()) << other.error().message();
  EXPECT_EQ((*other)->special().eos, 7);
  EXPECT_EQ((*other)->special().padding, 5);
}

TEST(SentencePieceModel, SettingsNameAndAddTokens) {
  SpecialTokenSettings settings;
  settings.eos = "<end>";
  settings.eos_ids = {2, 8};
  settings.add_bos = false;
  settings.added = {{8, "<end>", true}, {10, "<tool>", false}, {4, "a", true}};
  const auto tokenizer = read(pieces() + bpe() + keep_spaces(), settings);
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  const Tokenizer& t = **tokenizer;
  EXPECT_EQ(t.vocab_size(), 11U);
  EXPECT_EQ(t.special().eos, 8);
  EXPECT_TRUE(t.is_end_of_generation(2) && t.is_end_of_generation(8));
  EXPECT_THAT(t.encode("b<end>", {.parse_special = true}), ElementsAre(3, 5, 8));
  EXPECT_THAT(t.encode("b<tool>b", {}), ElementsAre(3, 5, 10, 5));
  EXPECT_EQ(t.piece(4), "");  // special by the settings
}

TEST(SentencePieceModel, ErrorsNameWhatIsWrong) {
  EXPECT_THAT(error_in(""), HasSubstr("t.model: it has no pieces"));
  EXPECT_THAT(error_in("this is text"), HasSubstr("no SentencePiece model"));
  EXPECT_THAT(error_in(pieces()), HasSubstr("model_type is 1 (unigram), known is 2 (BPE)"));
  EXPECT_THAT(error_in(pieces() + bytes_field(2, number_field(3, 4))), HasSubstr("4 (char)"));
  EXPECT_THAT(error_in(pieces() + bpe() +
                       bytes_field(3, bytes_field(1, "nmt_nfkc") + bytes_field(2, "map"))),
              HasSubstr("'nmt_nfkc' changes the text"));
  EXPECT_THAT(error_in(pieces() + bpe(number_field(24, 1))),
              HasSubstr("treat_whitespace_as_suffix"));
  EXPECT_THAT(error_in(pieces() + bpe() + bytes_field(3, number_field(5, 0))),
              HasSubstr("escape_whitespaces"));
  EXPECT_THAT(error_in(piece("a", 0, 9) + bpe()), HasSubstr("the type of piece 0 is 9"));
  EXPECT_THAT(error_in(bytes_field(1, "\x0A\x7F") + bpe()), HasSubstr("piece 0 is no valid"));
  EXPECT_THAT(error_in(pieces() + bpe(number_field(42, 99))),
              HasSubstr("EOS has the id 99, the vocabulary has tokens 0 to 7"));
  SpecialTokenSettings settings;
  settings.eos = "<none>";
  EXPECT_THAT(error_in(pieces() + bpe(), settings), HasSubstr("EOS is '<none>'"));
  settings = {};
  settings.added = {{2'000'000'000, "x", true}};
  EXPECT_THAT(error_in(pieces() + bpe(), settings), HasSubstr("gives the id 2000000000"));
}

std::string tiny_model() {
  return read_file(WATTLE_SOURCE_DIR "/tests/fixtures/sentencepiece/tiny.model").value();
}

// The ids are those of spm_encode (tests/fixtures/sentencepiece/README.md).
TEST(SentencePieceModel, AgreesWithSentencePiece) {
  const auto tokenizer = read(tiny_model());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  const std::vector<std::pair<const char*, std::vector<TokenId>>> expected = {
      {"The wheel turns", {301, 290, 305}},
      {"  two  spaces ", {375, 375, 260, 366, 375, 263, 395, 384, 393, 273, 375}},
      {"abc 123 xyz", {270, 415, 393, 375, 407, 54, 55, 375, 124, 400, 416}},
      {"Größen 日本 🦙",
       {375, 338, 418, 417, 275, 375, 234, 155, 169, 234, 160, 176, 375, 244, 163, 170, 157}},
      {"water<turn>the mill", {266, 346, 267, 3, 377, 261, 329}},
      {"<turn>the mill", {375, 3, 377, 261, 329}},
      {" <turn> the", {375, 375, 3, 262}},
      {" the", {375, 262}},
      {"reports.reports", {336, 390, 287, 289, 379}},
      {"unrelated zebra quiz\ttab", {375, 388, 380, 378, 279, 346, 349, 375, 416, 376, 415,
                                     378, 384, 375, 117, 388, 386, 416, 13,  377, 384, 415}},
  };
  for (const auto& [text, ids] : expected) {
    EXPECT_THAT((*tokenizer)->encode(text, kPlain), ElementsAreArray(ids)) << text;
    EXPECT_EQ((*tokenizer)->decode(ids), text);
  }
}

// Cut at every byte: an error or a smaller vocabulary, never a crash.
TEST(SentencePieceModel, TruncatedFilesAreErrors) {
  const std::string whole = tiny_model();
  for (std::size_t n = 0; n < whole.size(); n += 7) {
    (void)read(whole.substr(0, n));
  }
  EXPECT_FALSE(read(whole.substr(0, whole.size() / 2)).has_value());
}

}  // namespace
}  // namespace wattle::engine
