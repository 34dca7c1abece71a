#pragma once
// Text as Python sees it: made of characters, which are code points. A byte that is not UTF-8
// counts as a character of its own.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wattle::engine::jinja {

// Bytes of the first character of a text that is not empty.
[[nodiscard]] std::size_t character_bytes(std::string_view text);
[[nodiscard]] std::size_t count_characters(std::string_view text);
// Where character number `character` begins; the end of the text for any beyond it.
[[nodiscard]] std::size_t byte_offset(std::string_view text, std::size_t character);
// The code point of a character; U+FFFD for a byte that is not UTF-8.
[[nodiscard]] std::uint32_t code_point(std::string_view character);

[[nodiscard]] bool is_space(std::uint32_t point);      // str.isspace()
[[nodiscard]] bool is_printable(std::uint32_t point);  // what repr() leaves as it is, nearly
// Has an upper and a lower case, in the scripts that the conversions below know.
[[nodiscard]] bool is_upper(std::uint32_t point);
[[nodiscard]] bool is_lower(std::uint32_t point);
// Latin, Greek, Cyrillic and Armenian; letters of other scripts stay as they are.
void append_upper(std::string_view text, std::string& to);
void append_lower(std::string_view text, std::string& to);

enum class Sides { left, right, both };
// Without the characters of `characters` (absent: white space) at the chosen ends. Takes time in
// proportion to the product of the two.
[[nodiscard]] std::string_view strip(std::string_view text,
                                     std::optional<std::string_view> characters, Sides sides);

// Where `part` begins at or behind byte `from`; npos if nowhere. Linear.
[[nodiscard]] std::size_t find_text(std::string_view text, std::string_view part,
                                    std::size_t from = 0);
// Takes the first line off `rest`, which is not empty, as str.splitlines() cuts lines.
[[nodiscard]] std::string_view take_line(std::string_view& rest, bool keep_end);

}  // namespace wattle::engine::jinja
