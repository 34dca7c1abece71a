#include "engine/grammar/configuration.hpp"

#include <algorithm>

namespace wattle::engine::grammar {
namespace {

Stack push(StateId return_to, const Stack& below) {
  auto frame = std::make_shared<Frame>();
  frame->return_to = return_to;
  frame->depth = depth_of(below) + 1;
  std::uint64_t hash = (below ? below->hash : 0) * 0x9E3779B97F4A7C15U + return_to + 1;
  hash ^= hash >> 29U;
  frame->hash = hash;
  frame->below = below;
  return frame;
}

// Follows calls and returns from the states that a byte leads to.
class Arrival {
 public:
  Arrival(const Automaton& automaton, Configuration& to) : automaton_(automaton), to_(to) {}

  void add(StateId state, const Stack& stack) {
    open_.push_back({state, stack});
    while (!open_.empty() && !too_many_) {
      const Head head = std::move(open_.back());
      open_.pop_back();
      visit(head);
    }
  }
  // With too many heads at once there are none.
  void finish() const {
    if (too_many_) to_ = {.overflow = true};
    to_.visited = static_cast<std::uint32_t>(seen_.size());
  }

 private:
  void visit(const Head& head) {
    if (!insert(head)) return;
    if (!automaton_.bytes(head.state).empty()) to_.heads.push_back(head);
    if (automaton_.accepts(head.state)) {
      if (head.stack) {
        open_.push_back({head.stack->return_to, head.stack->below});
      } else {
        to_.ended = true;
      }
    }
    for (const CallEdge& call : automaton_.calls(head.state)) {
      if (call.tail) {
        open_.push_back({call.start, head.stack});
      } else if (depth_of(head.stack) < kMaxDepth) {
        open_.push_back({call.start, push(call.target, head.stack)});
      } else {
        to_.overflow = true;
      }
    }
  }

  bool insert(const Head& head) {
    for (const Head& seen : seen_) {
      if (seen.state == head.state && same_stack(seen.stack.get(), head.stack.get())) return false;
    }
    seen_.push_back(head);
    too_many_ = seen_.size() > kMaxHeads;
    return !too_many_;
  }

  const Automaton& automaton_;
  Configuration& to_;
  std::vector<Head> open_;
  std::vector<Head> seen_;
  bool too_many_ = false;
};

}  // namespace

bool same_stack(const Frame* a, const Frame* b) {
  while (a != b) {
    if (a == nullptr || b == nullptr) return false;
    if (a->hash != b->hash || a->depth != b->depth || a->return_to != b->return_to) return false;
    a = a->below.get();
    b = b->below.get();
  }
  return true;
}

Configuration arrive(const Automaton& automaton, StateId state, const Stack& stack) {
  Configuration to;
  Arrival arrival(automaton, to);
  arrival.add(state, stack);
  arrival.finish();
  return to;
}

Configuration advance(const Automaton& automaton, const Configuration& from, std::uint8_t byte) {
  Configuration to;
  Arrival arrival(automaton, to);
  for (const Head& head : from.heads) {
    for (const ByteEdge& edge : automaton.bytes(head.state)) {
      if (edge.low <= byte && byte <= edge.high) arrival.add(edge.target, head.stack);
    }
  }
  arrival.finish();
  return to;
}

}  // namespace wattle::engine::grammar
