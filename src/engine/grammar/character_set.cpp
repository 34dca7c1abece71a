#include "engine/grammar/character_set.hpp"

#include <algorithm>
#include <string>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::grammar {
namespace {

constexpr CharacterRange kSurrogates{0xD800, 0xDFFF};

// Characters up to each of these have the same number of bytes.
constexpr char32_t kLengthEnds[] = {0x7F, 0x7FF, 0xFFFF, kLastCharacter};

// Cuts a range whose characters have the same length until each piece is a product of byte ranges.
void append_sequences(char32_t low, char32_t high, std::vector<ByteSequence>& sequences) {
  std::string first;
  append_utf8(low, first);
  for (std::size_t tail = 1; tail < first.size(); ++tail) {
    const char32_t mask = (char32_t{1} << (6 * tail)) - 1;
    if ((low | mask) == (high | mask)) break;
    if ((low & mask) != 0) {
      append_sequences(low, low | mask, sequences);
      append_sequences((low | mask) + 1, high, sequences);
      return;
    }
    if ((high & mask) != mask) {
      append_sequences(low, (high & ~mask) - 1, sequences);
      append_sequences(high & ~mask, high, sequences);
      return;
    }
  }
  std::string last;
  append_utf8(high, last);
  ByteSequence sequence;
  for (std::size_t i = 0; i < first.size(); ++i) {
    sequence.push_back({static_cast<std::uint8_t>(first[i]), static_cast<std::uint8_t>(last[i])});
  }
  sequences.push_back(std::move(sequence));
}

}  // namespace

CharacterSet normalized(CharacterSet ranges) {
  std::ranges::sort(ranges, {}, &CharacterRange::low);
  CharacterSet set;
  for (const CharacterRange& range : ranges) {
    if (range.low > range.high) continue;
    if (!set.empty() && range.low <= set.back().high + 1) {
      set.back().high = std::max(set.back().high, range.high);
    } else {
      set.push_back(range);
    }
  }
  return set;
}

CharacterSet complement(const CharacterSet& set) {
  CharacterSet rest;
  char32_t next = 0;
  for (const CharacterRange& range : set) {
    if (range.low > next) rest.push_back({next, range.low - 1});
    next = range.high + 1;
  }
  if (next <= kLastCharacter) rest.push_back({next, kLastCharacter});
  return rest;
}

CharacterSet intersection(const CharacterSet& a, const CharacterSet& b) {
  CharacterSet both;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const char32_t low = std::max(a[i].low, b[j].low);
    const char32_t high = std::min(a[i].high, b[j].high);
    if (low <= high) both.push_back({low, high});
    if (a[i].high < b[j].high) {
      ++i;
    } else {
      ++j;
    }
  }
  return both;
}

CharacterSet difference(const CharacterSet& a, const CharacterSet& b) {
  return intersection(a, complement(b));
}

bool contains(const CharacterSet& set, char32_t character) {
  return std::ranges::any_of(set, [character](const CharacterRange& range) {
    return range.low <= character && character <= range.high;
  });
}

CharacterSet characters_of(std::string_view ascii) {
  CharacterSet set;
  for (const char c : ascii) {
    const auto character = static_cast<char32_t>(static_cast<unsigned char>(c));
    set.push_back({character, character});
  }
  return normalized(std::move(set));
}

std::vector<ByteSequence> utf8_sequences(const CharacterSet& set) {
  std::vector<ByteSequence> sequences;
  for (const CharacterRange& range : difference(set, {kSurrogates})) {
    char32_t low = range.low;
    for (const char32_t end : kLengthEnds) {
      if (low > end || low > range.high) continue;
      append_sequences(low, std::min(range.high, end), sequences);
      low = end + 1;
    }
  }
  return sequences;
}

}  // namespace wattle::engine::grammar
