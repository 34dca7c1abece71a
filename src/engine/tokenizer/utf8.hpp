#pragma once
// UTF-8, strictly: no surrogates, no overlong forms, nothing above U+10FFFF.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wattle::engine {

// Bytes of the character that `text` begins with; 0 if it begins with none.
inline std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && at(1) < 0xA0) return 0;  // overlong
  if (lead == 0xED && at(1) > 0x9F) return 0;  // surrogate
  if (lead == 0xF0 && at(1) < 0x90) return 0;  // overlong
  if (lead == 0xF4 && at(1) > 0x8F) return 0;  // above U+10FFFF
  return length;
}

// Bytes that `text` has before the first invalid one.
inline std::size_t utf8_valid_prefix(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t length = utf8_length(text.substr(end));
    if (length == 0) break;
    end += length;
  }
  return end;
}

// `length` = utf8_length(text) > 0.
inline std::uint32_t utf8_code_point(std::string_view text, std::size_t length) {
  const auto at = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<std::uint8_t>(text[i]));
  };
  if (length == 1) return at(0);
  std::uint32_t point = at(0) & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) point = point << 6 | (at(i) & 0x3FU);
  return point;
}

inline void append_utf8(std::uint32_t point, std::string& text) {
  const auto push = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    push(point);
  } else if (point < 0x800) {
    push(0xC0 | point >> 6);
    push(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    push(0xE0 | point >> 12);
    push(0x80 | (point >> 6 & 0x3F));
    push(0x80 | (point & 0x3F));
  } else {
    push(0xF0 | point >> 18);
    push(0x80 | (point >> 12 & 0x3F));
    push(0x80 | (point >> 6 & 0x3F));
    push(0x80 | (point & 0x3F));
  }
}

// The Unicode property White_Space; stable since Unicode 6.3.
inline bool is_white_space(std::uint32_t point) {
  return (point >= 0x09 && point <= 0x0D) || point == 0x20 || point == 0x85 || point == 0xA0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
         point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

// Bytes of white space that `text` begins with.
inline std::size_t leading_white_space(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::string_view rest = text.substr(end);
    const std::size_t length = utf8_length(rest);
    if (length == 0 || !is_white_space(utf8_code_point(rest, length))) break;
    end += length;
  }
  return end;
}

// Bytes of the last character of `text`; 1 if it does not end with one.
inline std::size_t utf8_last_length(std::string_view text) {
  for (std::size_t n = 1; n <= 4 && n <= text.size(); ++n) {
    if (utf8_length(text.substr(text.size() - n)) == n) return n;
  }
  return 1;
}

// Bytes of white space that `text` ends with.
inline std::size_t trailing_white_space(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size()) {
    const std::string_view rest = text.substr(0, text.size() - n);
    const std::size_t length = utf8_last_length(rest);
    const std::string_view last = rest.substr(rest.size() - length);
    if (utf8_length(last) == 0 || !is_white_space(utf8_code_point(last, length))) break;
    n += length;
  }
  return n;
}

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace wattle::engine
