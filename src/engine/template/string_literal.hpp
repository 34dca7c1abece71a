#pragma once
// The escapes of a string in a template: Python's.

#include <expected>
#include <string>
#include <string_view>

namespace wattle::engine::jinja {

// `content` is what stands between the quotes. The error says what is wrong with an escape. A
// backslash before any other character stands for itself, as in Python.
[[nodiscard]] std::expected<std::string, std::string> resolve_escapes(std::string_view content);

}  // namespace wattle::engine::jinja
