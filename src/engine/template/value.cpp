#include "engine/template/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "engine/template/callable.hpp"
#include "engine/template/number_text.hpp"

namespace wattle::engine::jinja {
namespace {

// Python's name for the owner of a missing member: None is named itself, others by their type.
std::string member_message(const Missing& missing) {
  const std::string owner =
      missing.owner == "NoneType" ? "None" : fmt::format("{} object", missing.owner);
  if (const auto* name = as_text(missing.name)) {
    return fmt::format("'{}' has no attribute '{}'", owner, *name);
  }
  std::string name = "?";
  if (const auto* floating = std::get_if<double>(&missing.name)) {
    name = float_text(*floating);
  } else if (const auto integer = as_integer(missing.name)) {
    name = std::to_string(*integer);
  }
  return fmt::format("{} has no element {}", owner, name);
}

}  // namespace

bool is_key(const Value& value) {
  return std::holds_alternative<None>(value) || as_text(value) != nullptr ||
         as_number(value).has_value();
}

std::size_t Dict::Hash::operator()(const Value& key) const {
  if (const auto* text = as_text(key)) return std::hash<std::string_view>{}(*text);
  if (const auto number = as_number(key)) return std::hash<double>{}(*number);
  return 0;
}

bool Dict::Equal::operator()(const Value& left, const Value& right) const {
  const auto* text = as_text(left);
  const auto* other = as_text(right);
  if (text != nullptr || other != nullptr) {
    return text != nullptr && other != nullptr && *text == *other;
  }
  const auto integer = as_integer(left);
  const auto other_integer = as_integer(right);
  if (integer && other_integer) return *integer == *other_integer;
  const auto number = as_number(left);
  const auto other_number = as_number(right);
  if (number || other_number) return number && other_number && *number == *other_number;
  return std::holds_alternative<None>(left) && std::holds_alternative<None>(right);
}

const Value* Dict::find(const Value& key) const {
  if (!index_.empty()) {
    const auto found = index_.find(key);
    return found != index_.end() ? &entries_[found->second].second : nullptr;
  }
  const auto found =
      std::ranges::find_if(entries_, [&](const Entry& entry) { return Equal{}(entry.first, key); });
  return found != entries_.end() ? &found->second : nullptr;
}

void Dict::set(const Value& key, const Value& value) {
  if (const Value* present = find(key)) {
    *const_cast<Value*>(present) = value;
    return;
  }
  entries_.emplace_back(key, value);
  if (entries_.size() == kIndexedFrom) {
    for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].first, i);
  } else if (entries_.size() > kIndexedFrom) {
    index_.emplace(key, entries_.size() - 1);
  }
}

void Dict::clear() {
  entries_.clear();
  index_.clear();
}

std::string missing_message(const Undefined& undefined) {
  if (undefined.why == nullptr) return "a value is undefined";
  const Missing& missing = *undefined.why;
  if (missing.what == Missing::What::member) return member_message(missing);
  const auto* name = as_text(missing.name);
  const std::string_view text = name != nullptr ? *name : "?";
  return missing.what == Missing::What::hint ? std::string(text)
                                             : fmt::format("'{}' is undefined", text);
}

std::string_view type_name(const Value& value) {
  struct Names {
    std::string_view operator()(const Undefined&) const { return "Undefined"; }
    std::string_view operator()(const None&) const { return "NoneType"; }
    std::string_view operator()(bool) const { return "bool"; }
    std::string_view operator()(std::int64_t) const { return "int"; }
    std::string_view operator()(double) const { return "float"; }
    std::string_view operator()(std::string_view) const { return "str"; }
    std::string_view operator()(const Sequence* s) const { return s->is_tuple ? "tuple" : "list"; }
    std::string_view operator()(const Dict*) const { return "dict"; }
    std::string_view operator()(const Namespace&) const { return "Namespace"; }
    std::string_view operator()(const Loop*) const { return "LoopContext"; }
    std::string_view operator()(const Callable* c) const {
      return c->macro != nullptr ? "Macro" : "function";
    }
  };
  return std::visit(Names{}, value);
}

bool is_undefined(const Value& value) {
  return std::holds_alternative<Undefined>(value);
}

bool is_true(const Value& value) {
  struct Truth {
    bool operator()(const Undefined&) const { return false; }
    bool operator()(const None&) const { return false; }
    bool operator()(bool truth) const { return truth; }
    bool operator()(std::int64_t number) const { return number != 0; }
    bool operator()(double number) const { return number != 0; }
    bool operator()(std::string_view text) const { return !text.empty(); }
    bool operator()(const Sequence* sequence) const { return !sequence->items.empty(); }
    bool operator()(const Dict* dict) const { return !dict->entries().empty(); }
    bool operator()(const Namespace&) const { return true; }
    bool operator()(const Loop* loop) const { return !loop->items.empty(); }
    bool operator()(const Callable*) const { return true; }
  };
  return std::visit(Truth{}, value);
}

std::optional<std::int64_t> as_integer(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? 1 : 0;
  return std::nullopt;
}

std::optional<double> as_number(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto integer = as_integer(value)) return static_cast<double>(*integer);
  return std::nullopt;
}

}  // namespace wattle::engine::jinja
