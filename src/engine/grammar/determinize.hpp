#pragma once
// One rule's automaton over bytes and calls, as deterministic as its size allows.

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/grammar/nfa.hpp"

namespace wattle::engine::grammar {

struct RuleState {
  struct ByteEdge {
    ByteRange bytes;
    std::uint32_t target = 0;
  };
  struct Call {
    RuleId rule = 0;
    std::uint32_t target = 0;  // where it returns to
  };
  std::vector<ByteEdge> bytes;
  std::vector<Call> calls;
  bool accepts = false;
};

// State 0 is the start. Every state is reached from it and can reach an accepting one. No empty
// edges are left. At most one edge of a state has a given byte, and at most one call a given rule,
// unless that would need far more states than the NFA has: then several may.
// `work` is what may still be spent (about: edges looked at); nothing when it is used up or when
// there are more than `max_states`.
[[nodiscard]] std::optional<std::vector<RuleState>> determinize(const Nfa& nfa,
                                                                std::uint32_t max_states,
                                                                std::uint64_t& work);

}  // namespace wattle::engine::grammar
