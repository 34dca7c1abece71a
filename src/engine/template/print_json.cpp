#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/template/number_text.hpp"
#include "engine/template/print.hpp"
#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

std::string float_json(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  return float_text(number);
}

std::string utf16_escape(std::uint32_t point) {
  if (point <= 0xFFFF) return fmt::format("\\u{:04x}", point);
  const std::uint32_t rest = point - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10U), 0xDC00 + (rest & 0x3FFU));
}

void append_escaped(std::string_view character, bool ensure_ascii, std::string& to) {
  constexpr std::string_view kNamed = "\"\\\n\r\t\f\b";
  constexpr std::string_view kNames = "\"\\nrtfb";
  const std::size_t named = kNamed.find(character[0]);
  const std::uint32_t point = code_point(character);
  if (named != std::string_view::npos) {
    to += '\\';
    to += kNames[named];
  } else if (point < 0x20 || (ensure_ascii && point > 0x7E)) {
    to += utf16_escape(point);
  } else {
    to += character;
  }
}

class JsonPrinter {
 public:
  JsonPrinter(const JsonStyle& style, TextBuilder& to) : style_(style), to_(to) {}

  Status write(const Value& value) {
    if (++depth_ > to_.heap().limits().depth) {
      return fail(ErrorCode::resource_exhausted,
                  "a value is nested too deeply, or in itself, to be printed as JSON");
    }
    WATTLE_CHECK(to_.heap().step());
    auto status = write_content(value);
    --depth_;
    return status;
  }

 private:
  Status write_content(const Value& value) {
    if (const auto* text = as_text(value)) return write_text(*text);
    if (const auto* sequence = as_sequence(value)) return write_sequence(*sequence);
    if (const auto* dict = as_dict(value)) return write_dict(*dict);
    const auto scalar = scalar_json(value);
    if (scalar) return to_.add(*scalar);
    return cannot(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
  }

  static std::optional<std::string> scalar_json(const Value& value) {
    if (std::holds_alternative<None>(value)) return "null";
    if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
    if (const auto* number = std::get_if<double>(&value)) return float_json(*number);
    if (const auto integer = as_integer(value)) return std::to_string(*integer);
    return std::nullopt;
  }

  Status write_text(std::string_view text) {
    std::string json = "\"";
    while (!text.empty()) {
      const std::size_t bytes = character_bytes(text);
      append_escaped(text.substr(0, bytes), style_.ensure_ascii, json);
      text.remove_prefix(bytes);
    }
    return to_.add(json += '"');
  }

  // Before each item, and (with `first`) before the closing bracket.
  Status line_break() {
    if (!style_.indent) return {};
    WATTLE_CHECK(to_.add("\n"));
    return to_.add(level_, *style_.indent);
  }

  Status write_sequence(const Sequence& sequence) {
    if (sequence.items.empty()) return to_.add("[]");
    WATTLE_CHECK(to_.add("["));
    ++level_;
    for (std::size_t i = 0; i < sequence.items.size(); ++i) {
      if (i > 0) WATTLE_CHECK(to_.add(style_.item_separator));
      WATTLE_CHECK(line_break());
      WATTLE_CHECK(write(sequence.items[i]));
    }
    --level_;
    WATTLE_CHECK(line_break());
    return to_.add("]");
  }

  Status write_dict(const Dict& dict) {
    if (dict.entries().empty()) return to_.add("{}");
    WATTLE_CHECK(to_.add("{"));
    ++level_;
    WATTLE_TRY(const auto entries, ordered(dict));
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) WATTLE_CHECK(to_.add(style_.item_separator));
      WATTLE_CHECK(line_break());
      const auto* key = as_text(entries[i]->first);
      const std::string scalar = key == nullptr ? *scalar_json(entries[i]->first) : "";
      WATTLE_CHECK(write_text(key != nullptr ? *key : scalar));
      WATTLE_CHECK(to_.add(style_.key_separator));
      WATTLE_CHECK(write(entries[i]->second));
    }
    --level_;
    WATTLE_CHECK(line_break());
    return to_.add("}");
  }

  Result<std::vector<const Dict::Entry*>> ordered(const Dict& dict) {
    WATTLE_CHECK(to_.heap().work(dict.entries().size() * sizeof(void*)));
    std::vector<const Dict::Entry*> entries;
    entries.reserve(dict.entries().size());
    for (const auto& entry : dict.entries()) entries.push_back(&entry);
    if (!style_.sort_keys) return entries;
    for (const auto* entry : entries) {
      if (as_text(entry->first) == nullptr) return not_covered("keys that are no text, sorted");
    }
    std::ranges::sort(entries, {}, [](const Dict::Entry* entry) { return *as_text(entry->first); });
    return entries;
  }

  const JsonStyle& style_;
  TextBuilder& to_;
  std::size_t depth_ = 0;
  std::size_t level_ = 0;
};

}  // namespace

Status print_json(const Value& value, const JsonStyle& style, TextBuilder& to) {
  return JsonPrinter(style, to).write(value);
}

}  // namespace wattle::engine::jinja
