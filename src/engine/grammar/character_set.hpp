#pragma once
// Sets of Unicode characters, and the bytes that UTF-8 writes them with.

#include <cstdint>
#include <string_view>
#include <vector>

namespace wattle::engine::grammar {

inline constexpr char32_t kLastCharacter = 0x10FFFF;

// Both ends are included.
struct CharacterRange {
  char32_t low = 0;
  char32_t high = 0;
  bool operator==(const CharacterRange&) const = default;
};

// Sorted, disjoint, not adjacent: what normalized() gives. Surrogates may be named; UTF-8 has no
// bytes for them, so they never match.
using CharacterSet = std::vector<CharacterRange>;

[[nodiscard]] CharacterSet normalized(CharacterSet ranges);
// All arguments normalized, as are the results.
[[nodiscard]] CharacterSet complement(const CharacterSet& set);
[[nodiscard]] CharacterSet intersection(const CharacterSet& a, const CharacterSet& b);
[[nodiscard]] CharacterSet difference(const CharacterSet& a, const CharacterSet& b);
[[nodiscard]] bool contains(const CharacterSet& set, char32_t character);
// The characters of an ASCII text.
[[nodiscard]] CharacterSet characters_of(std::string_view ascii);

struct ByteRange {
  std::uint8_t low = 0;
  std::uint8_t high = 0;
  auto operator<=>(const ByteRange&) const = default;
};

// One range for each byte of a character: every combination of bytes in them is a character.
using ByteSequence = std::vector<ByteRange>;

// The UTF-8 of a set as sequences that no two characters share (The Unicode Standard, table 3-6).
[[nodiscard]] std::vector<ByteSequence> utf8_sequences(const CharacterSet& set);

}  // namespace wattle::engine::grammar
