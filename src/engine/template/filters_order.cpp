// Filters that compare: sort, dictsort, unique, min, max.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/template/builtins.hpp"
#include "engine/template/operators.hpp"

namespace wattle::engine::jinja {
namespace {

struct Keyed {
  Value key;
  Value item;
};

// Without regard to case, unless asked for.
Result<Value> folded(Heap& heap, const Value& value, bool case_sensitive) {
  const auto* text = as_text(value);
  return text != nullptr && !case_sensitive ? lower_text(heap, *text) : Result<Value>(value);
}

// `path` may be several attributes, separated by commas: the key is then a list.
Result<Value> sort_key(Heap& heap, const Value& item, const Value* path, bool case_sensitive) {
  const auto* text = path != nullptr ? as_text(*path) : nullptr;
  if (text == nullptr || !text->contains(',')) {
    WATTLE_TRY(const Value value, value_at(heap, item, path));
    return folded(heap, value, case_sensitive);
  }
  SequenceBuilder keys(heap);
  std::string_view rest = *text;
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    const Value part = rest.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
    WATTLE_TRY(const Value value, value_at(heap, item, &part));
    WATTLE_TRY(const Value key, folded(heap, value, case_sensitive));
    WATTLE_CHECK(keys.add(key));
  }
  return keys.list();
}

// A merge sort of our own, because a comparison may fail, and may (with NaN) be no order at all.
// Stable in both directions, as Python's sorted().
class MergeSort {
 public:
  MergeSort(Heap& heap, std::vector<Keyed> items, bool reverse)
      : heap_(heap), items_(std::move(items)), merged_(items_.size()), reverse_(reverse) {}

  Result<Value> run() {
    const std::size_t size = items_.size();
    for (std::size_t width = 1; width < size; width *= 2) {
      for (std::size_t begin = 0; begin < size; begin += 2 * width) {
        WATTLE_CHECK(
            merge(begin, std::min(begin + width, size), std::min(begin + 2 * width, size)));
      }
      std::swap(items_, merged_);
    }
    SequenceBuilder builder(heap_);
    for (const auto& [key, item] : items_) WATTLE_CHECK(builder.add(item));
    return builder.list();
  }

 private:
  Status merge(std::size_t left, std::size_t middle, std::size_t end) {
    std::size_t right = middle;
    for (std::size_t to = left; to < end; ++to) {
      bool takes_right = left == middle;
      if (left < middle && right < end) {
        const Value& first = items_[left].key;
        const Value& second = items_[right].key;
        WATTLE_TRY(takes_right, reverse_ ? compare(heap_, Comparison::less, first, second)
                                         : compare(heap_, Comparison::less, second, first));
      }
      merged_[to] = items_[takes_right ? right++ : left++];
    }
    return {};
  }

  Heap& heap_;
  std::vector<Keyed> items_;
  std::vector<Keyed> merged_;
  bool reverse_;
};

Result<Value> sorted(Heap& heap, std::vector<Keyed> items, bool reverse) {
  WATTLE_CHECK(heap.work(items.size() * sizeof(Keyed)));
  return MergeSort(heap, std::move(items), reverse).run();
}

Result<Value> sort_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"reverse", "case_sensitive", "attribute"}));
  const bool case_sensitive = truth_or(given[1], false);
  WATTLE_TRY(const auto items, items_of(call.heap, call.input));
  WATTLE_CHECK(call.heap.work(items.size() * sizeof(Keyed)));
  std::vector<Keyed> keyed;
  for (const auto& item : items) {
    WATTLE_TRY(const Value key, sort_key(call.heap, item, given[2], case_sensitive));
    keyed.push_back({key, item});
  }
  return sorted(call.heap, std::move(keyed), truth_or(given[0], false));
}

Result<Value> dictsort_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"case_sensitive", "by", "reverse"}));
  WATTLE_TRY(const auto by, text_or(call, given[1], "key"));
  if (by != "key" && by != "value") {
    return cannot("You can only sort by either \"key\" or \"value\"");
  }
  if (is_undefined(call.input)) return undefined_error(call.input);
  const auto* dict = as_dict(call.input);
  if (dict == nullptr) {
    return cannot(fmt::format("'{} object' has no attribute 'items'", type_name(call.input)));
  }
  WATTLE_CHECK(call.heap.work(dict->entries().size() * 2 * sizeof(Keyed)));
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : dict->entries()) {
    WATTLE_TRY(const Value sort_by,
               folded(call.heap, by == "key" ? key : value, truth_or(given[0], false)));
    keyed.push_back({sort_by, make_pair(call.heap, key, value)});
  }
  return sorted(call.heap, std::move(keyed), truth_or(given[2], false));
}

Result<Value> unique_filter(const Invocation& call) {
  WATTLE_TRY(const Given given, bind(call, {"case_sensitive", "attribute"}));
  const bool case_sensitive = truth_or(given[0], false);
  WATTLE_TRY(const auto items, items_of(call.heap, call.input));
  Dict* seen = call.heap.dict();
  SequenceBuilder builder(call.heap);
  for (const auto& item : items) {
    WATTLE_TRY(const Value value, value_at(call.heap, item, given[1]));
    WATTLE_TRY(const Value key, folded(call.heap, value, case_sensitive));
    if (!is_key(key)) return cannot(fmt::format("unhashable type: '{}'", type_name(key)));
    WATTLE_CHECK(work_of_key(call.heap, key));
    if (seen->find(key) != nullptr) continue;
    WATTLE_CHECK(call.heap.work(kEntryBytes));
    seen->set(key, None{});
    WATTLE_CHECK(builder.add(item));
  }
  return builder.list();
}

Result<Value> extreme(const Invocation& call, Comparison better) {
  WATTLE_TRY(const Given given, bind(call, {"case_sensitive", "attribute"}));
  const bool case_sensitive = truth_or(given[0], false);
  WATTLE_TRY(const auto items, items_of(call.heap, call.input));
  if (items.empty()) return call.heap.undefined("No aggregated item, sequence was empty.");
  std::optional<Keyed> best;
  for (const auto& item : items) {
    WATTLE_TRY(const Value value, value_at(call.heap, item, given[1]));
    WATTLE_TRY(const Value key, folded(call.heap, value, case_sensitive));
    bool is_better = true;
    if (best) {
      WATTLE_TRY(is_better, compare(call.heap, better, key, best->key));
    }
    if (is_better) best = Keyed{key, item};
  }
  return best->item;
}

Result<Value> min_filter(const Invocation& call) {
  return extreme(call, Comparison::less);
}
Result<Value> max_filter(const Invocation& call) {
  return extreme(call, Comparison::greater);
}

constexpr std::array kFilters = {
    NamedFunction{"dictsort", dictsort_filter}, NamedFunction{"max", max_filter},
    NamedFunction{"min", min_filter},           NamedFunction{"sort", sort_filter},
    NamedFunction{"unique", unique_filter},
};

}  // namespace

Registry ordering_filters() {
  return kFilters;
}

}  // namespace wattle::engine::jinja
