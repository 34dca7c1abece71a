#pragma once
// Where a text may be in a grammar: a set of pushdown stacks, one for each way to read the text.

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/grammar/automaton.hpp"

namespace wattle::engine::grammar {

// A rule that waits for another to end. Immutable and shared by all stacks that stand on it.
struct Frame {
  StateId return_to = 0;
  std::uint32_t depth = 1;  // frames from here to the bottom
  std::uint64_t hash = 0;
  std::shared_ptr<const Frame> below;
};
using Stack = std::shared_ptr<const Frame>;  // null: empty
[[nodiscard]] bool same_stack(const Frame* a, const Frame* b);
[[nodiscard]] inline std::uint32_t depth_of(const Stack& stack) {
  return stack ? stack->depth : 0;
}

// A state that can read a byte, and what is below it.
struct Head {
  StateId state = 0;
  Stack stack;
};

// Deeper stacks are given up; a text that needs more heads at once is not accepted.
inline constexpr std::uint32_t kMaxDepth = 512;
inline constexpr std::size_t kMaxHeads = 256;

struct Configuration {
  std::vector<Head> heads;    // no two are equal
  bool ended = false;         // the bottom rule may be over
  bool overflow = false;      // a limit was met on the way here
  std::uint32_t visited = 0;  // states looked at to get here: the work it took
  [[nodiscard]] bool dead() const { return heads.empty() && !ended; }
};

// All that can be read after `state` on `stack` was reached: calls entered, ended rules left.
[[nodiscard]] Configuration arrive(const Automaton& automaton, StateId state, const Stack& stack);
// One byte further. Dead if the byte cannot come here.
[[nodiscard]] Configuration advance(const Automaton& automaton, const Configuration& from,
                                    std::uint8_t byte);

}  // namespace wattle::engine::grammar
