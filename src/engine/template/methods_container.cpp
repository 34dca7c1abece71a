// The methods of list, tuple, dict and of the variable `loop`.

#include <fmt/format.h>

#include <array>

#include "engine/template/builtins.hpp"
#include "engine/template/operators.hpp"

namespace wattle::engine::jinja {
namespace {

Result<Value> items_method(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  return pairs_of(call.heap, *as_dict(call.input));
}

Result<Value> keys_method(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(auto keys, items_of(call.heap, call.input));
  return call.heap.sequence(std::move(keys));
}

Result<Value> values_method(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  SequenceBuilder values(call.heap);
  for (const auto& [key, value] : as_dict(call.input)->entries()) WATTLE_CHECK(values.add(value));
  return values.list();
}

Result<Value> get_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"key", "default"}, 1));
  WATTLE_CHECK(work_of_key(call.heap, *given[0]));
  const Value* value = as_dict(call.input)->find(*given[0]);
  if (value != nullptr) return *value;
  return given[1] != nullptr ? *given[1] : Value(None{});
}

Result<Value> append_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"object"}, 1));
  WATTLE_CHECK(call.heap.work(sizeof(Value)));
  as_sequence(call.input)->items.push_back(*given[0]);
  return None{};
}

Result<Value> extend_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"iterable"}, 1));
  WATTLE_TRY(const auto items, items_of(call.heap, *given[0]));
  auto& list = as_sequence(call.input)->items;
  list.insert(list.end(), items.begin(), items.end());
  return None{};
}

Result<Value> pop_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"index"}));
  WATTLE_TRY(const auto index, integer_or(call, given[0], -1));
  auto& list = as_sequence(call.input)->items;
  if (list.empty()) return cannot("pop from empty list");
  const auto size = static_cast<std::int64_t>(list.size());
  if (index < -size || index >= size) return cannot("pop index out of range");
  const auto at = list.begin() + static_cast<std::ptrdiff_t>(index < 0 ? index + size : index);
  WATTLE_CHECK(call.heap.work(static_cast<std::size_t>(list.end() - at) * sizeof(Value)));
  const Value value = *at;
  list.erase(at);
  return value;
}

Result<Value> index_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"value"}, 1));
  const auto& items = as_sequence(call.input)->items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    WATTLE_TRY(const bool same, compare(call.heap, Comparison::equal, items[i], *given[0]));
    if (same) return static_cast<std::int64_t>(i);
  }
  return cannot("the value is not in the list");
}

Result<Value> count_method(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"value"}, 1));
  std::int64_t count = 0;
  for (const auto& item : as_sequence(call.input)->items) {
    WATTLE_TRY(const bool same, compare(call.heap, Comparison::equal, item, *given[0]));
    if (same) ++count;
  }
  return count;
}

Loop& loop_of(const Invocation& call) {
  return *std::get<Loop*>(call.input);
}

// The arguments in turn, one an iteration.
Result<Value> cycle_method(const Invocation& call) {
  const auto& values = call.arguments.positional;
  if (values.empty() || !call.arguments.named.empty()) return cannot("no items for cycling given");
  return values[loop_of(call).index0 % values.size()];
}

// Whether the arguments are others than at the last call.
Result<Value> changed_method(const Invocation& call) {
  const auto& values = call.arguments.positional;
  auto& last = loop_of(call).last_changed;
  bool same = last && last->size() == values.size();
  for (std::size_t i = 0; same && i < values.size(); ++i) {
    WATTLE_TRY(same, compare(call.heap, Comparison::equal, (*last)[i], values[i]));
  }
  if (!same) last = values;
  return !same;
}

constexpr std::array kDictMethods = {
    NamedFunction{"get", get_method},
    NamedFunction{"items", items_method},
    NamedFunction{"keys", keys_method},
    NamedFunction{"values", values_method},
};
constexpr std::array kListMethods = {
    NamedFunction{"append", append_method}, NamedFunction{"count", count_method},
    NamedFunction{"extend", extend_method}, NamedFunction{"index", index_method},
    NamedFunction{"pop", pop_method},
};
constexpr std::array kTupleMethods = {
    NamedFunction{"count", count_method},
    NamedFunction{"index", index_method},
};
constexpr std::array kLoopMethods = {
    NamedFunction{"changed", changed_method},
    NamedFunction{"cycle", cycle_method},
};

}  // namespace

Registry dict_methods() {
  return kDictMethods;
}
Registry list_methods() {
  return kListMethods;
}
Registry tuple_methods() {
  return kTupleMethods;
}
Registry loop_methods() {
  return kLoopMethods;
}

}  // namespace wattle::engine::jinja
