// Jinja's tests: what may stand behind `is`.

#include <fmt/format.h>

#include <array>

#include "engine/template/builtins.hpp"
#include "engine/template/operators.hpp"
#include "engine/template/print.hpp"
#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

// A test without arguments that cannot fail.
template <bool (*Holds)(const Value&)>
Result<Value> simple(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  return Holds(call.input);
}

bool is_defined(const Value& value) {
  return !is_undefined(value);
}
bool is_none(const Value& value) {
  return std::holds_alternative<None>(value);
}
bool is_boolean(const Value& value) {
  return std::holds_alternative<bool>(value);
}
bool is_the_true(const Value& value) {
  return is_boolean(value) && std::get<bool>(value);
}
bool is_the_false(const Value& value) {
  return is_boolean(value) && !std::get<bool>(value);
}
bool is_integer(const Value& value) {
  return std::holds_alternative<std::int64_t>(value);
}
bool is_float(const Value& value) {
  return std::holds_alternative<double>(value);
}
bool is_number(const Value& value) {
  return as_number(value).has_value();
}
bool is_string(const Value& value) {
  return as_text(value) != nullptr;
}
bool is_mapping(const Value& value) {
  return as_dict(value) != nullptr;
}
// Has a length and elements; an undefined value refuses to be asked.
bool is_sequence(const Value& value) {
  return is_string(value) || is_mapping(value) || as_sequence(value) != nullptr;
}
bool is_iterable(const Value& value) {
  return is_sequence(value) || is_undefined(value) || std::holds_alternative<Loop*>(value);
}
bool is_callable(const Value& value) {
  return std::holds_alternative<const Callable*>(value) || is_undefined(value);
}

// Cased letters, all of them in the wanted case.
Result<Value> all_letters(const Invocation& call, bool (*wanted)(std::uint32_t),
                          bool (*unwanted)(std::uint32_t)) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(std::string_view text, to_text(call.heap, call.input));
  WATTLE_CHECK(call.heap.work(text.size()));
  bool any = false;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const std::uint32_t point = code_point(text.substr(0, bytes));
    if (unwanted(point)) return false;
    any = any || wanted(point);
    text.remove_prefix(bytes);
  }
  return any;
}
Result<Value> lower_test(const Invocation& call) {
  return all_letters(call, is_lower, is_upper);
}
Result<Value> upper_test(const Invocation& call) {
  return all_letters(call, is_upper, is_lower);
}

Result<Value> has_remainder(const Invocation& call, const Value& divisor, std::int64_t wanted) {
  WATTLE_TRY(const Value rest, calculate(call.heap, Arithmetic::modulo, call.input, divisor));
  WATTLE_TRY(const bool same, compare(call.heap, Comparison::equal, rest, wanted));
  return same;
}
Result<Value> odd_test(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  return has_remainder(call, std::int64_t{2}, 1);
}
Result<Value> even_test(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  return has_remainder(call, std::int64_t{2}, 0);
}
Result<Value> divisibleby_test(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"num"}, 1));
  return has_remainder(call, *given[0], 0);
}

template <Comparison Op>
Result<Value> compares(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"other"}, 1));
  WATTLE_TRY(const bool holds, compare(call.heap, Op, call.input, *given[0]));
  return holds;
}

// The same object; equal values that are no containers count as one.
Result<Value> sameas_test(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"other"}, 1));
  if (call.input.index() != given[0]->index()) return false;
  if (const auto* sequence = as_sequence(call.input)) return sequence == as_sequence(*given[0]);
  if (const auto* dict = as_dict(call.input)) return dict == as_dict(*given[0]);
  return compares<Comparison::equal>(call);
}

constexpr std::array kTests = {
    NamedFunction{"boolean", simple<is_boolean>},
    NamedFunction{"callable", simple<is_callable>},
    NamedFunction{"defined", simple<is_defined>},
    NamedFunction{"divisibleby", divisibleby_test},
    NamedFunction{"eq", compares<Comparison::equal>},
    NamedFunction{"equalto", compares<Comparison::equal>},
    NamedFunction{"==", compares<Comparison::equal>},
    NamedFunction{"even", even_test},
    NamedFunction{"false", simple<is_the_false>},
    NamedFunction{"float", simple<is_float>},
    NamedFunction{"ge", compares<Comparison::greater_equal>},
    NamedFunction{">=", compares<Comparison::greater_equal>},
    NamedFunction{"greaterthan", compares<Comparison::greater>},
    NamedFunction{"gt", compares<Comparison::greater>},
    NamedFunction{">", compares<Comparison::greater>},
    NamedFunction{"in", compares<Comparison::in>},
    NamedFunction{"integer", simple<is_integer>},
    NamedFunction{"iterable", simple<is_iterable>},
    NamedFunction{"le", compares<Comparison::less_equal>},
    NamedFunction{"<=", compares<Comparison::less_equal>},
    NamedFunction{"lessthan", compares<Comparison::less>},
    NamedFunction{"lower", lower_test},
    NamedFunction{"lt", compares<Comparison::less>},
    NamedFunction{"<", compares<Comparison::less>},
    NamedFunction{"mapping", simple<is_mapping>},
    NamedFunction{"ne", compares<Comparison::not_equal>},
    NamedFunction{"!=", compares<Comparison::not_equal>},
    NamedFunction{"none", simple<is_none>},
    NamedFunction{"number", simple<is_number>},
    NamedFunction{"odd", odd_test},
    NamedFunction{"sameas", sameas_test},
    NamedFunction{"sequence", simple<is_sequence>},
    NamedFunction{"string", simple<is_string>},
    NamedFunction{"true", simple<is_the_true>},
    NamedFunction{"undefined", simple<is_undefined>},
    NamedFunction{"upper", upper_test},
};

}  // namespace

Registry tests() {
  return kTests;
}

}  // namespace wattle::engine::jinja
