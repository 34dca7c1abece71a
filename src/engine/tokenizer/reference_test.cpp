// Real vocabularies against ids made elsewhere, and what must hold for any text.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>
#include <sstream>

#include "base/atomic_file.hpp"
#include "base/test_shared.hpp"
#include "engine/tokenizer/utf8.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::engine {
namespace {

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};

std::filesystem::path vocabulary_folder() {
  return shared_data() / "vocab";
}

std::vector<std::string> split_at(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + separator.size();
  }
}

std::vector<TokenId> ids_of_line(const std::string& line) {
  std::istringstream stream(line);
  std::vector<TokenId> ids;
  for (TokenId id = 0; stream >> id;) ids.push_back(id);
  return ids;
}

// Characters of one to four bytes, with many spaces and a few of everything else.
std::string random_text(std::mt19937& random, std::size_t n_characters) {
  constexpr std::array<std::uint32_t, 12> kFavourites = {' ', ' ',  ' ', '\n',   '\t',   'a',
                                                         'e', '\'', '7', 0x2581, 0x3000, 0x1F999};
  std::string text;
  for (std::size_t i = 0; i < n_characters; ++i) {
    std::uint32_t point = 0;
    switch (random() % 6) {
      case 0:
        point = kFavourites[random() % kFavourites.size()];
        break;
      case 1:
      case 2:
        point = static_cast<std::uint32_t>(random() % 0x80);
        break;
      case 3:
        point = static_cast<std::uint32_t>(0x80 + random() % 0x780);
        break;
      case 4:
        point = static_cast<std::uint32_t>(0x800 + random() % 0xD000);
        break;
      default:
        point = static_cast<std::uint32_t>(0xE000 + random() % 0x101FFF);
        break;
    }
    append_utf8(point, text);
  }
  return text;
}

class Reference : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path_ = vocabulary_folder() / (std::string("ggml-vocab-") + GetParam() + ".gguf");
    if (!std::filesystem::exists(path_)) {
      GTEST_SKIP() << path_ << " is not here (WATTLE_SHARED names its folder)";
    }
    auto file = GgufFile::open(path_);
    ASSERT_TRUE(file.has_value()) << file.error().message();
    auto tokenizer = Tokenizer::from_gguf(*file);
    ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
    tokenizer_ = *tokenizer;
  }

  std::filesystem::path path_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

TEST_P(Reference, GivesTheReferenceIdsOfAllTexts) {
  const auto texts_file = read_file(path_.string() + ".inp");
  const auto ids_file = read_file(path_.string() + ".out");
  ASSERT_TRUE(texts_file && ids_file);
  auto texts = split_at(*texts_file, "\n__ggml_vocab_test__\n");
  const auto lines = split_at(*ids_file, "\n");
  ASSERT_EQ(texts.size(), 47U);
  ASSERT_GE(lines.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    SCOPED_TRACE("text " + std::to_string(i) + ": " + texts[i]);
    const auto ids = tokenizer_->encode(texts[i], kPlain);
    EXPECT_EQ(ids, ids_of_line(lines[i]));
    EXPECT_EQ(tokenizer_->decode(ids), texts[i]);
  }
}

TEST_P(Reference, DecodesWhatItEncoded) {
  std::mt19937 random(20);
  for (int round = 0; round < 300; ++round) {
    const std::string text = random_text(random, 1 + random() % 60);
    // This vocabulary has no token for the byte 0xF1 (U+40000 to U+7FFFF).
    if (GetParam() == std::string_view("starcoder") && text.contains('\xF1')) continue;
    const auto ids = tokenizer_->encode(text, kPlain);
    ASSERT_EQ(tokenizer_->decode(ids), text) << "round " << round;
    std::string pieces;
    for (const TokenId id : ids) pieces += tokenizer_->piece(id);
    ASSERT_TRUE(pieces.ends_with(text)) << "round " << round;
  }
}

// A quadratic way would take hours here; the bound is loose and in CPU time because machines
// are busy and sanitizers slow.
TEST_P(Reference, MegabytesTakeNoLongTime) {
  std::mt19937 random(7);
  std::string prose;
  while (prose.size() < 1'000'000) {
    const std::size_t length = 1 + random() % 9;
    for (std::size_t i = 0; i < length; ++i) prose += static_cast<char>('a' + random() % 26);
    prose += random() % 12 == 0 ? ". " : " ";
  }
  const std::vector<std::pair<const char*, std::string>> texts = {
      {"prose", prose},
      {"one_letter", std::string(1'000'000, 'a')},
      {"spaces", std::string(1'000'000, ' ') + "\xE6\x97\xA5"},
      {"line_breaks", std::string(1'000'000, '\n')},
      {"digits", std::string(1'000'000, '7')},
      {"invalid", std::string(1'000'000, '\xFF')},
  };
  for (const auto& [name, text] : texts) {
    const std::clock_t start = std::clock();
    const auto ids = tokenizer_->encode(text, kPlain);
    const double cpu_s = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    EXPECT_FALSE(ids.empty()) << name;
    EXPECT_LT(cpu_s, 20) << name;
    RecordProperty(std::string(name) + "_ms", static_cast<int>(cpu_s * 1e3));
  }
}

// A real tokenizer.json; the ids are those of npm's tokenizers 0.23.2. script/compare-tokenizer
// compares many more.
TEST(ReferenceJson, GivesTheReferenceIds) {
  const auto path = vocabulary_folder().parent_path() / "hf" / "smollm-tokenizer.json";
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << path << " is not here (WATTLE_SHARED names its folder)";
  }
  const auto tokenizer = open_tokenizer(path);
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().message();
  EXPECT_EQ((*tokenizer)->vocab_size(), 49'152U);
  EXPECT_TRUE((*tokenizer)->is_end_of_generation(0));
  EXPECT_TRUE((*tokenizer)->is_end_of_generation(2));
  const std::vector<std::pair<std::string, const char*>> expected = {
      {"Hello world", "19556 905"},
      {"  two  spaces\n\n\ttab ", "216 827 216 5600 1116 197 15999 216"},
      {"it's 2024, isn't it? ½", "269 506 216 34 32 34 36 28 3247 982 357 47 216 16738"},
      {"def f(x):\n    return x + 1\n", "1604 275 24 104 727 472 1003 1792 1232 216 33 198"},
      {"日本語 Größe e\u0301 🦙",
       "23274 115 40993 179 120 248 9171 7466 34878 85 297 151 219 15107 116 243"},
      {"<|im_start|>user\nHi<|im_end|>\n", "1 4093 198 26843 2 198"},
      {"a\u0085b \u2028 c\u00a0d", "81 141 223 82 459 118 265 15442 84"},
      {std::string(40, 'x'), "31069 31069 31069 31069 31069 31069 31069 31069 31069 31069"},
  };
  constexpr EncodeOptions kParse{.add_special = true, .parse_special = true};
  for (const auto& [text, ids] : expected) {
    const auto encoded = (*tokenizer)->encode(text, kParse);
    EXPECT_EQ(encoded, ids_of_line(ids)) << text;
    EXPECT_EQ((*tokenizer)->decode(encoded, true), text);
  }
  std::mt19937 random(21);
  for (int round = 0; round < 300; ++round) {
    std::string text = random_text(random, 1 + random() % 60);
    const auto encoded = (*tokenizer)->encode(text, kPlain);
    // This vocabulary has no tokens for these bytes, and none for the unknown: they are dropped.
    std::erase_if(text, [](char byte) {
      return std::string_view("\x04\x06\x13\x14\x16\x1D\xF1\xF2\xF5").contains(byte);
    });
    ASSERT_EQ((*tokenizer)->decode(encoded), text) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, Reference,
                         testing::Values("llama-spm", "phi-3", "gpt-2", "starcoder",
                                         "deepseek-llm"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace wattle::engine
