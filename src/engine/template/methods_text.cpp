// The methods of str.

#include <fmt/format.h>

#include <array>

#include "engine/template/builtins.hpp"
#include "engine/template/operators.hpp"
#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

bool is_given(const Value* value) {
  return value != nullptr && !std::holds_alternative<None>(*value);
}

Result<Value> strip_sides(const Invocation& call, Sides sides) {
  WATTLE_TRY(const Given given, bind(call, {"chars"}));
  const std::string_view text = self_text(call);
  if (!is_given(given[0])) {
    WATTLE_CHECK(call.heap.work(text.size()));
    return strip(text, std::nullopt, sides);
  }
  WATTLE_TRY(const auto characters, text_or(call, given[0], ""));
  WATTLE_CHECK(call.heap.work(text.size() * (1 + characters.size())));
  return strip(text, characters, sides);
}
Result<Value> strip_method(const Invocation& call) {
  return strip_sides(call, Sides::both);
}
Result<Value> lstrip_method(const Invocation& call) {
  return strip_sides(call, Sides::left);
}
Result<Value> rstrip_method(const Invocation& call) {
  return strip_sides(call, Sides::right);
}

// Words between white space; the last takes the rest once there were `limit` cuts.
Result<Value> split_at_space(Heap& heap, std::string_view text, std::int64_t limit) {
  SequenceBuilder parts(heap);
  text = strip(text, std::nullopt, Sides::left);
  while (!text.empty()) {
    if (limit == 0) {
      WATTLE_CHECK(parts.add(text));
      break;
    }
    std::size_t end = 0;
    while (end < text.size()) {
      const std::size_t bytes = character_bytes(text.substr(end));
      if (is_space(code_point(text.substr(end, bytes)))) break;
      end += bytes;
    }
    WATTLE_CHECK(parts.add(text.substr(0, end)));
    text = strip(text.substr(end), std::nullopt, Sides::left);
    if (limit > 0) --limit;
  }
  return parts.list();
}

Result<Value> split_at(Heap& heap, std::string_view text, std::string_view separator,
                       std::int64_t limit) {
  SequenceBuilder parts(heap);
  std::size_t begin = 0;
  for (; limit != 0; --limit) {
    const std::size_t end = find_text(text, separator, begin);
    if (end == std::string_view::npos) break;
    WATTLE_CHECK(parts.add(text.substr(begin, end - begin)));
    begin = end + separator.size();
  }
  WATTLE_CHECK(parts.add(text.substr(begin)));
  return parts.list();
}

// From the right: the first part takes the rest.
Result<Value> rsplit_at(Heap& heap, std::string_view text, std::string_view separator,
                        std::int64_t limit) {
  SequenceBuilder parts(heap);
  for (; limit != 0; --limit) {
    const std::size_t at = text.rfind(separator);
    if (at == std::string_view::npos) break;
    WATTLE_CHECK(heap.work(separator.size() * (text.size() - at)));
    WATTLE_CHECK(parts.add(text.substr(at + separator.size())));
    text = text.substr(0, at);
  }
  WATTLE_CHECK(parts.add(text));
  auto items = parts.take();
  return heap.sequence({items.rbegin(), items.rend()});
}

Result<Value> split_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"sep", "maxsplit"}));
  WATTLE_TRY(const auto limit, integer_or(call, given[1], -1));
  const std::string_view text = self_text(call);
  WATTLE_CHECK(call.heap.work(text.size()));
  if (!is_given(given[0])) return split_at_space(call.heap, text, limit);
  WATTLE_TRY(const auto separator, text_or(call, given[0], ""));
  if (separator.empty()) return cannot("empty separator");
  return split_at(call.heap, text, separator, limit);
}

Result<Value> rsplit_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"sep", "maxsplit"}));
  WATTLE_TRY(const auto limit, integer_or(call, given[1], -1));
  const std::string_view text = self_text(call);
  if (!is_given(given[0])) {
    if (limit >= 0) return not_covered("rsplit() at white space with a limit");
    WATTLE_CHECK(call.heap.work(text.size()));
    return split_at_space(call.heap, text, -1);
  }
  WATTLE_TRY(const auto separator, text_or(call, given[0], ""));
  if (separator.empty()) return cannot("empty separator");
  WATTLE_CHECK(call.heap.work(text.size() * separator.size()));
  return rsplit_at(call.heap, text, separator, limit);
}

Result<Value> splitlines_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"keepends"}));
  std::string_view text = self_text(call);
  WATTLE_CHECK(call.heap.work(text.size()));
  SequenceBuilder lines(call.heap);
  while (!text.empty()) WATTLE_CHECK(lines.add(take_line(text, truth_or(given[0], false))));
  return lines.list();
}

// From here to there, as text[start:end] does.
Result<std::string_view> part_of(const Invocation& call, const Given& given) {
  const Value none = None{};
  WATTLE_TRY(const Value part,
             slice_of(call.heap, call.input, given[1] != nullptr ? *given[1] : none,
                      given[2] != nullptr ? *given[2] : none, none));
  return *as_text(part);
}

Result<bool> has_affix(const Invocation& call, std::string_view text, const Value& affix,
                       bool at_start) {
  const auto* wanted = as_text(affix);
  if (wanted == nullptr) {
    return cannot(fmt::format("{} first arg must be str or a tuple of str, not {}", call.name,
                              type_name(affix)));
  }
  WATTLE_CHECK(call.heap.work(wanted->size()));
  return at_start ? text.starts_with(*wanted) : text.ends_with(*wanted);
}

Result<Value> has_affixes(const Invocation& call, bool at_start) {
  WATTLE_TRY(const Given given, bind(call, {"prefix", "start", "end"}, 1));
  std::string_view text = self_text(call);
  if (given[1] != nullptr || given[2] != nullptr) {
    WATTLE_TRY(text, part_of(call, given));
  }
  const auto* tuple = as_sequence(*given[0]);
  if (tuple == nullptr || !tuple->is_tuple) {
    WATTLE_TRY(const bool has, has_affix(call, text, *given[0], at_start));
    return has;
  }
  for (const auto& affix : tuple->items) {
    WATTLE_TRY(const bool has, has_affix(call, text, affix, at_start));
    if (has) return true;
  }
  return false;
}
Result<Value> startswith_method(const Invocation& call) {
  return has_affixes(call, true);
}
Result<Value> endswith_method(const Invocation& call) {
  return has_affixes(call, false);
}

Result<Value> without_affix(const Invocation& call, bool at_start) {
  WATTLE_TRY(const Given given, bind(call, {"affix"}, 1));
  const std::string_view text = self_text(call);
  WATTLE_TRY(const auto affix, text_or(call, given[0], ""));
  WATTLE_CHECK(call.heap.work(affix.size()));
  if (at_start) return text.starts_with(affix) ? text.substr(affix.size()) : text;
  return text.ends_with(affix) ? text.substr(0, text.size() - affix.size()) : text;
}
Result<Value> removeprefix_method(const Invocation& call) {
  return without_affix(call, true);
}
Result<Value> removesuffix_method(const Invocation& call) {
  return without_affix(call, false);
}

Result<Value> upper_method(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  return upper_text(call.heap, self_text(call));
}
Result<Value> lower_method(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  return lower_text(call.heap, self_text(call));
}
Result<Value> capitalize_method(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  return capitalize_text(call.heap, self_text(call));
}

// Python's title(): upper case behind whatever is no letter.
Result<Value> title_method(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  std::string_view text = self_text(call);
  WATTLE_CHECK(call.heap.work(kCaseWork * text.size()));
  std::string title;
  bool in_word = false;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const std::string_view character = text.substr(0, bytes);
    in_word ? append_lower(character, title) : append_upper(character, title);
    in_word = is_upper(code_point(character)) || is_lower(code_point(character));
    text.remove_prefix(bytes);
  }
  return make_text(call.heap, std::move(title));
}

Result<Value> replace_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"old", "new", "count"}, 2));
  WATTLE_TRY(const auto old, text_or(call, given[0], ""));
  WATTLE_TRY(const auto replacement, text_or(call, given[1], ""));
  WATTLE_TRY(const auto count, integer_or(call, given[2], -1));
  return replace_text(call.heap, self_text(call), old, replacement, count);
}

// The first place of a text in characters, −1 if it is not there.
Result<Value> find_method_of_text(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"sub", "start", "end"}, 1));
  if (given[1] != nullptr || given[2] != nullptr) return not_covered("find() with bounds");
  WATTLE_TRY(const auto wanted, text_or(call, given[0], ""));
  const std::string_view text = self_text(call);
  WATTLE_CHECK(call.heap.work(text.size()));
  const std::size_t at = find_text(text, wanted);
  if (at == std::string_view::npos) return std::int64_t{-1};
  return static_cast<std::int64_t>(count_characters(text.substr(0, at)));
}

Result<Value> count_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"sub"}, 1));
  WATTLE_TRY(const auto wanted, text_or(call, given[0], ""));
  const std::string_view text = self_text(call);
  WATTLE_CHECK(call.heap.work(text.size()));
  if (wanted.empty()) return static_cast<std::int64_t>(count_characters(text)) + 1;
  std::int64_t count = 0;
  for (std::size_t at = find_text(text, wanted); at != std::string_view::npos;
       at = find_text(text, wanted, at + wanted.size())) {
    ++count;
  }
  return count;
}

// separator.join(texts): unlike the filter, only texts.
Result<Value> join_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"iterable"}, 1));
  WATTLE_TRY(const auto items, items_of(call.heap, *given[0]));
  TextBuilder builder(call.heap);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto* text = as_text(items[i]);
    if (text == nullptr) {
      return cannot(
          fmt::format("sequence item {}: expected str instance, {} found", i, type_name(items[i])));
    }
    if (i > 0) WATTLE_CHECK(builder.add(self_text(call)));
    WATTLE_CHECK(builder.add(*text));
  }
  return builder.value();
}

// Not empty, and made of such characters only.
template <bool (*Holds)(std::uint32_t)>
Result<Value> all_characters(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  std::string_view text = self_text(call);
  WATTLE_CHECK(call.heap.work(text.size()));
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (!Holds(code_point(text.substr(0, bytes)))) return false;
    text.remove_prefix(bytes);
  }
  return true;
}
bool is_digit(std::uint32_t point) {
  return point >= '0' && point <= '9';
}

Result<Value> islower_method(const Invocation& call) {
  return find_test("lower")(call);
}
Result<Value> isupper_method(const Invocation& call) {
  return find_test("upper")(call);
}

constexpr std::array kMethods = {
    NamedFunction{"capitalize", capitalize_method},
    NamedFunction{"count", count_method},
    NamedFunction{"endswith", endswith_method},
    NamedFunction{"find", find_method_of_text},
    NamedFunction{"isdigit", all_characters<is_digit>},
    NamedFunction{"islower", islower_method},
    NamedFunction{"isspace", all_characters<is_space>},
    NamedFunction{"isupper", isupper_method},
    NamedFunction{"join", join_method},
    NamedFunction{"lower", lower_method},
    NamedFunction{"lstrip", lstrip_method},
    NamedFunction{"removeprefix", removeprefix_method},
    NamedFunction{"removesuffix", removesuffix_method},
    NamedFunction{"replace", replace_method},
    NamedFunction{"rsplit", rsplit_method},
    NamedFunction{"rstrip", rstrip_method},
    NamedFunction{"split", split_method},
    NamedFunction{"splitlines", splitlines_method},
    NamedFunction{"startswith", startswith_method},
    NamedFunction{"strip", strip_method},
    NamedFunction{"title", title_method},
    NamedFunction{"upper", upper_method},
};

}  // namespace

Registry text_methods() {
  return kMethods;
}

}  // namespace wattle::engine::jinja
