// The functions that every template has, and the search for all built-ins.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/template/builtins.hpp"
#include "engine/template/operators.hpp"
#include "engine/template/print.hpp"

namespace wattle::engine::jinja {
namespace {

Function find_in(Registry registry, std::string_view name) {
  const auto found = std::ranges::find(registry, name, &NamedFunction::name);
  return found != registry.end() ? found->function : nullptr;
}

Result<Value> range_function(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"start", "stop", "step"}, 1));
  if (!call.arguments.named.empty()) return cannot("range() takes no keyword arguments");
  WATTLE_TRY(std::int64_t first, integer_or(call, given[0], 0));
  WATTLE_TRY(std::int64_t stop, integer_or(call, given[1], 0));
  WATTLE_TRY(const std::int64_t step, integer_or(call, given[2], 1));
  if (given[1] == nullptr) stop = std::exchange(first, 0);
  if (step == 0) return cannot("range() arg 3 must not be zero");
  SequenceBuilder numbers(call.heap);
  std::int64_t n_left = call.heap.limits().range_length;
  for (std::int64_t number = first; step > 0 ? number < stop : number > stop;) {
    if (n_left-- == 0) {
      return fail(ErrorCode::resource_exhausted,
                  fmt::format("range() is longer than {}", call.heap.limits().range_length));
    }
    WATTLE_CHECK(numbers.add(number));
    if (__builtin_add_overflow(number, step, &number)) break;
  }
  return numbers.list();
}

// The dict that dict() and namespace() are made from: another one or pairs, then the arguments.
Result<Dict*> dict_of_arguments(const Invocation& call) {
  Dict* dict = call.heap.dict();
  const auto& [positional, named] = call.arguments;
  if (positional.size() > 1) {
    return cannot(
        fmt::format("{} expected at most 1 argument, got {}", call.name, positional.size()));
  }
  const auto add = [&](const Value& key, const Value& value) -> Status {
    if (!is_key(key)) return cannot(fmt::format("unhashable type: '{}'", type_name(key)));
    WATTLE_CHECK(call.heap.work(kEntryBytes));
    dict->set(key, value);
    return {};
  };
  if (!positional.empty()) {
    const auto* other = as_dict(positional[0]);
    if (other != nullptr) {
      for (const auto& [key, value] : other->entries()) WATTLE_CHECK(add(key, value));
    } else {
      WATTLE_TRY(const auto pairs, items_of(call.heap, positional[0]));
      for (const auto& pair : pairs) {
        WATTLE_TRY(const auto parts, items_of(call.heap, pair));
        if (parts.size() != 2) return cannot("a dict is made from pairs");
        WATTLE_CHECK(add(parts[0], parts[1]));
      }
    }
  }
  for (const auto& [name, value] : named) WATTLE_CHECK(add(name, value));
  return dict;
}

Result<Value> dict_function(const Invocation& call) {
  WATTLE_TRY(Dict * dict, dict_of_arguments(call));
  return dict;
}

Result<Value> namespace_function(const Invocation& call) {
  WATTLE_TRY(Dict * dict, dict_of_arguments(call));
  return Namespace{dict};
}

// The template refuses what it was given: its words reach the user as they are.
Result<Value> raise_exception_function(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"message"}, 1));
  WATTLE_TRY(const auto message, to_text(call.heap, *given[0]));
  return fail(ErrorCode::invalid_argument, std::string(message));
}

Result<Value> strftime_now_function(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"format"}, 1));
  WATTLE_TRY(const auto format, text_or(call, given[0], ""));
  WATTLE_CHECK(call.heap.work(8 * format.size()));
  WATTLE_TRY(auto text, format_time(format, call.clock->wall_ns()));
  return make_text(call.heap, std::move(text));
}

const std::array kGlobals = {
    Callable{.name = "dict", .function = dict_function},
    Callable{.name = "namespace", .function = namespace_function},
    Callable{.name = "raise_exception", .function = raise_exception_function},
    Callable{.name = "range", .function = range_function},
};
const Callable kStrftimeNow{.name = "strftime_now", .function = strftime_now_function};

}  // namespace

Function find_filter(std::string_view name) {
  for (const Registry part :
       {text_filters(), sequence_filters(), ordering_filters(), number_filters()}) {
    if (const Function function = find_in(part, name)) return function;
  }
  return nullptr;
}

Function find_test(std::string_view name) {
  return find_in(tests(), name);
}

Function find_method(const Value& object, std::string_view name) {
  if (as_text(object) != nullptr) return find_in(text_methods(), name);
  if (as_dict(object) != nullptr) return find_in(dict_methods(), name);
  if (std::holds_alternative<Loop*>(object)) return find_in(loop_methods(), name);
  if (const auto* sequence = as_sequence(object)) {
    return find_in(sequence->is_tuple ? tuple_methods() : list_methods(), name);
  }
  return nullptr;
}

const Callable* find_global(std::string_view name, const Clock* clock) {
  if (name == kStrftimeNow.name) return clock != nullptr ? &kStrftimeNow : nullptr;
  const auto* found = std::ranges::find(kGlobals, name, &Callable::name);
  return found != kGlobals.end() ? found : nullptr;
}

}  // namespace wattle::engine::jinja
