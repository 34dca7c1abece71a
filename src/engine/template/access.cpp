// Members, elements, slices and what a loop goes through.

#include <fmt/format.h>

#include <algorithm>

#include "engine/template/operators.hpp"
#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

Value missing_member(Heap& heap, const Value& object, const Value& name) {
  return heap.undefined(Missing{Missing::What::member, name, type_name(object)});
}

// The members of the variable `loop`.
std::optional<Value> loop_member(Heap& heap, const Loop& loop, std::string_view name) {
  const auto index = static_cast<std::int64_t>(loop.index0);
  const auto length = static_cast<std::int64_t>(loop.items.size());
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return length - index;
  if (name == "revindex0") return length - index - 1;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == length;
  if (name == "length") return length;
  if (name == "depth") return std::int64_t{1};
  if (name == "depth0") return std::int64_t{0};
  if (name == "previtem") {
    return index > 0 ? loop.items[loop.index0 - 1] : heap.undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return index + 1 < length ? loop.items[loop.index0 + 1]
                              : heap.undefined("there is no next item");
  }
  return std::nullopt;
}

// Members in Python's sense: what object.name gives before elements are looked at.
std::optional<Value> member_of(Heap& heap, const Value& object, std::string_view name) {
  if (const Function method = find_method(object, name)) {
    return heap.callable(Callable{.name = name, .function = method, .self = object});
  }
  if (const auto* loop = std::get_if<Loop*>(&object)) return loop_member(heap, **loop, name);
  if (const auto* names = std::get_if<Namespace>(&object)) {
    const Value* value = names->attributes->find(name);
    if (value != nullptr) return *value;
  }
  return std::nullopt;
}

// Element `index` counted from the end if negative; nullopt outside.
std::optional<std::size_t> place(std::int64_t index, std::size_t size) {
  const auto length = static_cast<std::int64_t>(size);
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  return static_cast<std::size_t>(index);
}

Result<std::optional<Value>> item_of(Heap& heap, const Value& object, const Value& key) {
  if (const auto* dict = as_dict(object)) {
    WATTLE_CHECK(work_of_key(heap, key));
    const Value* value = dict->find(key);
    return value != nullptr ? std::optional<Value>(*value) : std::nullopt;
  }
  const auto index = as_integer(key);
  if (!index) return std::nullopt;
  if (const auto* sequence = as_sequence(object)) {
    const auto at = place(*index, sequence->items.size());
    return at ? std::optional<Value>(sequence->items[*at]) : std::nullopt;
  }
  if (const auto* text = as_text(object)) {
    WATTLE_CHECK(heap.work(text->size()));
    const auto at = place(*index, count_characters(*text));
    if (!at) return std::nullopt;
    const std::string_view rest = text->substr(byte_offset(*text, *at));
    return Value(rest.substr(0, character_bytes(rest)));
  }
  return std::nullopt;
}

struct Range {
  std::int64_t first;
  std::int64_t step;
  std::int64_t count;
};

Result<std::optional<std::int64_t>> bound(const Value& value) {
  if (std::holds_alternative<None>(value)) return std::nullopt;
  if (is_undefined(value)) return undefined_error(value);
  if (const auto integer = as_integer(value)) return integer;
  return cannot("slice indices must be integers or None");
}

// Python's slice.indices().
Result<Range> range_of(const Value& start, const Value& stop, const Value& step, std::size_t size) {
  WATTLE_TRY(const auto given_start, bound(start));
  WATTLE_TRY(const auto given_stop, bound(stop));
  WATTLE_TRY(const auto given_step, bound(step));
  const auto length = static_cast<std::int64_t>(size);
  std::int64_t by = given_step.value_or(1);
  if (by == 0) return cannot("slice step cannot be zero");
  // A longer step takes one element at most, as this one does.
  by = std::clamp<std::int64_t>(by, -length - 1, length + 1);
  const std::int64_t lowest = by > 0 ? 0 : -1;
  const std::int64_t highest = by > 0 ? length : length - 1;
  const auto clamp = [&](std::int64_t at) {
    return std::clamp(at < 0 ? at + length : at, lowest, highest);
  };
  const std::int64_t first = given_start ? clamp(*given_start) : by > 0 ? lowest : highest;
  const std::int64_t end = given_stop ? clamp(*given_stop) : by > 0 ? highest : lowest;
  const std::int64_t distance = by > 0 ? end - first : first - end;
  const std::int64_t stride = by > 0 ? by : -by;
  return Range{first, by, distance > 0 ? (distance + stride - 1) / stride : 0};
}

Result<Value> slice_of_text(Heap& heap, std::string_view text, const Value& start,
                            const Value& stop, const Value& step) {
  WATTLE_CHECK(heap.work(text.size()));
  WATTLE_TRY(const Range range, range_of(start, stop, step, count_characters(text)));
  if (range.count == 0) return std::string_view();
  if (range.step == 1) {
    const std::size_t begin = byte_offset(text, static_cast<std::size_t>(range.first));
    text.remove_prefix(begin);
    return text.substr(0, byte_offset(text, static_cast<std::size_t>(range.count)));
  }
  WATTLE_TRY(const auto characters, items_of(heap, text));
  TextBuilder builder(heap);
  for (std::int64_t i = 0; i < range.count; ++i) {
    const auto at = static_cast<std::size_t>(range.first + i * range.step);
    WATTLE_CHECK(builder.add(*as_text(characters[at])));
  }
  return builder.value();
}

}  // namespace

Status work_of_key(Heap& heap, const Value& key) {
  const auto* text = as_text(key);
  return text != nullptr ? heap.work(text->size()) : Status();
}

std::unexpected<Error> undefined_error(const Value& value) {
  return cannot(missing_message(std::get<Undefined>(value)));
}

Result<Value> attribute_of(Heap& heap, const Value& object, std::string_view name) {
  if (is_undefined(object)) return undefined_error(object);
  WATTLE_CHECK(heap.work(name.size()));
  if (const auto member = member_of(heap, object, name)) return *member;
  WATTLE_TRY(const auto item, item_of(heap, object, name));
  return item ? *item : missing_member(heap, object, name);
}

Result<Value> element_of(Heap& heap, const Value& object, const Value& key) {
  if (is_undefined(object)) return undefined_error(object);
  WATTLE_TRY(const auto item, item_of(heap, object, key));
  if (item) return *item;
  if (const auto* name = as_text(key)) {
    if (const auto member = member_of(heap, object, *name)) return *member;
  }
  return missing_member(heap, object, key);
}

Result<Value> slice_of(Heap& heap, const Value& object, const Value& start, const Value& stop,
                       const Value& step) {
  if (is_undefined(object)) return undefined_error(object);
  if (const auto* text = as_text(object)) return slice_of_text(heap, *text, start, stop, step);
  const auto* sequence = as_sequence(object);
  if (sequence == nullptr) {
    return cannot(fmt::format("'{}' object cannot be sliced", type_name(object)));
  }
  WATTLE_TRY(const Range range, range_of(start, stop, step, sequence->items.size()));
  SequenceBuilder builder(heap);
  for (std::int64_t i = 0; i < range.count; ++i) {
    WATTLE_CHECK(
        builder.add(sequence->items[static_cast<std::size_t>(range.first + i * range.step)]));
  }
  return sequence->is_tuple ? builder.tuple() : builder.list();
}

Result<std::vector<Value>> items_of(Heap& heap, const Value& value) {
  SequenceBuilder builder(heap);
  if (const auto* sequence = as_sequence(value)) {
    for (const auto& item : sequence->items) WATTLE_CHECK(builder.add(item));
  } else if (const auto* dict = as_dict(value)) {
    for (const auto& [key, content] : dict->entries()) WATTLE_CHECK(builder.add(key));
  } else if (const auto* text = as_text(value)) {
    for (std::string_view rest = *text; !rest.empty();) {
      const std::size_t bytes = character_bytes(rest);
      WATTLE_CHECK(builder.add(rest.substr(0, bytes)));
      rest.remove_prefix(bytes);
    }
  } else if (!is_undefined(value)) {
    return cannot(fmt::format("'{}' object is not iterable", type_name(value)));
  }
  return builder.take();
}

Result<std::int64_t> length_of(Heap& heap, const Value& value) {
  const auto length = [](std::size_t size) { return static_cast<std::int64_t>(size); };
  if (is_undefined(value)) return 0;
  if (const auto* sequence = as_sequence(value)) return length(sequence->items.size());
  if (const auto* dict = as_dict(value)) return length(dict->entries().size());
  if (const auto* loop = std::get_if<Loop*>(&value)) return length((*loop)->items.size());
  if (const auto* text = as_text(value)) {
    WATTLE_CHECK(heap.work(text->size()));
    return length(count_characters(*text));
  }
  return cannot(fmt::format("object of type '{}' has no len()", type_name(value)));
}

}  // namespace wattle::engine::jinja
