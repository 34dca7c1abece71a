#pragma once
// A text read character by character, for the parsers: knows its place for errors.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace wattle::engine::grammar {

// Counted from 1, columns in characters.
struct TextPlace {
  std::size_t offset = 0;  // in bytes, from 0
  std::size_t line = 1;
  std::size_t column = 1;
  // "line 3, column 7"
  [[nodiscard]] std::string text() const;
};

class TextReader {
 public:
  static constexpr char32_t kEnd = 0xFFFFFFFF;

  // `text` is valid UTF-8.
  explicit TextReader(std::string_view text) : text_(text) {}

  [[nodiscard]] char32_t peek() const { return peek_at(place_.offset); }
  // The character behind the next one.
  [[nodiscard]] char32_t peek_second() const;
  char32_t next();
  // `expected` is ASCII without line breaks.
  bool take(std::string_view expected);
  [[nodiscard]] bool at(std::string_view expected) const {
    return text_.substr(place_.offset).starts_with(expected);
  }
  [[nodiscard]] const TextPlace& place() const { return place_; }
  [[nodiscard]] std::string_view since(const TextPlace& begin) const {
    return text_.substr(begin.offset, place_.offset - begin.offset);
  }
  // "'x'", "the end of the line", "the end of the text"
  [[nodiscard]] std::string describe_next() const;

 private:
  [[nodiscard]] char32_t peek_at(std::size_t offset) const;

  std::string_view text_;
  TextPlace place_;
};

// `n_digits` hexadecimal digits; nothing is read if they are not there or the value is no
// character.
[[nodiscard]] Result<char32_t> read_hex(TextReader& reader, int n_digits);

}  // namespace wattle::engine::grammar
