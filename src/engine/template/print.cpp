#include "engine/template/print.hpp"

#include <fmt/format.h>

#include "engine/template/number_text.hpp"
#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

std::string escaped(std::uint32_t point) {
  switch (point) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\\':
      return "\\\\";
    default:
      break;
  }
  if (point <= 0xFF) return fmt::format("\\x{:02x}", point);
  if (point <= 0xFFFF) return fmt::format("\\u{:04x}", point);
  return fmt::format("\\U{:08x}", point);
}

Status print_repr_of_text(std::string_view text, TextBuilder& to) {
  const bool double_quoted = text.contains('\'') && !text.contains('"');
  const char quote = double_quoted ? '"' : '\'';
  std::string repr(1, quote);
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const std::string_view character = text.substr(0, bytes);
    const std::uint32_t point = code_point(character);
    if (character[0] == quote) {
      repr += '\\';
      repr += quote;
    } else if (point == '\\' || !is_printable(point)) {
      repr += escaped(point);
    } else {
      repr += character;
    }
    text.remove_prefix(bytes);
  }
  repr += quote;
  return to.add(repr);
}

// Prints values inside values: texts quoted, circles and depths refused.
class Printer {
 public:
  explicit Printer(TextBuilder& to) : to_(to) {}

  Status repr(const Value& value) {
    if (++depth_ > to_.heap().limits().depth) {
      return fail(ErrorCode::resource_exhausted,
                  "a value is nested too deeply, or in itself, to be printed");
    }
    WATTLE_CHECK(to_.heap().step());
    auto status = std::visit([&](const auto& content) { return write(content); }, value);
    --depth_;
    return status;
  }

 private:
  Status write(const Undefined&) { return to_.add("Undefined"); }
  Status write(const None&) { return to_.add("None"); }
  Status write(bool truth) { return to_.add(truth ? "True" : "False"); }
  Status write(std::int64_t number) { return to_.add(std::to_string(number)); }
  Status write(double number) { return to_.add(float_text(number)); }
  Status write(std::string_view text) { return print_repr_of_text(text, to_); }
  Status write(const Loop* loop) {
    return to_.add(fmt::format("<LoopContext {}/{}>", loop->index0 + 1, loop->items.size()));
  }
  Status write(const Callable* callable) {
    return to_.add(fmt::format("<{} '{}'>", callable->macro != nullptr ? "Macro" : "function",
                               callable->name));
  }

  Status write(const Sequence* sequence) {
    WATTLE_CHECK(to_.add(sequence->is_tuple ? "(" : "["));
    for (std::size_t i = 0; i < sequence->items.size(); ++i) {
      if (i > 0) WATTLE_CHECK(to_.add(", "));
      WATTLE_CHECK(repr(sequence->items[i]));
    }
    if (!sequence->is_tuple) return to_.add("]");
    return to_.add(sequence->items.size() == 1 ? ",)" : ")");
  }

  Status write(const Dict* dict) {
    WATTLE_CHECK(to_.add("{"));
    bool first = true;
    for (const auto& [key, value] : dict->entries()) {
      if (!std::exchange(first, false)) WATTLE_CHECK(to_.add(", "));
      WATTLE_CHECK(repr(key));
      WATTLE_CHECK(to_.add(": "));
      WATTLE_CHECK(repr(value));
    }
    return to_.add("}");
  }

  Status write(const Namespace& names) {
    WATTLE_CHECK(to_.add("<Namespace "));
    WATTLE_CHECK(write(names.attributes));
    return to_.add(">");
  }

  TextBuilder& to_;
  std::size_t depth_ = 0;
};

}  // namespace

Status print(const Value& value, TextBuilder& to) {
  if (const auto* text = as_text(value)) return to.add(*text);
  if (is_undefined(value)) return {};
  return Printer(to).repr(value);
}

Result<std::string_view> to_text(Heap& heap, const Value& value) {
  if (const auto* text = as_text(value)) return *text;
  TextBuilder builder(heap);
  WATTLE_CHECK(print(value, builder));
  return heap.keep(builder.take());
}

}  // namespace wattle::engine::jinja
