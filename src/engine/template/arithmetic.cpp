#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "engine/template/operators.hpp"

namespace wattle::engine::jinja {
namespace {

using Integer = std::int64_t;

std::string_view symbol(Arithmetic op) {
  switch (op) {
    case Arithmetic::add:
      return "+";
    case Arithmetic::subtract:
      return "-";
    case Arithmetic::multiply:
      return "*";
    case Arithmetic::divide:
      return "/";
    case Arithmetic::floor_divide:
      return "//";
    case Arithmetic::modulo:
      return "%";
    case Arithmetic::power:
      return "**";
  }
  return "?";
}

std::unexpected<Error> too_large() {
  return not_covered("an integer that does not fit into 64 bits");
}
std::unexpected<Error> by_zero() {
  return cannot("division by zero");
}

Result<Value> integer_power(Integer base, Integer exponent) {
  if (exponent < 0) {
    if (base == 0) return cannot("0 cannot be raised to a negative power");
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  Integer result = 1;
  // Squaring: one more square than needed may overflow, which only the last factor would notice.
  for (Integer square = base; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1 && __builtin_mul_overflow(result, square, &result)) return too_large();
    if (exponent > 1 && __builtin_mul_overflow(square, square, &square)) return too_large();
  }
  return result;
}

// Python rounds quotients towards minus infinity; the remainder has the divisor's sign.
Integer floor_quotient(Integer left, Integer right) {
  const Integer quotient = left / right;
  return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
}
Integer floor_remainder(Integer left, Integer right) {
  const Integer remainder = left % right;
  return remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder;
}

Result<Value> of_integers(Arithmetic op, Integer left, Integer right) {
  Integer result = 0;
  const bool divides =
      op == Arithmetic::divide || op == Arithmetic::floor_divide || op == Arithmetic::modulo;
  if (divides && right == 0) return by_zero();
  if (right == -1 && left == std::numeric_limits<Integer>::min() && divides) return too_large();
  switch (op) {
    case Arithmetic::add:
      if (__builtin_add_overflow(left, right, &result)) return too_large();
      return result;
    case Arithmetic::subtract:
      if (__builtin_sub_overflow(left, right, &result)) return too_large();
      return result;
    case Arithmetic::multiply:
      if (__builtin_mul_overflow(left, right, &result)) return too_large();
      return result;
    case Arithmetic::divide:
      return static_cast<double>(left) / static_cast<double>(right);
    case Arithmetic::floor_divide:
      return floor_quotient(left, right);
    case Arithmetic::modulo:
      return floor_remainder(left, right);
    case Arithmetic::power:
      return integer_power(left, right);
  }
  return result;
}

double floor_remainder(double left, double right) {
  double remainder = std::fmod(left, right);
  if (remainder != 0 && (remainder < 0) != (right < 0)) remainder += right;
  return remainder == 0 ? std::copysign(0.0, right) : remainder;
}

Result<Value> of_floats(Arithmetic op, double left, double right) {
  switch (op) {
    case Arithmetic::add:
      return left + right;
    case Arithmetic::subtract:
      return left - right;
    case Arithmetic::multiply:
      return left * right;
    case Arithmetic::divide:
      if (right == 0) return by_zero();
      return left / right;
    case Arithmetic::floor_divide:
      if (right == 0) return by_zero();
      return std::round((left - floor_remainder(left, right)) / right);
    case Arithmetic::modulo:
      if (right == 0) return by_zero();
      return floor_remainder(left, right);
    case Arithmetic::power:
      if (left == 0 && right < 0) return cannot("0.0 cannot be raised to a negative power");
      if (left < 0 && right != std::floor(right)) return not_covered("a complex number");
      return std::pow(left, right);
  }
  return 0.0;
}

Result<Value> join(Heap& heap, const Sequence& left, const Sequence& right) {
  SequenceBuilder builder(heap);
  for (const auto* part : {&left, &right}) {
    for (const auto& item : part->items) WATTLE_CHECK(builder.add(item));
  }
  return left.is_tuple ? builder.tuple() : builder.list();
}

Result<Value> repeat(Heap& heap, const Value& value, Integer count) {
  const auto times = static_cast<std::size_t>(std::max<Integer>(0, count));
  if (const auto* text = as_text(value)) {
    TextBuilder builder(heap);
    WATTLE_CHECK(builder.add(times, *text));
    return builder.value();
  }
  const auto* sequence = as_sequence(value);
  SequenceBuilder builder(heap);
  for (std::size_t i = 0; i < times && !sequence->items.empty(); ++i) {
    for (const auto& item : sequence->items) WATTLE_CHECK(builder.add(item));
  }
  return sequence->is_tuple ? builder.tuple() : builder.list();
}

bool can_repeat(const Value& value) {
  return as_text(value) != nullptr || as_sequence(value) != nullptr;
}

}  // namespace

Result<Value> calculate(Heap& heap, Arithmetic op, const Value& left, const Value& right) {
  if (is_undefined(left)) return undefined_error(left);
  if (is_undefined(right)) return undefined_error(right);
  const auto integer = as_integer(left);
  const auto other_integer = as_integer(right);
  if (integer && other_integer) return of_integers(op, *integer, *other_integer);
  const auto number = as_number(left);
  const auto other_number = as_number(right);
  if (number && other_number) return of_floats(op, *number, *other_number);
  const auto* text = as_text(left);
  if (op == Arithmetic::add) {
    const auto* other_text = as_text(right);
    if (text != nullptr && other_text != nullptr) {
      TextBuilder builder(heap);
      WATTLE_CHECK(builder.add(*text));
      WATTLE_CHECK(builder.add(*other_text));
      return builder.value();
    }
    if (text != nullptr) {
      return cannot(fmt::format("can only concatenate str (not \"{}\") to str", type_name(right)));
    }
    const auto* sequence = as_sequence(left);
    const auto* other = as_sequence(right);
    if (sequence != nullptr && other != nullptr && sequence->is_tuple == other->is_tuple) {
      return join(heap, *sequence, *other);
    }
  }
  if (op == Arithmetic::multiply && can_repeat(left) && other_integer) {
    return repeat(heap, left, *other_integer);
  }
  if (op == Arithmetic::multiply && can_repeat(right) && integer) {
    return repeat(heap, right, *integer);
  }
  if (op == Arithmetic::modulo && text != nullptr) return not_covered("formatting a text with %");
  return cannot(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", symbol(op),
                            type_name(left), type_name(right)));
}

Result<Value> negate(const Value& value) {
  if (is_undefined(value)) return undefined_error(value);
  if (const auto* number = std::get_if<double>(&value)) return -*number;
  if (const auto integer = as_integer(value)) {
    if (*integer == std::numeric_limits<Integer>::min()) return too_large();
    return -*integer;
  }
  return cannot(fmt::format("bad operand type for unary -: '{}'", type_name(value)));
}

Result<Value> plus(const Value& value) {
  if (is_undefined(value)) return undefined_error(value);
  if (std::holds_alternative<double>(value)) return value;
  if (const auto integer = as_integer(value)) return *integer;
  return cannot(fmt::format("bad operand type for unary +: '{}'", type_name(value)));
}

}  // namespace wattle::engine::jinja
