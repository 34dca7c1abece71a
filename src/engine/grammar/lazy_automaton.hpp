#pragma once
// A deterministic automaton over configurations, made as far as it is needed: following a byte a
// second time is one look into a table. The stacks in it are local: their bottom is the rule that a
// walk begins in, and `ended` says that this rule may be over, whatever stands below it.

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/grammar/configuration.hpp"

namespace wattle::engine::grammar {

class LazyAutomaton {
 public:
  using Id = std::uint32_t;
  static constexpr Id kDead = 0;

  explicit LazyAutomaton(std::shared_ptr<const Automaton> automaton);

  // One head: what the state itself reads, without what could come instead of it.
  Id at(StateId state);
  // Behind a rule that has returned to `state`.
  Id behind(StateId state);
  Id next(Id from, std::uint8_t byte) {
    const Id known = table_[from * n_classes_ + automaton_->class_of(byte)];
    return known != kUnknown ? known : find_next(from, byte);
  }

  struct Facts {
    bool ended = false;       // the rule may be over here
    bool reads = false;       // and it may go on
    std::uint32_t depth = 0;  // of the deepest stack
  };
  [[nodiscard]] const Facts& facts(Id id) const { return facts_[id]; }

  // Byte groups (TokenTrie) of which any text of up to `height` bytes leads from here through
  // states that read on and where the rule is not over. Some may be missing.
  std::uint64_t safe_groups(Id from, std::uint32_t height);

  // States looked at to make configurations, since the beginning.
  [[nodiscard]] std::uint64_t work() const { return work_; }
  [[nodiscard]] bool full() const { return configurations_.size() > kMaxConfigurations; }
  // Forgets everything but these, which get new ids.
  void compact(std::span<Id> keep);
  [[nodiscard]] const Automaton& automaton() const { return *automaton_; }

 private:
  static constexpr Id kUnknown = 0xFFFFFFFF;
  static constexpr std::size_t kMaxConfigurations = 8192;

  // The state that most letters lead to, and the groups that wholly lead there.
  struct Run {
    bool known = false;
    Id next = kDead;
    std::uint64_t groups = 0;
  };
  const Run& run_of(Id from);
  // From the beginning of a character of several bytes, every such character leads to `to`.
  bool all_characters_lead(Id from, Id to);
  bool all_bytes_lead(Id from, std::uint8_t low, std::uint8_t high, int n_more, Id to);
  Id find_next(Id from, std::uint8_t byte);
  Id intern(Configuration configuration);
  void clear();

  std::shared_ptr<const Automaton> automaton_;
  std::size_t n_classes_;
  std::vector<Configuration> configurations_;
  std::vector<Facts> facts_;
  std::vector<Run> runs_;
  std::vector<Id> table_;  // [n_configurations, n_classes]
  std::unordered_multimap<std::uint64_t, Id> by_hash_;
  std::uint64_t work_ = 0;
};

}  // namespace wattle::engine::grammar
