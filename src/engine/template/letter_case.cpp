// Upper and lower case of the scripts that have one and are in common use.

#include <algorithm>
#include <array>

#include "engine/template/text.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::jinja {
namespace {

// Every `stride`-th code point of first … last is an upper-case letter; its lower case is
// `to_lower` further on. Source: Unicode's simple case mappings.
struct UpperLetters {
  std::uint32_t first;
  std::uint32_t last;
  std::uint32_t stride;
  std::int32_t to_lower;
};
constexpr std::array kUpperLetters = {
    UpperLetters{'A', 'Z', 1, 32},       UpperLetters{0x00C0, 0x00D6, 1, 32},  // Latin-1
    UpperLetters{0x00D8, 0x00DE, 1, 32}, UpperLetters{0x0100, 0x012E, 2, 1},   // Latin Extended-A
    UpperLetters{0x0132, 0x0136, 2, 1},  UpperLetters{0x0139, 0x0147, 2, 1},
    UpperLetters{0x014A, 0x0176, 2, 1},  UpperLetters{0x0178, 0x0178, 1, -121},
    UpperLetters{0x0179, 0x017D, 2, 1},  UpperLetters{0x0386, 0x0386, 1, 38},  // Greek
    UpperLetters{0x0388, 0x038A, 1, 37}, UpperLetters{0x038C, 0x038C, 1, 64},
    UpperLetters{0x038E, 0x038F, 1, 63}, UpperLetters{0x0391, 0x03A1, 1, 32},
    UpperLetters{0x03A3, 0x03AB, 1, 32}, UpperLetters{0x0400, 0x040F, 1, 80},  // Cyrillic
    UpperLetters{0x0410, 0x042F, 1, 32}, UpperLetters{0x0460, 0x0480, 2, 1},
    UpperLetters{0x048A, 0x04BE, 2, 1},  UpperLetters{0x04D0, 0x052E, 2, 1},
    UpperLetters{0x0531, 0x0556, 1, 48},  // Armenian
    UpperLetters{0x1E00, 0x1E94, 2, 1},   // Latin Extended Additional
    UpperLetters{0x1EA0, 0x1EFE, 2, 1},
};

bool in_range(std::uint32_t point, std::uint32_t first, const UpperLetters& letters) {
  return point >= first && point - first <= letters.last - letters.first &&
         (point - first) % letters.stride == 0;
}
std::uint32_t moved(std::uint32_t point, std::int32_t by) {
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(point) + by);
}

std::uint32_t lower_of(std::uint32_t point) {
  if (point < 0x80) return point >= 'A' && point <= 'Z' ? point + 32 : point;
  const auto* found = std::ranges::find_if(kUpperLetters, [&](const UpperLetters& letters) {
    return in_range(point, letters.first, letters);
  });
  return found != kUpperLetters.end() ? moved(point, found->to_lower) : point;
}

std::uint32_t upper_of(std::uint32_t point) {
  if (point < 0x80) return point >= 'a' && point <= 'z' ? point - 32 : point;
  if (point == 0x03C2) return 0x03A3;  // the sigma at the end of a word
  const auto* found = std::ranges::find_if(kUpperLetters, [&](const UpperLetters& letters) {
    return in_range(point, moved(letters.first, letters.to_lower), letters);
  });
  return found != kUpperLetters.end() ? moved(point, -found->to_lower) : point;
}

template <class Convert>
void append_converted(std::string_view text, std::string& to, const Convert& convert) {
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const std::string_view character = text.substr(0, bytes);
    if (bytes == 1 && static_cast<unsigned char>(character[0]) >= 0x80) {
      to += character;  // not UTF-8
    } else {
      convert(code_point(character));
    }
    text.remove_prefix(bytes);
  }
}

}  // namespace

bool is_upper(std::uint32_t point) {
  return lower_of(point) != point;
}
bool is_lower(std::uint32_t point) {
  return upper_of(point) != point || point == 0x00DF;
}

void append_upper(std::string_view text, std::string& to) {
  append_converted(text, to, [&](std::uint32_t point) {
    if (point == 0x00DF) {  // ß has no upper case of its own
      to += "SS";
    } else {
      append_utf8(upper_of(point), to);
    }
  });
}

void append_lower(std::string_view text, std::string& to) {
  append_converted(text, to, [&](std::uint32_t point) { append_utf8(lower_of(point), to); });
}

}  // namespace wattle::engine::jinja
