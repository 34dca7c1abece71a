#pragma once
// A grammar ready to be followed byte by byte: the automata of its rules, side by side.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "engine/grammar/rule_set.hpp"

namespace wattle::engine::grammar {

using StateId = std::uint32_t;

struct ByteEdge {
  std::uint8_t low = 0;
  std::uint8_t high = 0;
  StateId target = 0;
};

struct CallEdge {
  StateId start = 0;   // the called rule's first state
  StateId target = 0;  // where it returns to
  bool tail = false;   // nothing but the end of the rule comes after it
};

// What a state may do. Immutable; shared by all sequences that follow it.
class Automaton {
 public:
  [[nodiscard]] StateId start() const { return start_; }
  [[nodiscard]] std::size_t n_states() const { return accepts_.size(); }
  [[nodiscard]] bool accepts(StateId state) const { return accepts_[state]; }
  [[nodiscard]] std::span<const ByteEdge> bytes(StateId state) const {
    return std::span(bytes_).subspan(first_byte_[state],
                                     first_byte_[state + 1] - first_byte_[state]);
  }
  [[nodiscard]] std::span<const CallEdge> calls(StateId state) const {
    return std::span(calls_).subspan(first_call_[state],
                                     first_call_[state + 1] - first_call_[state]);
  }
  // Bytes that no state tells apart have the same class, 0 … n_classes − 1.
  [[nodiscard]] std::uint8_t class_of(std::uint8_t byte) const { return class_of_[byte]; }
  [[nodiscard]] std::size_t n_classes() const { return n_classes_; }

 private:
  friend class Compiler;
  StateId start_ = 0;
  std::vector<bool> accepts_;
  std::vector<std::uint32_t> first_byte_, first_call_;  // [n_states + 1]
  std::vector<ByteEdge> bytes_;
  std::vector<CallEdge> calls_;
  std::array<std::uint8_t, 256> class_of_{};
  std::size_t n_classes_ = 1;
};

// Every state of the result can be finished: some text leads from it to the end of its rule.
// Errors: a rule that can never end, left recursion (a rule that calls itself before it has read
// anything), more than kMaxRules, kMaxExpressions or kMaxStates.
inline constexpr std::size_t kMaxRules = 20'000;
inline constexpr std::size_t kMaxExpressions = 200'000;
inline constexpr std::size_t kMaxStates = 100'000;
[[nodiscard]] Result<std::shared_ptr<const Automaton>> compile(const RuleSet& rules, RuleId root);

}  // namespace wattle::engine::grammar
