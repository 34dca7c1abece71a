#include "engine/template/heap.hpp"

#include <fmt/format.h>

namespace wattle::engine::jinja {
namespace {

// What an empty object costs beside its content, roughly.
constexpr std::size_t kObjectBytes = 64;

std::unexpected<Error> exhausted(const std::string& what) {
  return fail(ErrorCode::resource_exhausted, what,
              "No prompt should need that much: see what the template repeats, or raise the "
              "limit if it is to be trusted");
}

}  // namespace

Status Heap::step(std::size_t n) {
  if (exhausted_) return work(1);
  if (n > steps_left_) {
    steps_left_ = 0;
    return exhausted(fmt::format("rendering takes more than {} steps", limits_.steps));
  }
  steps_left_ -= n;
  return {};
}

Status Heap::work(std::size_t bytes) {
  spend(bytes);
  if (!exhausted_) return {};
  return exhausted(
      fmt::format("rendering makes and searches more than {} bytes", limits_.work_bytes));
}

void Heap::spend(std::size_t bytes) {
  if (bytes > bytes_left_) {
    exhausted_ = true;
    bytes_left_ = 0;
  } else {
    bytes_left_ -= bytes;
  }
}

std::string_view Heap::keep(std::string text) {
  spend(kObjectBytes);
  return texts_.emplace_back(std::move(text));
}

Sequence* Heap::sequence(std::vector<Value> items, bool is_tuple) {
  spend(kObjectBytes);
  return &sequences_.emplace_back(Sequence{std::move(items), is_tuple});
}

Dict* Heap::dict() {
  spend(2 * kObjectBytes);
  return &dicts_.emplace_back();
}

Loop* Heap::loop(std::vector<Value> items) {
  spend(2 * kObjectBytes);
  return &loops_.emplace_back(Loop{std::move(items), 0, std::nullopt});
}

const Callable* Heap::callable(Callable callable) {
  spend(2 * kObjectBytes);
  return &callables_.emplace_back(callable);
}

Scope* Heap::scope(Scope* parent) {
  spend(4 * kObjectBytes);
  return &scopes_.emplace_back(Scope{parent, {}});
}

Value Heap::undefined(const Missing& why) {
  spend(kObjectBytes);
  return Undefined{&missing_.emplace_back(why)};
}

Value Heap::undefined(std::string_view hint) {
  return undefined(Missing{Missing::What::hint, hint, {}});
}

Status SequenceBuilder::add(const Value& value) {
  WATTLE_CHECK(heap_.work(sizeof(Value)));
  items_.push_back(value);
  return {};
}

Status TextBuilder::add(std::string_view text) {
  WATTLE_CHECK(heap_.work(text.size()));
  text_ += text;
  return {};
}

Status TextBuilder::add(std::size_t count, std::string_view text) {
  if (text.empty()) return {};
  WATTLE_CHECK(heap_.work(count > heap_.limits().work_bytes / text.size()
                              ? heap_.limits().work_bytes + 1
                              : count * text.size()));
  for (std::size_t i = 0; i < count; ++i) text_ += text;
  return {};
}

Result<Value> make_text(Heap& heap, std::string text) {
  WATTLE_CHECK(heap.work(text.size()));
  return heap.keep(std::move(text));
}

Value make_pair(Heap& heap, const Value& first, const Value& second) {
  return heap.sequence({first, second}, true);
}

}  // namespace wattle::engine::jinja
