#include "engine/grammar/determinize.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace wattle::engine::grammar {
namespace {

using States = std::vector<std::uint32_t>;  // sorted

void sort_unique(States& states) {
  std::ranges::sort(states);
  states.erase(std::unique(states.begin(), states.end()), states.end());
}

class Budget {
 public:
  explicit Budget(std::uint64_t& work) : work_(work) {}
  void spend(std::uint64_t n) { work_ -= std::min(n, work_); }
  [[nodiscard]] bool spent() const { return work_ == 0; }

 private:
  std::uint64_t& work_;
};

// States reached by empty edges, of which only those are kept that read, call or accept.
class Closure {
 public:
  Closure(const Nfa& nfa, Budget& budget) : nfa_(nfa), budget_(budget), seen_(nfa.n_states, 0) {}

  States of(const States& from) {
    ++round_;
    States kept;
    for (const std::uint32_t s : from) push(s);
    while (!open_.empty()) {
      const std::uint32_t s = open_.back();
      open_.pop_back();
      if (s == Nfa::kAccept || !nfa_.bytes.of(s).empty() || !nfa_.calls.of(s).empty()) {
        kept.push_back(s);
      }
      for (const NfaEmptyEdge& edge : nfa_.empties.of(s)) push(edge.to);
      budget_.spend(1 + nfa_.empties.of(s).size());
    }
    std::ranges::sort(kept);
    return kept;
  }

 private:
  void push(std::uint32_t s) {
    if (seen_[s] == round_) return;
    seen_[s] = round_;
    open_.push_back(s);
  }

  const Nfa& nfa_;
  Budget& budget_;
  std::vector<std::uint32_t> seen_;
  std::uint32_t round_ = 0;
  States open_;
};

// The subset construction (Rabin and Scott 1959), with a called rule as one more letter.
class Subsets {
 public:
  Subsets(const Nfa& nfa, std::uint32_t max_states, Budget& budget)
      : nfa_(nfa), max_states_(max_states), budget_(budget), closure_(nfa, budget) {}

  std::optional<std::vector<RuleState>> build() {
    id_of(closure_.of({Nfa::kStart}));
    for (std::uint32_t id = 0; id < sets_.size(); ++id) {
      if (budget_.spent() || sets_.size() > max_states_) return std::nullopt;
      expand(id);
    }
    return std::move(states_);
  }

 private:
  std::uint32_t id_of(States set) {
    const auto [found, is_new] =
        ids_.try_emplace(std::move(set), static_cast<std::uint32_t>(sets_.size()));
    if (is_new) {
      sets_.push_back(&found->first);
      RuleState state;
      state.accepts = std::ranges::binary_search(found->first, Nfa::kAccept);
      states_.push_back(std::move(state));
      budget_.spend(found->first.size());
    }
    return found->second;
  }

  void expand(std::uint32_t id) {
    std::map<RuleId, States> called;
    for (States& targets : by_byte_) targets.clear();
    for (const std::uint32_t s : *sets_[id]) {
      for (const NfaByteEdge& edge : nfa_.bytes.of(s)) {
        for (unsigned b = edge.bytes.low; b <= edge.bytes.high; ++b) by_byte_[b].push_back(edge.to);
        budget_.spend(1U + edge.bytes.high - edge.bytes.low);
      }
      for (const NfaCall& call : nfa_.calls.of(s)) called[call.rule].push_back(call.to);
      budget_.spend(nfa_.calls.of(s).size());
    }
    add_byte_edges(id);
    for (auto& [rule, targets] : called) {
      sort_unique(targets);
      const std::uint32_t target = id_of(closure_.of(targets));
      states_[id].calls.push_back({rule, target});
    }
  }

  void add_byte_edges(std::uint32_t id) {
    for (States& targets : by_byte_) sort_unique(targets);
    std::map<States, std::uint32_t> known;
    for (unsigned b = 0; b < 256; ++b) {
      if (by_byte_[b].empty()) continue;
      const auto byte = static_cast<std::uint8_t>(b);
      const auto [found, is_new] = known.try_emplace(by_byte_[b], 0);
      if (is_new) found->second = id_of(closure_.of(by_byte_[b]));
      auto& edges = states_[id].bytes;
      if (!edges.empty() && edges.back().target == found->second &&
          edges.back().bytes.high + 1U == b) {
        edges.back().bytes.high = byte;
      } else {
        edges.push_back({{byte, byte}, found->second});
      }
    }
  }

  const Nfa& nfa_;
  std::uint32_t max_states_;
  Budget& budget_;
  Closure closure_;
  std::map<States, std::uint32_t> ids_;
  std::vector<const States*> sets_;
  std::vector<RuleState> states_;
  std::array<States, 256> by_byte_;
};

// The NFA's own states, without its empty edges.
std::optional<std::vector<RuleState>> without_empty_edges(const Nfa& nfa, Budget& budget) {
  std::vector<RuleState> states(nfa.n_states);
  Closure closure(nfa, budget);
  for (std::uint32_t id = 0; id < nfa.n_states; ++id) {
    for (const std::uint32_t s : closure.of({id})) {
      states[id].accepts |= s == Nfa::kAccept;
      for (const NfaByteEdge& edge : nfa.bytes.of(s))
        states[id].bytes.push_back({edge.bytes, edge.to});
      for (const NfaCall& call : nfa.calls.of(s)) states[id].calls.push_back({call.rule, call.to});
      budget.spend(nfa.bytes.of(s).size() + nfa.calls.of(s).size());
    }
    if (budget.spent()) return std::nullopt;
  }
  return states;
}

template <class Visit>
void each_target(const RuleState& state, const Visit& visit) {
  for (const auto& edge : state.bytes) visit(edge.target);
  for (const auto& call : state.calls) visit(call.target);
}

// States on a way from the start to an accepting one; the start itself is always kept.
std::vector<bool> useful_states(const std::vector<RuleState>& states) {
  std::vector<std::vector<std::uint32_t>> sources(states.size());
  std::vector<bool> reached(states.size());
  std::vector<std::uint32_t> open = {0};
  reached[0] = true;
  while (!open.empty()) {
    const std::uint32_t s = open.back();
    open.pop_back();
    each_target(states[s], [&](std::uint32_t target) {
      sources[target].push_back(s);
      if (!reached[target]) open.push_back(target);
      reached[target] = true;
    });
  }
  std::vector<bool> useful(states.size());
  for (std::uint32_t s = 0; s < states.size(); ++s) {
    if (reached[s] && states[s].accepts) open.push_back(s);
    useful[s] = reached[s] && states[s].accepts;
  }
  while (!open.empty()) {
    const std::uint32_t s = open.back();
    open.pop_back();
    for (const std::uint32_t source : sources[s]) {
      if (!useful[source]) open.push_back(source);
      useful[source] = true;
    }
  }
  useful[0] = true;
  return useful;
}

std::vector<RuleState> prune(std::vector<RuleState> states) {
  const std::vector<bool> useful = useful_states(states);
  std::vector<std::uint32_t> renumbered(states.size());
  std::uint32_t n = 0;
  for (std::size_t s = 0; s < states.size(); ++s) {
    renumbered[s] = n;
    if (useful[s]) ++n;
  }
  std::vector<RuleState> kept;
  kept.reserve(n);
  const auto useless = [&](const auto& edge) { return !useful[edge.target]; };
  for (std::size_t s = 0; s < states.size(); ++s) {
    if (!useful[s]) continue;
    std::erase_if(states[s].bytes, useless);
    std::erase_if(states[s].calls, useless);
    for (auto& edge : states[s].bytes) edge.target = renumbered[edge.target];
    for (auto& call : states[s].calls) call.target = renumbered[call.target];
    kept.push_back(std::move(states[s]));
  }
  return kept;
}

}  // namespace

std::optional<std::vector<RuleState>> determinize(const Nfa& nfa, std::uint32_t max_states,
                                                  std::uint64_t& work) {
  Budget budget(work);
  const std::uint32_t wanted = std::min(max_states, 2 * nfa.n_states + 256);
  // Part of the work only: enough must be left for the way out.
  std::uint64_t part = work / 4;
  Budget part_budget(part);
  auto states = Subsets(nfa, wanted, part_budget).build();
  budget.spend(work / 4 - part);
  if (!states) states = without_empty_edges(nfa, budget);
  if (!states) return std::nullopt;
  std::vector<RuleState> kept = prune(std::move(*states));
  if (kept.size() > max_states) return std::nullopt;
  return kept;
}

}  // namespace wattle::engine::grammar
