#include "engine/grammar/text_reader.hpp"

#include <fmt/format.h>

#include "engine/grammar/character_set.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::grammar {
namespace {

int hex_value(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A') + 10;
  return -1;
}

}  // namespace

std::string TextPlace::text() const {
  return fmt::format("line {}, column {}", line, column);
}

char32_t TextReader::peek_at(std::size_t offset) const {
  const std::string_view rest = text_.substr(offset);
  const std::size_t length = utf8_length(rest);
  return length == 0 ? kEnd : static_cast<char32_t>(utf8_code_point(rest, length));
}

char32_t TextReader::peek_second() const {
  const std::size_t length = utf8_length(text_.substr(place_.offset));
  return length == 0 ? kEnd : peek_at(place_.offset + length);
}

char32_t TextReader::next() {
  const char32_t character = peek();
  if (character == kEnd) return kEnd;
  place_.offset += utf8_length(text_.substr(place_.offset));
  ++place_.column;
  if (character == '\n') {
    ++place_.line;
    place_.column = 1;
  }
  return character;
}

bool TextReader::take(std::string_view expected) {
  if (!at(expected)) return false;
  place_.offset += expected.size();
  place_.column += expected.size();
  return true;
}

std::string TextReader::describe_next() const {
  const char32_t character = peek();
  if (character == kEnd) return "the end of the text";
  if (character == '\n' || character == '\r') return "the end of the line";
  std::string text;
  append_utf8(static_cast<std::uint32_t>(character), text);
  return "'" + text + "'";
}

Result<char32_t> read_hex(TextReader& reader, int n_digits) {
  char32_t value = 0;
  for (int i = 0; i < n_digits; ++i) {
    const int digit = hex_value(reader.peek());
    if (digit < 0) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("{} hexadecimal digits are expected, not {}", n_digits,
                              reader.describe_next()));
    }
    reader.next();
    value = value * 16 + static_cast<char32_t>(digit);
  }
  if (value > kLastCharacter || (value >= 0xD800 && value <= 0xDFFF)) {
    return fail(ErrorCode::invalid_format,
                fmt::format("U+{:04X} is no character", static_cast<std::uint32_t>(value)));
  }
  return value;
}

}  // namespace wattle::engine::grammar
