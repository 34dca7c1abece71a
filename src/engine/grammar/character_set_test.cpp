#include "engine/grammar/character_set.hpp"

#include <gtest/gtest.h>

#include <random>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::grammar {
namespace {

bool accepts(const std::vector<ByteSequence>& sequences, const std::string& bytes) {
  int n = 0;
  for (const ByteSequence& sequence : sequences) {
    bool all = sequence.size() == bytes.size();
    for (std::size_t i = 0; all && i < bytes.size(); ++i) {
      const auto byte = static_cast<std::uint8_t>(bytes[i]);
      all = sequence[i].low <= byte && byte <= sequence[i].high;
    }
    n += all ? 1 : 0;
  }
  EXPECT_LE(n, 1) << "sequences overlap";
  return n == 1;
}

TEST(CharacterSet, NormalizesSortsAndJoins) {
  EXPECT_EQ(normalized({{'d', 'f'}, {'a', 'b'}, {'c', 'c'}, {'z', 'y'}, {'e', 'g'}}),
            (CharacterSet{{'a', 'g'}}));
  EXPECT_EQ(normalized({{'x', 'x'}, {'a', 'a'}}), (CharacterSet{{'a', 'a'}, {'x', 'x'}}));
}

TEST(CharacterSet, SetOperations) {
  const CharacterSet letters = {{'A', 'Z'}, {'a', 'z'}};
  const CharacterSet some = {{'0', '9'}, {'x', 0x100}};
  EXPECT_EQ(intersection(letters, some), (CharacterSet{{'x', 'z'}}));
  EXPECT_EQ(difference(letters, some), (CharacterSet{{'A', 'Z'}, {'a', 'w'}}));
  EXPECT_EQ(complement(complement(letters)), letters);
  EXPECT_EQ(complement({}), (CharacterSet{{0, kLastCharacter}}));
  EXPECT_TRUE(complement({{0, kLastCharacter}}).empty());
  EXPECT_EQ(characters_of("cab"), (CharacterSet{{'a', 'c'}}));
}

TEST(CharacterSet, AllCharactersAreTheWellFormedSequencesOfTheStandard) {
  // The Unicode Standard, table 3-7.
  const std::vector<ByteSequence> expected = {
      {{0x00, 0x7F}},
      {{0xC2, 0xDF}, {0x80, 0xBF}},
      {{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}},
      {{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}},
      {{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}},
      {{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}},
      {{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
      {{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}},
      {{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}},
  };
  EXPECT_EQ(utf8_sequences({{0, kLastCharacter}}), expected);
  EXPECT_TRUE(utf8_sequences({{0xD800, 0xDFFF}}).empty());
}

TEST(CharacterSet, SequencesHoldExactlyTheCharactersOfTheSet) {
  std::mt19937 random(3);
  constexpr char32_t kEdges[] = {0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0xD7FF, 0xE000};
  for (int round = 0; round < 200; ++round) {
    CharacterSet set;
    for (int i = 0; i < 3; ++i) {
      const auto a = static_cast<char32_t>(random() % 2 == 0 ? kEdges[random() % 8]
                                                             : random() % (kLastCharacter + 1));
      const auto b = static_cast<char32_t>(a + random() % (1U << random() % 18));
      set.push_back({a, std::min(b, kLastCharacter)});
    }
    set = normalized(std::move(set));
    const auto sequences = utf8_sequences(set);
    for (int i = 0; i < 200; ++i) {
      auto character = static_cast<char32_t>(random() % (kLastCharacter + 1));
      if (i < 60) {  // near the ends of ranges
        const CharacterRange& range = set[random() % set.size()];
        character = (i % 2 == 0 ? range.low : range.high) + static_cast<char32_t>(i % 5) - 2;
      }
      if (character > kLastCharacter || (character >= 0xD800 && character <= 0xDFFF)) continue;
      std::string bytes;
      append_utf8(static_cast<std::uint32_t>(character), bytes);
      EXPECT_EQ(accepts(sequences, bytes), contains(set, character))
          << static_cast<std::uint32_t>(character);
    }
  }
}

}  // namespace
}  // namespace wattle::engine::grammar
