// Filters that give numbers.

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "engine/template/builtins.hpp"
#include "engine/template/number_text.hpp"
#include "engine/template/operators.hpp"

namespace wattle::engine::jinja {
namespace {

constexpr double kIntegersBegin = -0x1p63;
constexpr double kIntegersEnd = 0x1p63;

Result<Value> abs_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  if (const auto* number = std::get_if<double>(&call.input)) return std::abs(*number);
  if (const auto integer = as_integer(call.input)) {
    return *integer < 0 ? negate(*integer) : Result<Value>(*integer);
  }
  if (is_undefined(call.input)) return undefined_error(call.input);
  return cannot(fmt::format("bad operand type for abs(): '{}'", type_name(call.input)));
}

// The nearest decimal with `digits` digits behind the point, ties to even, as Python's round().
double round_to_digits(double number, std::int64_t digits) {
  if (!std::isfinite(number) || digits > 22) return number;
  if (digits >= 0) {
    return parse_float(fmt::format("{:.{}f}", number, static_cast<int>(digits))).value_or(number);
  }
  if (digits < -308) return std::copysign(0.0, number);
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(number / unit) * unit;
}

Result<Value> round_integer(std::int64_t number, std::int64_t digits) {
  if (digits >= 0) return number;
  if (digits < -18) return std::int64_t{0};
  std::int64_t unit = 1;
  for (; digits < 0; ++digits) unit *= 10;
  std::int64_t remainder = number % unit;
  const std::int64_t down = number - remainder;
  if (remainder < 0) remainder = -remainder;
  const bool up =
      remainder > unit - remainder || (remainder == unit - remainder && down / unit % 2);
  std::int64_t result = down;
  if (up && __builtin_add_overflow(down, number < 0 ? -unit : unit, &result)) {
    return not_covered("an integer that does not fit into 64 bits");
  }
  return result;
}

Result<Value> round_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"precision", "method"}));
  WATTLE_TRY(const auto digits, integer_or(call, given[0], 0));
  WATTLE_TRY(const auto method, text_or(call, given[1], "common"));
  if (method != "common" && method != "ceil" && method != "floor") {
    return cannot("method must be common, ceil or floor");
  }
  if (is_undefined(call.input)) return undefined_error(call.input);
  const auto number = as_number(call.input);
  if (!number) {
    return cannot(fmt::format("type {} cannot be rounded", type_name(call.input)));
  }
  if (method == "common") {
    if (const auto integer = as_integer(call.input)) return round_integer(*integer, digits);
    return round_to_digits(*number, digits);
  }
  const double unit = std::pow(10.0, static_cast<double>(digits));
  return (method == "ceil" ? std::ceil(*number * unit) : std::floor(*number * unit)) / unit;
}

// int(number), without the digits behind the point.
std::optional<std::int64_t> truncate(double number) {
  const double whole = std::trunc(number);
  if (!(whole >= kIntegersBegin && whole < kIntegersEnd)) return std::nullopt;
  return static_cast<std::int64_t>(whole);
}

Result<Value> int_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"default", "base"}));
  WATTLE_TRY(const auto base, integer_or(call, given[1], 10));
  if (base < 2 || base > 36) return not_covered("int() with a base below 2 or above 36");
  const Value otherwise = given[0] != nullptr ? *given[0] : Value(std::int64_t{0});
  if (is_undefined(call.input)) return undefined_error(call.input);
  if (const auto integer = as_integer(call.input)) return *integer;
  std::optional<double> number = as_number(call.input);
  if (const auto* text = as_text(call.input)) {
    WATTLE_CHECK(call.heap.work(text->size()));
    if (const auto integer = parse_integer(*text, static_cast<int>(base))) return *integer;
    number = parse_float(*text);
  }
  if (!number || std::isnan(*number)) return otherwise;
  if (std::isinf(*number)) {
    if (as_text(call.input) != nullptr) return otherwise;
    return cannot("cannot convert float infinity to integer");
  }
  const auto integer = truncate(*number);
  if (!integer) return not_covered("an integer that does not fit into 64 bits");
  return *integer;
}

Result<Value> float_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"default"}));
  if (is_undefined(call.input)) return undefined_error(call.input);
  std::optional<double> number = as_number(call.input);
  if (const auto* text = as_text(call.input)) {
    WATTLE_CHECK(call.heap.work(text->size()));
    number = parse_float(*text);
  }
  if (number) return *number;
  return given[0] != nullptr ? *given[0] : Value(0.0);
}

Result<Value> length_filter(const Invocation& call) {
  WATTLE_CHECK(bind(call, {}));
  WATTLE_TRY(const auto length, length_of(call.heap, call.input));
  return length;
}

Result<Value> sum_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"attribute", "start"}));
  WATTLE_TRY(const auto items, items_of(call.heap, call.input));
  Value sum = given[1] != nullptr ? *given[1] : Value(std::int64_t{0});
  for (const auto& item : items) {
    WATTLE_TRY(const Value value, value_at(call.heap, item, given[0]));
    WATTLE_TRY(sum, calculate(call.heap, Arithmetic::add, sum, value));
  }
  return sum;
}

constexpr std::array kFilters = {
    NamedFunction{"abs", abs_filter},       NamedFunction{"count", length_filter},
    NamedFunction{"float", float_filter},   NamedFunction{"int", int_filter},
    NamedFunction{"length", length_filter}, NamedFunction{"round", round_filter},
    NamedFunction{"sum", sum_filter},
};

}  // namespace

Registry number_filters() {
  return kFilters;
}

}  // namespace wattle::engine::jinja
