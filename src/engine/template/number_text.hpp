#pragma once
// Numbers as Python writes and reads them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wattle::engine::jinja {

// repr(): "1.0", "1e+16", "inf".
[[nodiscard]] std::string float_text(double number);
// float(text): surrounding white space, underscores between digits, "inf" and "nan" are allowed.
[[nodiscard]] std::optional<double> parse_float(std::string_view text);
// int(text, base), base 2 to 36; 64 bits.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text, int base = 10);

}  // namespace wattle::engine::jinja
