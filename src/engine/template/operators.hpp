#pragma once
// Python's operators on values. Errors are without the line; the evaluator adds it.

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/template/heap.hpp"
#include "engine/template/value.hpp"

namespace wattle::engine::jinja {

enum class Arithmetic { add, subtract, multiply, divide, floor_divide, modulo, power };
// Integers have 64 bits; a result beyond them is an error.
[[nodiscard]] Result<Value> calculate(Heap& heap, Arithmetic op, const Value& left,
                                      const Value& right);
[[nodiscard]] Result<Value> negate(const Value& value);
[[nodiscard]] Result<Value> plus(const Value& value);

enum class Comparison { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
[[nodiscard]] Result<bool> compare(Heap& heap, Comparison op, const Value& left,
                                   const Value& right);
[[nodiscard]] Result<bool> contains(Heap& heap, const Value& container, const Value& value);

// value.name: a member or method, then an element; else undefined.
[[nodiscard]] Result<Value> attribute_of(Heap& heap, const Value& object, std::string_view name);
// value[key]: an element, then a member or method; else undefined.
[[nodiscard]] Result<Value> element_of(Heap& heap, const Value& object, const Value& key);
// value[start:stop:step]; none for a bound that is left out.
[[nodiscard]] Result<Value> slice_of(Heap& heap, const Value& object, const Value& start,
                                     const Value& stop, const Value& step);

// Before a dict is searched for `key`.
[[nodiscard]] Status work_of_key(Heap& heap, const Value& key);

// What a loop over the value goes through: elements, keys, characters.
[[nodiscard]] Result<std::vector<Value>> items_of(Heap& heap, const Value& value);
[[nodiscard]] Result<std::int64_t> length_of(Heap& heap, const Value& value);

// The error that any use of an undefined value is.
[[nodiscard]] std::unexpected<Error> undefined_error(const Value& value);

}  // namespace wattle::engine::jinja
