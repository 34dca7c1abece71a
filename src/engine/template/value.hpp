#pragma once
// The values of a template: Python's, as far as templates see them. A Value is small and copied
// freely; what it points to lives in the Heap of one rendering, in the parsed template or in the
// variables, all of which outlive it. Lists and dicts are shared, as in Python.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace wattle::engine::jinja {

struct Sequence;
class Dict;
struct Loop;
struct Callable;
struct Missing;

struct Undefined {
  const Missing* why = nullptr;
};
struct None {};
struct Namespace {
  Dict* attributes = nullptr;
};

using Value = std::variant<Undefined, None, bool, std::int64_t, double, std::string_view, Sequence*,
                           Dict*, Namespace, Loop*, const Callable*>;

// A list or a tuple.
struct Sequence {
  std::vector<Value> items;
  bool is_tuple = false;
};

// Keys are None, booleans, numbers and strings; 1, 1.0 and true are one key, as in Python.
[[nodiscard]] bool is_key(const Value& value);

// Keeps the order of insertion.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;
  // nullptr: no such key, or not a possible one.
  [[nodiscard]] const Value* find(const Value& key) const;
  void set(const Value& key, const Value& value);  // is_key(key)
  void clear();
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

 private:
  struct Hash {
    std::size_t operator()(const Value& key) const;
  };
  struct Equal {
    bool operator()(const Value& left, const Value& right) const;
  };
  static constexpr std::size_t kIndexedFrom = 9;  // fewer are faster searched one by one
  std::vector<Entry> entries_;
  std::unordered_map<Value, std::size_t, Hash, Equal> index_;
};

// The variable `loop`.
struct Loop {
  std::vector<Value> items;
  std::size_t index0 = 0;
  std::optional<std::vector<Value>> last_changed;
};

// Why a value is undefined; put into words only if the template fails on it.
struct Missing {
  enum class What { variable, member, hint };
  What what = What::variable;
  Value name;              // of the variable, attribute or element; the hint itself
  std::string_view owner;  // Python's name for the type that lacks the member
};
[[nodiscard]] std::string missing_message(const Undefined& undefined);

// Python's name of the type: "str", "NoneType".
[[nodiscard]] std::string_view type_name(const Value& value);
[[nodiscard]] bool is_undefined(const Value& value);
[[nodiscard]] bool is_true(const Value& value);

[[nodiscard]] inline const std::string_view* as_text(const Value& value) {
  return std::get_if<std::string_view>(&value);
}
[[nodiscard]] inline Sequence* as_sequence(const Value& value) {
  const auto* sequence = std::get_if<Sequence*>(&value);
  return sequence != nullptr ? *sequence : nullptr;
}
[[nodiscard]] inline Dict* as_dict(const Value& value) {
  const auto* dict = std::get_if<Dict*>(&value);
  return dict != nullptr ? *dict : nullptr;
}
// Integers and booleans; true is 1.
[[nodiscard]] std::optional<std::int64_t> as_integer(const Value& value);
// Any number.
[[nodiscard]] std::optional<double> as_number(const Value& value);

}  // namespace wattle::engine::jinja
