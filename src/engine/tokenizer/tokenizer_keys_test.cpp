// The tokenizer of a folder, written as GGUF keys, gives the same ids.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "base/test_shared.hpp"
#include "engine/model_files.hpp"
#include "engine/tokenizer/small_vocabularies.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::engine {
namespace {

constexpr const char* kSample =
    "It's IT'S we'll 3 33 333 3333 33333 Hello  World\n\nnext \t tab... ((x+y)*2)=z; a1b22 $5 "
    "1,000\r\n end  ";

// Byte tokens, and a merge for every pair of neighbours in the sample: so it matters where words
// are cut.
Json byte_level_json(const Json& pre_tokenizer) {
  Json vocabulary = Json::object();
  for (unsigned byte = 0; byte < 256; ++byte) {
    vocabulary[alphabet_character(static_cast<std::uint8_t>(byte))] = byte;
  }
  Json merges = Json::array();
  std::set<std::string> known;
  const std::string_view sample = kSample;
  for (std::size_t i = 0; i + 1 < sample.size(); ++i) {
    const std::string left = alphabet_character(static_cast<std::uint8_t>(sample[i]));
    const std::string right = alphabet_character(static_cast<std::uint8_t>(sample[i + 1]));
    if (!known.insert(left + right).second) continue;
    vocabulary[left + right] = vocabulary.size();
    merges.push_back({left, right});
  }
  const std::size_t end = vocabulary.size();
  return {{"added_tokens",
           {{{"id", end}, {"content", "<|end|>"}, {"special", true}},
            {{"id", end + 1}, {"content", "<tool>"}, {"special", false}}}},
          {"pre_tokenizer", pre_tokenizer},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}}}};
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", use_regex}};
}
Json split_by(const std::string& pattern) {
  return {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"},
             {"pattern", {{"Regex", pattern}}},
             {"behavior", "Isolated"},
             {"invert", false}},
            byte_level(false)}}};
}

std::string text_of(const GgufKeys& keys, const std::string& key) {
  for (const auto& [name, value] : keys) {
    if (name == "tokenizer.ggml." + key) return std::get<std::string>(value.value);
  }
  return "";
}

GgufFile file_of(GgufKeys keys) {
  GgufContent content;
  content.source = "written";
  content.metadata = std::move(keys);
  return GgufFile::assemble(std::move(content));
}

struct PreCase {
  const char* name;
  Json pre_tokenizer;
};

TEST(TokenizerKeys, ThePreTokenizerIsFoundByWhatItDoes) {
  const std::string llama3 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const std::string qwen2 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const PreCase cases[] = {
      {"gpt-2", byte_level(true)},
      {"smollm",
       {{"type", "Sequence"},
        {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)}}}},
      {"llama-bpe", split_by(llama3)},
      {"qwen2", split_by(qwen2)},
  };
  for (const auto& one : cases) {
    TestFolder folder;
    folder.write("tokenizer.json", dump_json(byte_level_json(one.pre_tokenizer)));
    const auto own = open_tokenizer(folder.path());
    ASSERT_TRUE(own) << own.error().message();
    const std::size_t n_rows = (*own)->vocab_size() + 5;
    auto keys = tokenizer_keys(folder.path(), n_rows);
    ASSERT_TRUE(keys) << keys.error().message();
    EXPECT_EQ(text_of(*keys, "model"), "gpt2");
    EXPECT_EQ(text_of(*keys, "pre"), one.name);
    const auto written = Tokenizer::from_gguf(file_of(std::move(*keys)));
    ASSERT_TRUE(written) << written.error().message();
    EXPECT_EQ((*written)->vocab_size(), n_rows);
    const auto same = [&](const std::string& text, bool parse) {
      const EncodeOptions options{.add_special = true, .parse_special = parse};
      EXPECT_EQ((*written)->encode(text, options), (*own)->encode(text, options)) << text;
    };
    same(kSample, false);
    same("a<|end|>b<tool>c", true);
    same("a<|end|>b<tool>c", false);
  }
}

TEST(TokenizerKeys, APreTokenizerWithoutANameIsRefused) {
  TestFolder folder;
  folder.write("tokenizer.json", dump_json(byte_level_json(split_by("[aeiou]"))));
  const auto keys = tokenizer_keys(folder.path(), 1000);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, ErrorCode::unsupported);
  EXPECT_NE(keys.error().message().find("Run the folder itself"), std::string::npos);
}

TEST(TokenizerKeys, MergesOfSentencePieceBecomeScores) {
  Json json = {
      {"added_tokens",
       {{{"id", 0}, {"content", "<unk>"}, {"special", true}},
        {{"id", 1}, {"content", "<s>"}, {"special", true}}}},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         {{{"type", "Prepend"}, {"prepend", "\xE2\x96\x81"}},
          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xE2\x96\x81"}}}}}},
      {"decoder", {{"type", "ByteFallback"}}},
      {"model", {{"type", "BPE"}, {"unk_token", "<unk>"}, {"byte_fallback", true}}}};
  Json vocabulary = {{"<unk>", 0}, {"<s>", 1}};
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary[fmt::format("<0x{:02X}>", byte)] = vocabulary.size();
  }
  for (const char* token : {"\xE2\x96\x81", "h", "e", "l", "o", "w", "ll", "he", "hell", "hello",
                            "lo", "\xE2\x96\x81w", "\xE2\x96\x81hello"}) {
    vocabulary[token] = vocabulary.size();
  }
  json["model"]["vocab"] = vocabulary;
  json["model"]["merges"] = {
      "l l", "h e", "he ll", "\xE2\x96\x81 w", "hell o", "l o", "\xE2\x96\x81 hello"};
  TestFolder folder;
  folder.write("tokenizer.json", dump_json(json));
  auto keys = tokenizer_keys(folder.path(), vocabulary.size());
  ASSERT_TRUE(keys) << keys.error().message();
  EXPECT_EQ(text_of(*keys, "model"), "llama");
  const auto own = open_tokenizer(folder.path()).value();
  const auto written = Tokenizer::from_gguf(file_of(std::move(*keys)));
  ASSERT_TRUE(written) << written.error().message();
  for (const char* text : {"hello", "hello hello", "hellow low", "wlolo  hellohello", "he ll o"}) {
    const EncodeOptions plain{.add_special = false};
    const auto ids = own->encode(text, plain);
    EXPECT_EQ((*written)->encode(text, plain), ids) << text;
    EXPECT_LT(ids.size(), std::string(text).size() + 2) << "nothing merged";
  }
}

TEST(TokenizerKeys, MoreTokensThanRowsAreRefused) {
  TestFolder folder;
  folder.write("tokenizer.json", dump_json(byte_level_json(byte_level(true))));
  const auto keys = tokenizer_keys(folder.path(), 10);
  ASSERT_FALSE(keys);
  EXPECT_NE(keys.error().message().find("the embedding 10 rows"), std::string::npos);
}

TEST(TokenizerKeys, OfARealModel) {
  const auto path = shared_data() / "hf/smollm-tokenizer.json";
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << path << " is not here (WATTLE_SHARED names its folder)";
  }
  TestFolder folder;
  std::filesystem::copy_file(path, folder.path() / "tokenizer.json");
  const auto keys = tokenizer_keys(folder.path(), 49'152);
  ASSERT_TRUE(keys) << keys.error().message();
  EXPECT_EQ(text_of(*keys, "pre"), "smollm");
}

}  // namespace
}  // namespace wattle::engine
