#include "engine/template/text.hpp"

#include <string.h>

#include <algorithm>
#include <utility>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::jinja {
namespace {

bool contains_character(std::string_view characters, std::string_view character) {
  while (!characters.empty()) {
    const std::size_t bytes = character_bytes(characters);
    if (characters.substr(0, bytes) == character) return true;
    characters.remove_prefix(bytes);
  }
  return false;
}

std::string_view last_character(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && text.size() - begin < 4 &&
         (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) {
    --begin;
  }
  const std::string_view character = text.substr(begin);
  return character_bytes(character) == character.size() ? character : text.substr(text.size() - 1);
}

// Bytes of the line break that `text` begins with; 0 if it begins with none.
std::size_t line_break_bytes(std::string_view text) {
  if (text.starts_with("\r\n")) return 2;
  const std::size_t bytes = character_bytes(text);
  const std::uint32_t point = code_point(text.substr(0, bytes));
  const bool is_break = (point >= 0x0A && point <= 0x0D) || (point >= 0x1C && point <= 0x1E) ||
                        point == 0x85 || point == 0x2028 || point == 0x2029;
  return is_break ? bytes : 0;
}

}  // namespace

std::size_t character_bytes(std::string_view text) {
  return std::max<std::size_t>(1, utf8_length(text));
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(character_bytes(text));
  return count;
}

std::size_t byte_offset(std::string_view text, std::size_t character) {
  std::size_t offset = 0;
  while (character > 0 && offset < text.size()) {
    offset += character_bytes(text.substr(offset));
    --character;
  }
  return offset;
}

std::uint32_t code_point(std::string_view character) {
  const std::size_t length = utf8_length(character);
  return length == 0 ? 0xFFFD : utf8_code_point(character, length);
}

bool is_space(std::uint32_t point) {
  if (point > 0x20 && point < 0x80) return false;
  return (point >= 0x09 && point <= 0x0D) || (point >= 0x1C && point <= 0x20) || point == 0x85 ||
         point == 0xA0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200A) ||
         point == 0x2028 || point == 0x2029 || point == 0x202F || point == 0x205F ||
         point == 0x3000;
}

bool is_printable(std::uint32_t point) {
  if (point < 0x7F) return point >= 0x20;
  if (point <= 0xA0 || point == 0xAD || is_space(point)) return false;
  const bool is_format =
      (point >= 0x200B && point <= 0x200F) || (point >= 0x202A && point <= 0x202E) ||
      (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF ||
      (point >= 0xFFF9 && point <= 0xFFFB) || (point >= 0xE0000 && point <= 0xE007F);
  const bool is_private = (point >= 0xE000 && point <= 0xF8FF) || point >= 0xF0000;
  return !is_format && !is_private;
}

std::string_view strip(std::string_view text, std::optional<std::string_view> characters,
                       Sides sides) {
  const auto goes = [&](std::string_view character) {
    return characters ? contains_character(*characters, character)
                      : is_space(code_point(character));
  };
  while (sides != Sides::right && !text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (!goes(text.substr(0, bytes))) break;
    text.remove_prefix(bytes);
  }
  while (sides != Sides::left && !text.empty()) {
    const std::string_view last = last_character(text);
    if (!goes(last)) break;
    text.remove_suffix(last.size());
  }
  return text;
}

std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size() || part.size() > text.size() - from) return std::string_view::npos;
  if (part.empty()) return from;
  const void* found = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::string_view take_line(std::string_view& rest, bool keep_end) {
  for (std::size_t at = 0; at < rest.size(); at += character_bytes(rest.substr(at))) {
    const std::size_t end = line_break_bytes(rest.substr(at));
    if (end == 0) continue;
    const std::string_view line = rest.substr(0, keep_end ? at + end : at);
    rest.remove_prefix(at + end);
    return line;
  }
  return std::exchange(rest, {});
}

}  // namespace wattle::engine::jinja
