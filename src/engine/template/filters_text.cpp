// Filters that give text.

#include <fmt/format.h>

#include <array>

#include "engine/template/builtins.hpp"
#include "engine/template/operators.hpp"
#include "engine/template/print.hpp"
#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

Result<Value> string_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(const auto text, to_text(call.heap, call.input));
  return text;
}

Result<Value> upper_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(const auto text, to_text(call.heap, call.input));
  return upper_text(call.heap, text);
}

Result<Value> lower_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(const auto text, to_text(call.heap, call.input));
  return lower_text(call.heap, text);
}

Result<Value> capitalize_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(const auto text, to_text(call.heap, call.input));
  return capitalize_text(call.heap, text);
}

// Jinja's own idea of a title: words begin behind white space and - ( { [ <.
Result<Value> title_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(std::string_view text, to_text(call.heap, call.input));
  WATTLE_CHECK(call.heap.work(kCaseWork * text.size()));
  std::string title;
  bool at_beginning = true;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const std::string_view character = text.substr(0, bytes);
    at_beginning ? append_upper(character, title) : append_lower(character, title);
    at_beginning = is_space(code_point(character)) || std::string_view("-({[<").contains(character);
    text.remove_prefix(bytes);
  }
  return make_text(call.heap, std::move(title));
}

Result<Value> trim_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"chars"}));
  WATTLE_TRY(const auto text, to_text(call.heap, call.input));
  if (given[0] == nullptr || std::holds_alternative<None>(*given[0])) {
    WATTLE_CHECK(call.heap.work(text.size()));
    return strip(text, std::nullopt, Sides::both);
  }
  WATTLE_TRY(const auto characters, text_or(call, given[0], ""));
  WATTLE_CHECK(call.heap.work(text.size() * (1 + characters.size())));
  return strip(text, characters, Sides::both);
}

Result<Value> replace_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"old", "new", "count"}, 2));
  WATTLE_TRY(const auto text, to_text(call.heap, call.input));
  WATTLE_TRY(const auto old, to_text(call.heap, *given[0]));
  WATTLE_TRY(const auto replacement, to_text(call.heap, *given[1]));
  const bool all = given[2] == nullptr || std::holds_alternative<None>(*given[2]);
  WATTLE_TRY(const auto count, integer_or(call, all ? nullptr : given[2], -1));
  return replace_text(call.heap, text, old, replacement, count);
}

Result<Value> indent_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"width", "first", "blank"}));
  WATTLE_TRY(std::string_view text, text_or(call, &call.input, ""));
  const auto* by_text = given[0] != nullptr ? as_text(*given[0]) : nullptr;
  WATTLE_TRY(const auto width, integer_or(call, by_text != nullptr ? nullptr : given[0], 4));
  const std::string_view unit = by_text != nullptr ? *by_text : " ";
  const auto n_units =
      by_text != nullptr ? 1 : static_cast<std::size_t>(std::max<std::int64_t>(0, width));
  const bool first = truth_or(given[1], false);
  const bool blank = truth_or(given[2], false);
  TextBuilder builder(call.heap);
  if (first) WATTLE_CHECK(builder.add(n_units, unit));
  // A line break at the end begins one more, empty line.
  bool at_first = true;
  for (bool more = true; more;) {
    const std::size_t before = text.size();
    const std::string_view line = text.empty() ? text : take_line(text, false);
    more = !text.empty() || line.size() < before;
    if (!std::exchange(at_first, false)) {
      WATTLE_CHECK(builder.add("\n"));
      if (blank || !line.empty()) WATTLE_CHECK(builder.add(n_units, unit));
    }
    WATTLE_CHECK(builder.add(line));
  }
  return builder.value();
}

Result<Value> escape_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(const auto text, to_text(call.heap, call.input));
  constexpr std::string_view kSpecial = "&<>'\"";
  constexpr std::array<std::string_view, 5> kEscapes = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  TextBuilder builder(call.heap);
  for (const char& c : text) {
    const std::size_t special = kSpecial.find(c);
    WATTLE_CHECK(builder.add(special != std::string_view::npos ? kEscapes[special]
                                                               : std::string_view(&c, 1)));
  }
  return builder.value();
}

// Values separated by a text; each is printed.
Result<Value> join_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"d", "attribute"}));
  const Value empty = std::string_view();
  WATTLE_TRY(const auto separator, to_text(call.heap, given[0] != nullptr ? *given[0] : empty));
  WATTLE_TRY(const auto items, items_of(call.heap, call.input));
  TextBuilder builder(call.heap);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) WATTLE_CHECK(builder.add(separator));
    WATTLE_TRY(const Value value, value_at(call.heap, items[i], given[1]));
    WATTLE_CHECK(print(value, builder));
  }
  return builder.value();
}

// The separators of tojson: a pair of texts.
Status read_separators(const Invocation& call, const Value* given, JsonStyle& style) {
  if (given == nullptr || std::holds_alternative<None>(*given)) return {};
  const auto* pair = as_sequence(*given);
  if (pair == nullptr || pair->items.size() != 2) {
    return cannot("tojson() needs two texts as separators");
  }
  WATTLE_TRY(style.item_separator, text_or(call, &pair->items[0], ""));
  WATTLE_TRY(style.key_separator, text_or(call, &pair->items[1], ""));
  return {};
}

// The parameters are those of Hugging Face's own filter, not of Jinja's.
Result<Value> tojson_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ensure_ascii = truth_or(given[0], false);
  style.sort_keys = truth_or(given[3], false);
  TextBuilder indent(call.heap);
  if (given[1] != nullptr && !std::holds_alternative<None>(*given[1])) {
    style.item_separator = ",";
    if (const auto* unit = as_text(*given[1])) {
      style.indent = *unit;
    } else {
      WATTLE_TRY(const auto width, integer_or(call, given[1], 0));
      WATTLE_CHECK(indent.add(static_cast<std::size_t>(std::max<std::int64_t>(0, width)), " "));
      style.indent = indent.text();
    }
  }
  WATTLE_CHECK(read_separators(call, given[2], style));
  TextBuilder builder(call.heap);
  WATTLE_CHECK(print_json(call.input, style, builder));
  return builder.value();
}

constexpr std::array kFilters = {
    NamedFunction{"capitalize", capitalize_filter},
    NamedFunction{"e", escape_filter},
    NamedFunction{"escape", escape_filter},
    NamedFunction{"indent", indent_filter},
    NamedFunction{"join", join_filter},
    NamedFunction{"lower", lower_filter},
    NamedFunction{"replace", replace_filter},
    NamedFunction{"safe", string_filter},
    NamedFunction{"string", string_filter},
    NamedFunction{"title", title_filter},
    NamedFunction{"tojson", tojson_filter},
    NamedFunction{"trim", trim_filter},
    NamedFunction{"upper", upper_filter},
};

}  // namespace

Registry text_filters() {
  return kFilters;
}

Result<Value> replace_text(Heap& heap, std::string_view text, std::string_view old,
                           std::string_view replacement, std::int64_t count) {
  WATTLE_CHECK(heap.work(text.size() + old.size()));
  TextBuilder builder(heap);
  std::size_t at = 0;
  while (count != 0) {
    const std::size_t found = find_text(text, old, at);
    if (found == std::string_view::npos) break;
    WATTLE_CHECK(heap.step());
    WATTLE_CHECK(builder.add(text.substr(at, found - at)));
    WATTLE_CHECK(builder.add(replacement));
    at = found + old.size();
    if (count > 0) --count;
    if (!old.empty()) continue;
    // The empty text is found before every character and at the end.
    if (at == text.size()) return builder.value();
    const std::size_t bytes = character_bytes(text.substr(at));
    WATTLE_CHECK(builder.add(text.substr(at, bytes)));
    at += bytes;
  }
  WATTLE_CHECK(builder.add(text.substr(at)));
  return builder.value();
}

Result<Value> upper_text(Heap& heap, std::string_view text) {
  WATTLE_CHECK(heap.work(kCaseWork * text.size()));
  std::string upper;
  append_upper(text, upper);
  return make_text(heap, std::move(upper));
}

Result<Value> lower_text(Heap& heap, std::string_view text) {
  WATTLE_CHECK(heap.work(kCaseWork * text.size()));
  std::string lower;
  append_lower(text, lower);
  return make_text(heap, std::move(lower));
}

Result<Value> capitalize_text(Heap& heap, std::string_view text) {
  if (text.empty()) return text;
  WATTLE_CHECK(heap.work(kCaseWork * text.size()));
  const std::size_t bytes = character_bytes(text);
  std::string capitalized;
  append_upper(text.substr(0, bytes), capitalized);
  append_lower(text.substr(bytes), capitalized);
  return make_text(heap, std::move(capitalized));
}

}  // namespace wattle::engine::jinja
