// Filters that go through sequences and dicts.

#include <fmt/format.h>

#include <array>

#include "engine/template/builtins.hpp"
#include "engine/template/number_text.hpp"
#include "engine/template/operators.hpp"
#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

Result<Value> default_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"default_value", "boolean"}));
  const bool replaces =
      is_undefined(call.input) || (truth_or(given[1], false) && !is_true(call.input));
  if (!replaces) return call.input;
  return given[0] != nullptr ? *given[0] : Value(std::string_view());
}

Result<Value> first_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(const auto items, items_of(call.heap, call.input));
  if (items.empty()) return call.heap.undefined("No first item, sequence was empty.");
  return items.front();
}

Result<Value> last_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(const auto items, items_of(call.heap, call.input));
  if (items.empty()) return call.heap.undefined("No last item, sequence was empty.");
  return items.back();
}

Result<Value> list_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(auto items, items_of(call.heap, call.input));
  return call.heap.sequence(std::move(items));
}

Result<Value> reverse_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(auto items, items_of(call.heap, call.input));
  std::ranges::reverse(items);
  if (as_text(call.input) == nullptr) return call.heap.sequence(std::move(items));
  TextBuilder builder(call.heap);
  for (const auto& item : items) WATTLE_CHECK(builder.add(*as_text(item)));
  return builder.value();
}

Result<Value> items_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  if (is_undefined(call.input)) return call.heap.sequence({});
  const auto* dict = as_dict(call.input);
  if (dict == nullptr) return cannot("Can only get item pairs from a mapping.");
  return pairs_of(call.heap, *dict);
}

// The value at an attribute path, with a value for what is undefined on the way.
Result<Value> value_at_or(Heap& heap, const Value& item, const Value& path,
                          const Value* otherwise) {
  if (otherwise == nullptr || std::holds_alternative<None>(*otherwise)) {
    return value_at(heap, item, &path);
  }
  const auto* text = as_text(path);
  if (text != nullptr && text->contains('.')) return not_covered("map() with a path and a default");
  WATTLE_TRY(const Value value, value_at(heap, item, &path));
  return is_undefined(value) ? *otherwise : value;
}

Result<Value> map_attribute(const Invocation& call, const std::vector<Value>& items) {
  WATTLE_TRY(const Given given, bind(call, {"attribute", "default"}, 1));
  SequenceBuilder builder(call.heap);
  for (const auto& item : items) {
    WATTLE_TRY(const Value value, value_at_or(call.heap, item, *given[0], given[1]));
    WATTLE_CHECK(builder.add(value));
  }
  return builder.list();
}

Result<Value> map_filter(const Invocation& call) {
  if (!is_true(call.input)) return call.heap.sequence({});
  WATTLE_TRY(const auto items, items_of(call.heap, call.input));
  const auto& positional = call.arguments.positional;
  if (positional.empty()) return map_attribute(call, items);
  WATTLE_TRY(const auto name, text_or(call, &positional[0], ""));
  const Function filter = find_filter(name);
  if (filter == nullptr) return not_covered(fmt::format("no filter is named '{}'", name));
  const Arguments rest{{positional.begin() + 1, positional.end()}, call.arguments.named};
  SequenceBuilder builder(call.heap);
  for (const auto& item : items) {
    WATTLE_CHECK(call.heap.step());
    WATTLE_TRY(const Value value, filter({call.heap, call.clock, name, item, rest}));
    WATTLE_CHECK(builder.add(value));
  }
  return builder.list();
}

// Those items whose value (or that of their attribute, the first argument) passes the test that is
// named next, or is true if none is named.
Result<Value> select(const Invocation& call, bool by_attribute, bool keeps) {
  if (!is_true(call.input)) return call.heap.sequence({});
  WATTLE_TRY(const auto items, items_of(call.heap, call.input));
  const auto& positional = call.arguments.positional;
  const std::size_t n_before = by_attribute ? 1 : 0;
  if (positional.size() < n_before) {
    return cannot(fmt::format("{}() needs the name of an attribute", call.name));
  }
  Function test = nullptr;
  Arguments rest{{}, call.arguments.named};
  std::string_view name = "bool";
  if (positional.size() > n_before) {
    WATTLE_TRY(name, text_or(call, &positional[n_before], ""));
    test = find_test(name);
    if (test == nullptr) return not_covered(fmt::format("no test is named '{}'", name));
    rest.positional.assign(positional.begin() + static_cast<std::ptrdiff_t>(n_before) + 1,
                           positional.end());
  }
  SequenceBuilder builder(call.heap);
  for (const auto& item : items) {
    WATTLE_CHECK(call.heap.step());
    WATTLE_TRY(Value value, value_at(call.heap, item, by_attribute ? &positional[0] : nullptr));
    if (test != nullptr) {
      WATTLE_TRY(value, test({call.heap, call.clock, name, value, rest}));
    }
    if (is_true(value) == keeps) WATTLE_CHECK(builder.add(item));
  }
  return builder.list();
}

Result<Value> select_filter(const Invocation& call) {
  return select(call, false, true);
}
Result<Value> reject_filter(const Invocation& call) {
  return select(call, false, false);
}
Result<Value> selectattr_filter(const Invocation& call) {
  return select(call, true, true);
}
Result<Value> rejectattr_filter(const Invocation& call) {
  return select(call, true, false);
}

constexpr std::array kFilters = {
    NamedFunction{"d", default_filter},
    NamedFunction{"default", default_filter},
    NamedFunction{"first", first_filter},
    NamedFunction{"items", items_filter},
    NamedFunction{"last", last_filter},
    NamedFunction{"list", list_filter},
    NamedFunction{"map", map_filter},
    NamedFunction{"reject", reject_filter},
    NamedFunction{"rejectattr", rejectattr_filter},
    NamedFunction{"reverse", reverse_filter},
    NamedFunction{"select", select_filter},
    NamedFunction{"selectattr", selectattr_filter},
};

}  // namespace

Registry sequence_filters() {
  return kFilters;
}

Result<Value> pairs_of(Heap& heap, const Dict& dict) {
  SequenceBuilder builder(heap);
  for (const auto& [key, value] : dict.entries()) {
    WATTLE_CHECK(heap.work(2 * sizeof(Value)));
    WATTLE_CHECK(builder.add(make_pair(heap, key, value)));
  }
  return builder.list();
}

Result<Value> value_at(Heap& heap, const Value& item, const Value* path) {
  if (path == nullptr || std::holds_alternative<None>(*path)) return item;
  const auto* text = as_text(*path);
  if (text == nullptr) return element_of(heap, item, *path);
  Value value = item;
  std::string_view rest = *text;
  for (bool more = true; more;) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    more = dot != std::string_view::npos;
    if (more) rest.remove_prefix(dot + 1);
    const bool is_index =
        !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    const auto index = is_index ? parse_integer(part) : std::nullopt;
    WATTLE_TRY(value, element_of(heap, value, index ? Value(*index) : Value(part)));
  }
  return value;
}

}  // namespace wattle::engine::jinja
