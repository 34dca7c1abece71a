// Real vocabularies against ids made elsewhere, and what must hold for any text.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>

#include "base/atomic_file.hpp"
#include "engine/tokenizer.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};

std::filesystem::path vocabulary_folder() {
  const char* shared = std::getenv("WATTLE_SHARED");
  const auto data = shared != nullptr
                        ? std::filesystem::path(shared)
                        : std::filesystem::path(WATTLE_SOURCE_DIR) / ".." / "shared" / "data";
  return data / "vocab";
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

// A quadratic way would take hours here; the bound is loose because machines are busy.
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
    const auto start = std::chrono::steady_clock::now();
    const auto ids = tokenizer_->encode(text, kPlain);
    const std::chrono::duration<double, std::milli> elapsed_ms =
        std::chrono::steady_clock::now() - start;
    EXPECT_FALSE(ids.empty()) << name;
    EXPECT_LT(elapsed_ms.count(), 20'000) << name;
    RecordProperty(std::string(name) + "_ms", static_cast<int>(elapsed_ms.count()));
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
