#include <fmt/format.h>

#include <compare>

#include "engine/template/operators.hpp"
#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

std::string_view symbol(Comparison op) {
  switch (op) {
    case Comparison::less:
      return "<";
    case Comparison::less_equal:
      return "<=";
    case Comparison::greater:
      return ">";
    default:
      return ">=";
  }
}

bool holds(Comparison op, std::partial_ordering order) {
  switch (op) {
    case Comparison::less:
      return order < 0;
    case Comparison::less_equal:
      return order <= 0;
    case Comparison::greater:
      return order > 0;
    default:
      return order >= 0;
  }
}

// Exact for integers, which doubles are not.
std::optional<std::partial_ordering> order_of_numbers(const Value& left, const Value& right) {
  const auto integer = as_integer(left);
  const auto other_integer = as_integer(right);
  if (integer && other_integer) return *integer <=> *other_integer;
  const auto number = as_number(left);
  const auto other_number = as_number(right);
  if (number && other_number) return *number <=> *other_number;
  return std::nullopt;
}

class Comparer {
 public:
  explicit Comparer(Heap& heap) : heap_(heap) {}

  Result<bool> equal(const Value& left, const Value& right) {
    WATTLE_CHECK(heap_.step());
    if (const auto order = order_of_numbers(left, right)) return *order == 0;
    const auto* text = as_text(left);
    const auto* other_text = as_text(right);
    if (text != nullptr && other_text != nullptr) {
      WATTLE_CHECK(heap_.work(std::min(text->size(), other_text->size())));
      return *text == *other_text;
    }
    if (left.index() != right.index()) return false;
    if (const auto* sequence = as_sequence(left)) return equal(*sequence, *as_sequence(right));
    if (const auto* dict = as_dict(left)) return equal(*dict, *as_dict(right));
    if (const auto* names = std::get_if<Namespace>(&left)) {
      return names->attributes == std::get<Namespace>(right).attributes;
    }
    if (const auto* loop = std::get_if<Loop*>(&left)) return *loop == std::get<Loop*>(right);
    if (const auto* callable = std::get_if<const Callable*>(&left)) {
      return *callable == std::get<const Callable*>(right);
    }
    return true;  // none and none, undefined and undefined
  }

  Result<bool> ordered(Comparison op, const Value& left, const Value& right) {
    WATTLE_CHECK(heap_.step());
    if (is_undefined(left)) return undefined_error(left);
    if (is_undefined(right)) return undefined_error(right);
    if (const auto order = order_of_numbers(left, right)) return holds(op, *order);
    const auto* text = as_text(left);
    const auto* other_text = as_text(right);
    if (text != nullptr && other_text != nullptr) {
      WATTLE_CHECK(heap_.work(std::min(text->size(), other_text->size())));
      return holds(op, *text <=> *other_text);  // the order of UTF-8 is that of code points
    }
    const auto* sequence = as_sequence(left);
    const auto* other = as_sequence(right);
    if (sequence != nullptr && other != nullptr && sequence->is_tuple == other->is_tuple) {
      return ordered(op, *sequence, *other);
    }
    return cannot(fmt::format("'{}' not supported between instances of '{}' and '{}'", symbol(op),
                              type_name(left), type_name(right)));
  }

 private:
  // One level deeper for as long as it lives.
  class Level {
   public:
    explicit Level(std::size_t& depth) : depth_(++depth) {}
    ~Level() { --depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    std::size_t& depth_;
  };
  [[nodiscard]] Status check_depth() const {
    if (depth_ <= heap_.limits().depth) return {};
    return fail(ErrorCode::resource_exhausted,
                "values are nested too deeply, or in themselves, to be compared");
  }

  Result<bool> equal(const Sequence& left, const Sequence& right) {
    if (left.is_tuple != right.is_tuple || left.items.size() != right.items.size()) return false;
    const Level level(depth_);
    WATTLE_CHECK(check_depth());
    for (std::size_t i = 0; i < left.items.size(); ++i) {
      WATTLE_TRY(const bool same, equal(left.items[i], right.items[i]));
      if (!same) return false;
    }
    return true;
  }

  Result<bool> equal(const Dict& left, const Dict& right) {
    if (left.entries().size() != right.entries().size()) return false;
    const Level level(depth_);
    WATTLE_CHECK(check_depth());
    for (const auto& [key, value] : left.entries()) {
      const Value* other = right.find(key);
      if (other == nullptr) return false;
      WATTLE_TRY(const bool same, equal(value, *other));
      if (!same) return false;
    }
    return true;
  }

  // The first elements that differ decide; then the lengths.
  Result<bool> ordered(Comparison op, const Sequence& left, const Sequence& right) {
    const Level level(depth_);
    WATTLE_CHECK(check_depth());
    const std::size_t shorter = std::min(left.items.size(), right.items.size());
    for (std::size_t i = 0; i < shorter; ++i) {
      WATTLE_TRY(const bool same, equal(left.items[i], right.items[i]));
      if (!same) return ordered(op, left.items[i], right.items[i]);
    }
    return holds(op, left.items.size() <=> right.items.size());
  }

  Heap& heap_;
  std::size_t depth_ = 0;
};

Result<bool> text_contains(Heap& heap, std::string_view text, const Value& part) {
  const auto* wanted = as_text(part);
  if (wanted == nullptr) {
    return cannot(
        fmt::format("'in <string>' requires string as left operand, not {}", type_name(part)));
  }
  WATTLE_CHECK(heap.work(text.size()));
  return find_text(text, *wanted) != std::string_view::npos;
}

}  // namespace

Result<bool> contains(Heap& heap, const Value& container, const Value& value) {
  if (const auto* text = as_text(container)) return text_contains(heap, *text, value);
  if (const auto* sequence = as_sequence(container)) {
    for (const auto& item : sequence->items) {
      WATTLE_TRY(const bool same, Comparer(heap).equal(item, value));
      if (same) return true;
    }
    return false;
  }
  if (const auto* dict = as_dict(container)) {
    const auto* sequence = as_sequence(value);
    if (as_dict(value) != nullptr || (sequence != nullptr && !sequence->is_tuple)) {
      return cannot(fmt::format("unhashable type: '{}'", type_name(value)));
    }
    WATTLE_CHECK(work_of_key(heap, value));
    return dict->find(value) != nullptr;
  }
  if (is_undefined(container)) return false;
  return cannot(fmt::format("argument of type '{}' is not iterable", type_name(container)));
}

Result<bool> compare(Heap& heap, Comparison op, const Value& left, const Value& right) {
  switch (op) {
    case Comparison::equal:
      return Comparer(heap).equal(left, right);
    case Comparison::not_equal: {
      WATTLE_TRY(const bool same, Comparer(heap).equal(left, right));
      return !same;
    }
    case Comparison::in:
      return contains(heap, right, left);
    case Comparison::not_in: {
      WATTLE_TRY(const bool found, contains(heap, right, left));
      return !found;
    }
    default:
      return Comparer(heap).ordered(op, left, right);
  }
}

}  // namespace wattle::engine::jinja
