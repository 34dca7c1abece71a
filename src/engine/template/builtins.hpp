#pragma once
// What the files of built-ins share. Each gives its part of a registry; find_filter() and its
// neighbours (callable.hpp) search them.

#include <span>
#include <string_view>

#include "engine/template/callable.hpp"
#include "engine/template/heap.hpp"

namespace wattle::engine::jinja {

struct NamedFunction {
  std::string_view name;
  Function function;
};
using Registry = std::span<const NamedFunction>;

[[nodiscard]] Registry text_filters();
[[nodiscard]] Registry number_filters();
[[nodiscard]] Registry sequence_filters();
[[nodiscard]] Registry ordering_filters();
[[nodiscard]] Registry tests();
[[nodiscard]] Registry text_methods();
[[nodiscard]] Registry list_methods();
[[nodiscard]] Registry tuple_methods();
[[nodiscard]] Registry dict_methods();
[[nodiscard]] Registry loop_methods();

// Changing the case of a byte takes as long as copying so many.
inline constexpr std::size_t kCaseWork = 3;

// str.replace(); a negative count replaces all.
[[nodiscard]] Result<Value> replace_text(Heap& heap, std::string_view text, std::string_view old,
                                         std::string_view replacement, std::int64_t count);
[[nodiscard]] Result<Value> upper_text(Heap& heap, std::string_view text);
[[nodiscard]] Result<Value> lower_text(Heap& heap, std::string_view text);
[[nodiscard]] Result<Value> capitalize_text(Heap& heap, std::string_view text);
// (key, value) tuples.
[[nodiscard]] Result<Value> pairs_of(Heap& heap, const Dict& dict);
// What `path` names in `item`: "a.b.0", an index; the item itself if there is no path.
[[nodiscard]] Result<Value> value_at(Heap& heap, const Value& item, const Value* path);
// strftime() of a moment in UTC, in English. An unknown conversion is an error.
[[nodiscard]] Result<std::string> format_time(std::string_view format, std::int64_t wall_ns);

}  // namespace wattle::engine::jinja
