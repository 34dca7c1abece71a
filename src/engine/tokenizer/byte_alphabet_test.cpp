#include "engine/tokenizer/byte_alphabet.hpp"

#include <gtest/gtest.h>

#include <set>

namespace wattle::engine {
namespace {

// The characters as the vocabulary of GPT-2 shows them.
TEST(ByteAlphabet, WritesBytesAsGpt2Does) {
  EXPECT_EQ(alphabet_character('A'), "A");
  EXPECT_EQ(alphabet_character(0x00), "\u0100");
  EXPECT_EQ(alphabet_character('\n'), "\u010A");
  EXPECT_EQ(alphabet_character(' '), "\u0120");
  EXPECT_EQ(alphabet_character(0x7F), "\u0121");
  EXPECT_EQ(alphabet_character(0xA0), "\u0142");
  EXPECT_EQ(alphabet_character(0xAD), "\u0143");
  EXPECT_EQ(alphabet_character(0xFF), "\u00FF");
}

TEST(ByteAlphabet, IsABijection) {
  std::set<std::string> characters;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string character = alphabet_character(static_cast<std::uint8_t>(byte));
    characters.insert(character);
    EXPECT_EQ(bytes_of_token(character), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(characters.size(), 256U);
  EXPECT_EQ(bytes_of_token("\u0120he"), " he");
  EXPECT_EQ(bytes_of_token("a b"), std::nullopt);     // a plain space is no letter of it
  EXPECT_EQ(bytes_of_token("\u0144"), std::nullopt);  // the first one behind
  EXPECT_EQ(bytes_of_token("\xFF"), std::nullopt);    // not UTF-8
}

}  // namespace
}  // namespace wattle::engine
