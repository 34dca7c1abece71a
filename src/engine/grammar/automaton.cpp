#include "engine/grammar/automaton.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/grammar/determinize.hpp"
#include "engine/grammar/rule_facts.hpp"

namespace wattle::engine::grammar {
namespace {

constexpr std::uint64_t kMaxWork = 8'000'000;  // less than a second

std::unexpected<Error> too_large(std::size_t value, const char* what, std::size_t limit) {
  return fail(ErrorCode::resource_exhausted,
              fmt::format("the grammar is too large: {} {}, {} are allowed", value, what, limit),
              "Use fewer rules, or shorter repetitions.");
}

std::string described(const Rule& rule) {
  return rule.place.empty() ? fmt::format("rule '{}'", rule.name)
                            : fmt::format("rule '{}' ({})", rule.name, rule.place);
}

}  // namespace

// Rules → states in one numbering.
class Compiler {
 public:
  Compiler(const RuleSet& rules, RuleId root)
      : rules_(rules), order_(reachable_rules(rules, root)) {}

  Result<std::shared_ptr<const Automaton>> compile() {
    WATTLE_CHECK(check_finite());
    WATTLE_CHECK(build_rules());
    WATTLE_CHECK(check_left_recursion());
    join();
    find_byte_classes();
    return std::make_shared<const Automaton>(std::move(automaton_));
  }

 private:
  Status check_finite() {
    const std::vector<bool> finite = finite_rules(rules_);
    for (const RuleId rule : order_) {
      if (finite[rule]) continue;
      return fail(ErrorCode::invalid_format,
                  fmt::format("{} can never end: every way through it leads to itself again, or "
                              "to a set of no characters",
                              described(rules_.rule(rule))),
                  "Give it a way out, for example an alternative without the recursion.");
    }
    return {};
  }

  Status build_rules() {
    const std::vector<bool> nullable = nullable_rules(rules_);
    automata_.resize(rules_.n_rules());
    std::uint64_t work = kMaxWork;
    std::size_t left = kMaxStates;
    for (const RuleId rule : order_) {
      // An NFA has more states than what is made of it.
      const auto most = static_cast<std::uint32_t>(4 * left + 16);
      const Nfa nfa = build_nfa(rules_, rule, nullable, most);
      auto states = nfa.n_states > most ? std::nullopt
                                        : determinize(nfa, static_cast<std::uint32_t>(left), work);
      if (!states) {
        return fail(ErrorCode::resource_exhausted,
                    fmt::format("the grammar is too large at {}: more than {} states, or too much "
                                "work to find them",
                                described(rules_.rule(rule)), kMaxStates),
                    "Use fewer rules, shorter repetitions, or fewer alternatives that begin with "
                    "the same characters.");
      }
      left -= std::min(left, states->size());
      automata_[rule] = std::move(*states);
    }
    return {};
  }

  // A cycle of rules that are called from first states. (Rules that may be passed without reading
  // have an empty edge beside them, so first states call everything that may come first.)
  Status check_left_recursion() {
    enum class Mark : std::uint8_t { unseen, open, done };
    std::vector<Mark> marks(rules_.n_rules(), Mark::unseen);
    for (const RuleId root : order_) {
      std::vector<std::pair<RuleId, std::size_t>> path;
      const auto enter = [&](RuleId rule) {
        marks[rule] = Mark::open;
        path.emplace_back(rule, 0);
      };
      if (marks[root] == Mark::unseen) enter(root);
      while (!path.empty()) {
        auto& [rule, next] = path.back();
        const auto& calls = automata_[rule].front().calls;
        if (next == calls.size()) {
          marks[rule] = Mark::done;
          path.pop_back();
          continue;
        }
        const RuleId called = calls[next++].rule;
        if (marks[called] == Mark::open) return left_recursion(path, called);
        if (marks[called] == Mark::unseen) enter(called);
      }
    }
    return {};
  }

  [[nodiscard]] std::unexpected<Error> left_recursion(
      const std::vector<std::pair<RuleId, std::size_t>>& path, RuleId again) const {
    std::string way;
    for (const auto& [rule, next] : path) {
      if (way.empty() && rule != again) continue;
      way += rules_.rule(rule).name + " → ";
    }
    return fail(ErrorCode::unsupported,
                fmt::format("left recursion: {} calls itself before it has read anything: {}{}",
                            described(rules_.rule(again)), way, rules_.rule(again).name),
                "Write it as a repetition: instead of  list ::= list \",\" item | item  "
                "say  list ::= item (\",\" item)*.");
  }

  void join() {
    std::vector<StateId> first(rules_.n_rules());
    StateId n_states = 0;
    for (const RuleId rule : order_) {
      first[rule] = n_states;
      n_states += static_cast<StateId>(automata_[rule].size());
    }
    Automaton& a = automaton_;
    a.start_ = first[order_.front()];
    for (const RuleId rule : order_) {
      const std::vector<RuleState>& states = automata_[rule];
      for (const RuleState& state : states) {
        a.accepts_.push_back(state.accepts);
        a.first_byte_.push_back(static_cast<std::uint32_t>(a.bytes_.size()));
        a.first_call_.push_back(static_cast<std::uint32_t>(a.calls_.size()));
        for (const auto& edge : state.bytes) {
          a.bytes_.push_back({edge.bytes.low, edge.bytes.high, first[rule] + edge.target});
        }
        for (const auto& call : state.calls) {
          const RuleState& after = states[call.target];
          a.calls_.push_back({.start = first[call.rule],
                              .target = first[rule] + call.target,
                              .tail = after.bytes.empty() && after.calls.empty()});
        }
      }
    }
    a.first_byte_.push_back(static_cast<std::uint32_t>(a.bytes_.size()));
    a.first_call_.push_back(static_cast<std::uint32_t>(a.calls_.size()));
  }

  void find_byte_classes() {
    std::array<bool, 257> begins{};
    for (const ByteEdge& edge : automaton_.bytes_) {
      begins[edge.low] = true;
      begins[edge.high + 1U] = true;
    }
    std::uint8_t current = 0;
    for (std::size_t byte = 1; byte < 256; ++byte) {
      if (begins[byte]) ++current;
      automaton_.class_of_[byte] = current;
    }
    automaton_.n_classes_ = current + 1U;
  }

  const RuleSet& rules_;
  std::vector<RuleId> order_;
  std::vector<std::vector<RuleState>> automata_;  // [n_rules]
  Automaton automaton_;
};

Result<std::shared_ptr<const Automaton>> compile(const RuleSet& rules, RuleId root) {
  if (rules.n_rules() > kMaxRules) return too_large(rules.n_rules(), "rules", kMaxRules);
  if (rules.n_expressions() > kMaxExpressions) {
    return too_large(rules.n_expressions(), "elements", kMaxExpressions);
  }
  return Compiler(rules, root).compile();
}

}  // namespace wattle::engine::grammar
