#include "learn/vocabulary.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/test_folder.hpp"
#include "engine/gguf.hpp"
#include "engine/gguf_writer.hpp"
#include "engine/tokenizer.hpp"
#include "learn/encoder.hpp"
#include "learn/platform/sentencepiece/train_pieces.hpp"
#include "learn/telemetry/example.hpp"

namespace wattle::learn {
namespace {

// What SentencePiece gives, small: merges first, single characters last.
std::vector<std::string> some_pieces() {
  std::vector<std::string> pieces = {"▁t", "he", "▁the", "em",   "▁tem",   "▁temp", "er",
                                     "▁s", "ke", "▁sm",  "▁smo", "▁smoke", ":",     ","};
  for (char c = 'a'; c <= 'z'; ++c) pieces.emplace_back(1, c);
  for (char c = '0'; c <= '9'; ++c) pieces.emplace_back(1, c);
  pieces.insert(pieces.end(), {"▁", ".", "[", "%", "-"});
  return pieces;
}

std::vector<std::string> split(const Vocabulary& vocabulary, std::string_view text) {
  Encoder encoder(vocabulary);
  std::vector<std::string> out;
  for (const auto id : encoder.encode(text)) {
    out.push_back(vocabulary.tokens[static_cast<std::size_t>(id)]);
  }
  return out;
}

using Pieces = std::vector<std::string>;

TEST(Vocabulary, HasEveryTokenOnceAndBytesForTheRest) {
  const Vocabulary vocabulary = assemble_vocabulary(some_pieces());
  const std::set<std::string> distinct(vocabulary.tokens.begin(), vocabulary.tokens.end());
  EXPECT_EQ(distinct.size(), vocabulary.size());
  EXPECT_EQ(vocabulary.tokens[0], "<unk>");
  EXPECT_EQ(vocabulary.tokens[1], "<s>");
  EXPECT_EQ(vocabulary.tokens[2], "</s>");
  EXPECT_EQ(vocabulary.tokens[3], "<0x00>");
  EXPECT_EQ(vocabulary.tokens[258], "<0xFF>");
  for (std::size_t i = 260; i < vocabulary.size(); ++i) {
    EXPECT_LT(vocabulary.scores[i], vocabulary.scores[i - 1]);
  }
}

TEST(Vocabulary, NumbersAreSplitByPlaceValue) {
  const Vocabulary vocabulary = assemble_vocabulary(some_pieces());
  EXPECT_EQ(split(vocabulary, "0.0042"), (Pieces{"▁0.00", "4", "2"}));
  EXPECT_EQ(split(vocabulary, "0.0142"), (Pieces{"▁0.0", "1", "4", "2"}));
  EXPECT_EQ(split(vocabulary, "71.3"), (Pieces{"▁71", ".3"}));
  EXPECT_EQ(split(vocabulary, "104.5"), (Pieces{"▁10", "4", ".5"}));
  EXPECT_EQ(split(vocabulary, "[0.0042, 71.3"), (Pieces{"▁[0.00", "4", "2", ",", "▁71", ".3"}));
}

TEST(Vocabulary, UnknownCharactersBecomeBytes) {
  const Vocabulary vocabulary = assemble_vocabulary(some_pieces());
  EXPECT_EQ(split(vocabulary, "é"), (Pieces{"▁", "<0xC3>", "<0xA9>"}));
}

TEST(Encoder, AgreesWithTheEnginesTokenizer) {
  std::vector<std::string> lines;
  Random random(21);
  for (int i = 0; i < 300; ++i) {
    const Example example = make_example(random, Split::training);
    lines.push_back(example.prompt + example.answer);
  }
  const Vocabulary vocabulary = assemble_vocabulary(some_pieces());
  const TestFolder folder;
  const auto path = folder.path() / "vocabulary.gguf";
  engine::GgufWriter writer;
  writer.set_string("general.architecture", "llama");
  write_vocabulary(writer, vocabulary);
  ASSERT_TRUE(writer.write(path));
  const auto file = engine::GgufFile::open(path);
  ASSERT_TRUE(file) << file.error().message();
  const auto tokenizer = engine::Tokenizer::from_gguf(*file);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message();
  Encoder encoder(vocabulary);
  lines.insert(lines.end(), {"", " ", "two  spaces", " leading", "é ✓ 0.", "trailing "});
  for (const std::string& line : lines) {
    if (line.empty()) continue;  // the engine adds no space to nothing
    EXPECT_EQ(encoder.encode(line), (*tokenizer)->encode(line, {.add_special = false})) << line;
    EXPECT_EQ((*tokenizer)->decode(encoder.encode(line)), line);
  }
}

TEST(Encoder, KnowsHowMuchTextATokenStandsFor) {
  const Vocabulary vocabulary = assemble_vocabulary(some_pieces());
  Encoder encoder(vocabulary);
  for (const std::string_view text : {"the temp: 71.3 %", "é [0.0042", "smoke"}) {
    std::size_t bytes = 0;
    for (const auto id : encoder.encode(text)) bytes += encoder.text_bytes(id);
    EXPECT_EQ(bytes, text.size() + 1) << text;  // and the space in front
  }
}

TEST(TrainPieces, SaysWhatToInstallWhenSentencePieceIsMissing) {
  const auto pieces =
      train_pieces(std::vector<std::string>{"text"}, 10, "no-such-program-for-wattle");
  ASSERT_FALSE(pieces);
  EXPECT_EQ(pieces.error().code, ErrorCode::unavailable);
  EXPECT_NE(pieces.error().message().find("script/setup --all"), std::string::npos);
}

}  // namespace
}  // namespace wattle::learn
