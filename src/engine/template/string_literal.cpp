#include "engine/template/string_literal.hpp"

#include <fmt/format.h>

#include <charconv>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::jinja {
namespace {

// A lone surrogate cannot be written in UTF-8.
void append_point(std::uint32_t point, std::string& to) {
  if (point >= 0xD800 && point <= 0xDFFF) {
    to += kReplacementCharacter;
  } else {
    append_utf8(point, to);
  }
}

// "\x41", "\u0041", "\U00000041": exactly so many hexadecimal digits.
std::expected<std::size_t, std::string> append_hexadecimal(std::string_view digits,
                                                           std::size_t n_digits, std::string& to) {
  std::uint32_t point = 0;
  const std::string_view number = digits.substr(0, n_digits);
  const auto read = std::from_chars(number.data(), number.data() + number.size(), point, 16);
  if (number.size() != n_digits || read.ptr != number.data() + n_digits || read.ec != std::errc{}) {
    return std::unexpected(fmt::format("an escape needs {} hexadecimal digits", n_digits));
  }
  if (point > 0x10FFFF) return std::unexpected(std::string("an escape is no Unicode character"));
  append_point(point, to);
  return n_digits;
}

std::size_t append_octal(std::string_view digits, std::string& to) {
  std::uint32_t point = 0;
  std::size_t n_digits = 0;
  while (n_digits < 3 && n_digits < digits.size() && digits[n_digits] >= '0' &&
         digits[n_digits] <= '7') {
    point = point * 8 + static_cast<std::uint32_t>(digits[n_digits] - '0');
    ++n_digits;
  }
  append_point(point, to);
  return n_digits;
}

// The escape behind a backslash; gives its length.
std::expected<std::size_t, std::string> append_escape(std::string_view escape, std::string& to) {
  constexpr std::string_view kNames = "\\'\"abfnrtv";
  constexpr std::string_view kCharacters = "\\'\"\a\b\f\n\r\t\v";
  const char c = escape[0];
  if (const auto named = kNames.find(c); named != std::string_view::npos) {
    to += kCharacters[named];
    return 1;
  }
  if (c == '\n') return 1;  // a line that goes on
  if (c >= '0' && c <= '7') return append_octal(escape, to);
  const std::size_t n_digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (n_digits > 0) {
    auto used = append_hexadecimal(escape.substr(1), n_digits, to);
    if (used) ++*used;
    return used;
  }
  if (c == 'N') return std::unexpected(std::string("\\N{name} is not covered"));
  to += '\\';
  return 0;
}

}  // namespace

std::expected<std::string, std::string> resolve_escapes(std::string_view content) {
  std::string resolved;
  for (std::size_t i = 0; i < content.size();) {
    if (content[i] != '\\' || i + 1 >= content.size()) {
      resolved += content[i++];
      continue;
    }
    const auto used = append_escape(content.substr(i + 1), resolved);
    if (!used) return std::unexpected(used.error());
    i += 1 + *used;
  }
  return resolved;
}

}  // namespace wattle::engine::jinja
