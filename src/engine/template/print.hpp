#pragma once
// Values as text: Python's str() and repr(), and JSON.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "engine/template/heap.hpp"
#include "engine/template/value.hpp"

namespace wattle::engine::jinja {

// What {{ value }} prints: texts as they are, undefined as nothing.
[[nodiscard]] Status print(const Value& value, TextBuilder& to);
[[nodiscard]] Result<std::string_view> to_text(Heap& heap, const Value& value);

// As json.dumps() writes it.
struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string_view> indent;  // absent: one line
  std::string_view item_separator = ", ";
  std::string_view key_separator = ": ";
  bool sort_keys = false;
};
[[nodiscard]] Status print_json(const Value& value, const JsonStyle& style, TextBuilder& to);

}  // namespace wattle::engine::jinja
