#pragma once
// Where the values of one rendering live until its end, and what it may spend: every node
// evaluated, byte made and byte searched is counted before it is done. Values may point at each
// other in circles; nothing is freed before the end.

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/chat_template.hpp"
#include "engine/template/callable.hpp"
#include "engine/template/value.hpp"

namespace wattle::engine::jinja {

// What an entry of a dict costs, with its place in the index.
inline constexpr std::size_t kEntryBytes = 4 * sizeof(Value);

class Heap {
 public:
  explicit Heap(const TemplateLimits& limits)
      : limits_(limits), steps_left_(limits.steps), bytes_left_(limits.work_bytes) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  [[nodiscard]] const TemplateLimits& limits() const { return limits_; }

  // Before `n` nodes are evaluated or elements visited; before `bytes` are made or searched.
  [[nodiscard]] Status step(std::size_t n = 1);
  [[nodiscard]] Status work(std::size_t bytes);

  // These count a fixed small cost each; what is in them is counted by whoever made it. If nothing
  // is left, the next step() or work() says so.
  [[nodiscard]] std::string_view keep(std::string text);
  [[nodiscard]] Sequence* sequence(std::vector<Value> items, bool is_tuple = false);
  [[nodiscard]] Dict* dict();
  [[nodiscard]] Loop* loop(std::vector<Value> items);
  [[nodiscard]] const Callable* callable(Callable callable);
  [[nodiscard]] Scope* scope(Scope* parent);
  [[nodiscard]] Value undefined(const Missing& why);
  // Undefined, with a message of its own.
  [[nodiscard]] Value undefined(std::string_view hint);

 private:
  void spend(std::size_t bytes);

  TemplateLimits limits_;
  std::size_t steps_left_;
  std::size_t bytes_left_;
  bool exhausted_ = false;
  std::deque<std::string> texts_;
  std::deque<Sequence> sequences_;
  std::deque<Dict> dicts_;
  std::deque<Loop> loops_;
  std::deque<Callable> callables_;
  std::deque<Scope> scopes_;
  std::deque<Missing> missing_;
};

// A list or tuple that is counted as it grows.
class SequenceBuilder {
 public:
  explicit SequenceBuilder(Heap& heap) : heap_(heap) {}
  [[nodiscard]] Status add(const Value& value);
  [[nodiscard]] std::vector<Value> take() { return std::move(items_); }
  [[nodiscard]] Value list() { return heap_.sequence(std::move(items_)); }
  [[nodiscard]] Value tuple() { return heap_.sequence(std::move(items_), true); }

 private:
  Heap& heap_;
  std::vector<Value> items_;
};

// A text that is counted as it grows.
class TextBuilder {
 public:
  explicit TextBuilder(Heap& heap) : heap_(heap) {}
  [[nodiscard]] Status add(std::string_view text);
  [[nodiscard]] Status add(std::size_t count, std::string_view text);  // `count` times
  [[nodiscard]] Heap& heap() { return heap_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string take() { return std::move(text_); }
  [[nodiscard]] Value value() { return heap_.keep(std::move(text_)); }

 private:
  Heap& heap_;
  std::string text_;
};

// A copy of `text` as a value.
[[nodiscard]] Result<Value> make_text(Heap& heap, std::string text);
[[nodiscard]] Value make_pair(Heap& heap, const Value& first, const Value& second);

}  // namespace wattle::engine::jinja
