#pragma once
// One rule as a non-deterministic automaton over bytes (Thompson 1968), in which other rules are
// called by name.

#include <cstdint>
#include <span>
#include <vector>

#include "engine/grammar/rule_set.hpp"

namespace wattle::engine::grammar {

struct NfaByteEdge {
  std::uint32_t from, to;
  ByteRange bytes;
};
struct NfaCall {
  std::uint32_t from, to;
  RuleId rule;
};
struct NfaEmptyEdge {
  std::uint32_t from, to;
};

// Edges sorted by the state they leave.
template <class Edge>
class EdgesByState {
 public:
  void add(const Edge& edge) { edges_.push_back(edge); }
  [[nodiscard]] std::size_t size() const { return edges_.size(); }

  void index(std::uint32_t n_states) {
    begin_.assign(n_states + 1, 0);
    for (const Edge& edge : edges_) ++begin_[edge.from + 1];
    for (std::uint32_t s = 0; s < n_states; ++s) begin_[s + 1] += begin_[s];
    std::vector<std::uint32_t> next(begin_.begin(), begin_.end() - 1);
    std::vector<Edge> sorted(edges_.size());
    for (const Edge& edge : edges_) sorted[next[edge.from]++] = edge;
    edges_ = std::move(sorted);
  }
  [[nodiscard]] std::span<const Edge> of(std::uint32_t state) const {
    return std::span(edges_).subspan(begin_[state], begin_[state + 1] - begin_[state]);
  }

 private:
  std::vector<Edge> edges_;
  std::vector<std::uint32_t> begin_;
};

struct Nfa {
  static constexpr std::uint32_t kStart = 0;
  static constexpr std::uint32_t kAccept = 1;
  std::uint32_t n_states = 2;
  EdgesByState<NfaByteEdge> bytes;
  EdgesByState<NfaCall> calls;
  EdgesByState<NfaEmptyEdge> empties;
};

// `nullable` [n_rules]: a call of such a rule may be passed without reading. Building stops when
// there are more than `max_states`; the result is then unfinished.
[[nodiscard]] Nfa build_nfa(const RuleSet& rules, RuleId rule, const std::vector<bool>& nullable,
                            std::uint32_t max_states);

}  // namespace wattle::engine::grammar
