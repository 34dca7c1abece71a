// Whole files, small enough to work out every id by hand.
#include "engine/tokenizer/huggingface/json_tokenizer.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "engine/tokenizer/byte_alphabet.hpp"

namespace wattle::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};
constexpr EncodeOptions kParse{.add_special = false, .parse_special = true};

std::shared_ptr<const Tokenizer> make(const Json& json, const SpecialTokenSettings& settings = {}) {
  auto tokenizer = tokenizer_from_json(dump_json(json), "t.json", settings);
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  return tokenizer ? *tokenizer : nullptr;
}

std::string error_in(const Json& json, const SpecialTokenSettings& settings = {}) {
  const auto tokenizer = tokenizer_from_json(dump_json(json), "t.json", settings);
  EXPECT_FALSE(tokenizer.has_value()) << dump_json(json);
  return tokenizer ? std::string() : tokenizer.error().message();
}

Json added(int id, const char* content, bool special) {
  return {{"id", id},        {"content", content}, {"special", special},  {"normalized", false},
          {"lstrip", false}, {"rstrip", false},    {"single_word", false}};
}

// Byte b is token b; 256 he, 257 ll, 258 hell, 259 Ġhe; 260 <|im_end|>, 261 <tool> (not special).
Json byte_level() {
  Json vocab;
  for (unsigned byte = 0; byte < 256; ++byte) {
    vocab[alphabet_character(static_cast<std::uint8_t>(byte))] = byte;
  }
  vocab.update({{"he", 256}, {"ll", 257}, {"hell", 258}, {"Ġhe", 259}});
  return {
      {"version", "1.0"},
      {"added_tokens", {added(260, "<|im_end|>", true), added(261, "<tool>", false)}},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
      {"post_processor", nullptr},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"h e", "l l", "he ll", "Ġ he"}}}}};
}

// As Llama 2 has it: 0 <unk>, 1 <s>, 2 </s>, byte b at 3 + b, 259 ▁, 260 h, 261 i, 262 hi, 263 ▁hi.
Json llama() {
  Json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = 3 + byte;
  vocab.update({{"▁", 259}, {"h", 260}, {"i", 261}, {"hi", 262}, {"▁hi", 263}});
  const Json space = {{"String", " "}};
  const Json underline = {{"String", "▁"}};
  return Json::parse(R"({"added_tokens":[],
      "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},
          {"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
      "post_processor":{"type":"TemplateProcessing",
          "single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],
          "special_tokens":{"<s>":{"ids":[1]}}},
      "decoder":{"type":"Sequence","decoders":[
          {"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},
          {"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}})")
      .patch(Json::array(
          {{{"op", "add"},
            {"path", "/model"},
            {"value",
             {{"type", "BPE"},
              {"unk_token", "<unk>"},
              {"byte_fallback", true},
              {"fuse_unk", true},
              {"vocab", vocab},
              {"merges", {"h i", "▁ hi"}}}}},
           {{"op", "replace"},
            {"path", "/added_tokens"},
            {"value", {added(0, "<unk>", true), added(1, "<s>", true), added(2, "</s>", true)}}}}));
}

TEST(JsonTokenizer, ByteLevel) {
  const auto tokenizer = make(byte_level());
  EXPECT_EQ(tokenizer->vocab_size(), 262U);
  EXPECT_THAT(tokenizer->encode("hello he", kPlain), ElementsAre(258, 'o', 259));
  EXPECT_THAT(tokenizer->encode("", kPlain), ElementsAre());
  EXPECT_THAT(tokenizer->encode("é", {}), ElementsAre(0xC3, 0xA9));
  EXPECT_EQ(tokenizer->piece(259), " he");
  EXPECT_EQ(tokenizer->piece(0xC3), "\xC3");
  EXPECT_EQ(tokenizer->piece(9999), "");
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{259, 0xC3, 0xA9, -1}), " heé");
}

TEST(JsonTokenizer, SpecialTokensOnlyWhereAskedFor) {
  const auto tokenizer = make(byte_level());
  EXPECT_THAT(tokenizer->encode("he<|im_end|><tool>he", kParse), ElementsAre(256, 260, 261, 256));
  EXPECT_THAT(tokenizer->encode("<|im_end|>", kPlain), testing::Not(testing::Contains(260)));
  EXPECT_THAT(tokenizer->encode("<tool>", kPlain), ElementsAre(261));
  const std::vector<TokenId> ids = {256, 260, 261};
  EXPECT_EQ(tokenizer->decode(ids), "he<tool>");
  EXPECT_EQ(tokenizer->decode(ids, true), "he<|im_end|><tool>");
  EXPECT_EQ(tokenizer->piece(260), "");
  EXPECT_EQ(tokenizer->piece(260, true), "<|im_end|>");
}

TEST(JsonTokenizer, LlamasPipeline) {
  const auto tokenizer = make(llama());
  EXPECT_THAT(tokenizer->encode("hi hi", {}), ElementsAre(1, 263, 263));
  EXPECT_THAT(tokenizer->encode(" hi", kPlain), ElementsAre(259, 263));
  EXPECT_THAT(tokenizer->encode("é", kPlain), ElementsAre(259, 3 + 0xC3, 3 + 0xA9));
  EXPECT_THAT(tokenizer->encode("hi</s>hi", kParse), ElementsAre(263, 2, 263));
  EXPECT_EQ(tokenizer->special().bos, 1);
  EXPECT_TRUE(tokenizer->special().add_bos);
  EXPECT_FALSE(tokenizer->special().add_eos);
  EXPECT_EQ(tokenizer->special().unknown, 0);
  for (const std::string text : {"hi hi", " hi", "  é🦙\n", "", "▁"}) {
    if (text == "▁") continue;  // comes back as a space, as it does with Hugging Face
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, {})), text);
  }
}

TEST(JsonTokenizer, AnyBytesAreAccepted) {
  const auto bytes = make(byte_level());
  std::string all;
  for (int byte = 255; byte >= 0; --byte) all += static_cast<char>(byte);
  EXPECT_EQ(bytes->decode(bytes->encode(all, kPlain)), all);
  const auto pieces = make(llama());
  EXPECT_THAT(pieces->encode("hi\xFFhi", kPlain), ElementsAre(263, 3 + 0xFF, 262));
  EXPECT_EQ(pieces->decode(pieces->encode("hi\xFFhi", kPlain)), "hi\xFFhi");
  Json no_bytes = llama();
  no_bytes["model"]["byte_fallback"] = false;
  EXPECT_THAT(make(no_bytes)->encode("hi\xFF", kPlain), ElementsAre(263, 0));
}

// The folder's settings go before the template, and all ids of the list end a generation.
TEST(JsonTokenizer, SettingsNameTheSpecialTokens) {
  SpecialTokenSettings settings;
  settings.bos = "<|im_end|>";
  settings.eos = "he";
  settings.padding = "<no such token>";
  settings.padding_id = 5;
  settings.eos_ids = {'a', 260};
  settings.add_bos = true;
  const auto tokenizer = make(byte_level(), settings);
  EXPECT_EQ(tokenizer->special().bos, 260);
  EXPECT_EQ(tokenizer->special().eos, 256);
  EXPECT_EQ(tokenizer->special().eot, 260);  // known by its name
  EXPECT_EQ(tokenizer->special().padding, 5);
  EXPECT_THAT(tokenizer->encode("a", {}), ElementsAre(260, 'a'));
  for (const TokenId end : {256, int{'a'}, 260}) EXPECT_TRUE(tokenizer->is_end_of_generation(end));
  EXPECT_FALSE(tokenizer->is_end_of_generation('b'));
  settings = {};
  settings.add_bos = false;
  EXPECT_THAT(make(llama(), settings)->encode("hi", {}), ElementsAre(263));
  settings.add_eos = true;
  settings.eos_ids = {2};
  EXPECT_THAT(make(llama(), settings)->encode("hi", {}), ElementsAre(263, 2));
}

TEST(JsonTokenizer, WrongSettingsAreNamed) {
  SpecialTokenSettings settings;
  settings.eos = "<nothing>";
  EXPECT_THAT(error_in(byte_level(), settings), HasSubstr("EOS is '<nothing>', which is no token"));
  settings = {};
  settings.eos_ids = {262};
  EXPECT_THAT(error_in(byte_level(), settings),
              HasSubstr("EOS has the id 262, the vocabulary has tokens 0 to 261"));
  settings = {};
  settings.add_bos = true;
  EXPECT_THAT(error_in(byte_level(), settings), HasSubstr("BOS shall be added"));
}

TEST(JsonTokenizer, ContradictionsAreNamed) {
  const auto with_added = [](const Json& token) {
    Json json = byte_level();
    json["added_tokens"].push_back(token);
    return json;
  };
  EXPECT_THAT(error_in(with_added(added(256, "<x>", true))),
              HasSubstr("/added_tokens/2 gives the id 256 to '<x>', which /model/vocab gives to "
                        "'he'"));
  EXPECT_THAT(error_in(with_added(added(300, "he", true))), HasSubstr("/model/vocab gives 256"));
  EXPECT_THAT(error_in(with_added(added(260, "<x>", true))), HasSubstr("an added token before it"));
  EXPECT_THAT(error_in(with_added(added(2'000'000'000, "<x>", true))), HasSubstr("far more"));
  Json wrong_template = llama();
  wrong_template["post_processor"]["special_tokens"]["<s>"]["ids"][0] = 999;
  EXPECT_THAT(error_in(wrong_template), HasSubstr("/post_processor has the id 999"));
  EXPECT_THAT(error_in(Json::object()), HasSubstr("it has no 'model'"));
}

// Gaps between ids are no tokens, and decode to nothing.
TEST(JsonTokenizer, IdsMayLeaveGaps) {
  Json json = byte_level();
  json["added_tokens"].push_back(added(270, "<far>", true));
  const auto tokenizer = make(json);
  EXPECT_EQ(tokenizer->vocab_size(), 271U);
  EXPECT_EQ(tokenizer->piece(265, true), "");
  EXPECT_THAT(tokenizer->encode("<far>", kParse), ElementsAre(270));
}

// Without a pre-tokenizer a megabyte is one word.
TEST(JsonTokenizer, AMegabyteTakesNoLongTime) {
  for (const Json& json : {byte_level(), llama()}) {
    const auto tokenizer = make(json);
    std::string text;
    while (text.size() < 1'000'000) text += "hi hello  é123 ";
    for (const std::string& input :
         {text, std::string(1'000'000, ' '), std::string(1'000'000, 'h')}) {
      const std::clock_t start = std::clock();
      const auto ids = tokenizer->encode(input, kPlain);
      EXPECT_EQ(tokenizer->decode(ids), input);
      EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 20);
    }
  }
}

}  // namespace
}  // namespace wattle::engine
