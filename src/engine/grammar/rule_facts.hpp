#pragma once
// What can be said of rules before automata are made of them. Linear in the size of the rules.

#include <vector>

#include "engine/grammar/rule_set.hpp"

namespace wattle::engine::grammar {

// [n_rules]: the rule matches the empty text.
[[nodiscard]] std::vector<bool> nullable_rules(const RuleSet& rules);
// [n_rules]: the rule matches some text: it is not caught in calling itself without end.
[[nodiscard]] std::vector<bool> finite_rules(const RuleSet& rules);
// Rules that the root needs, itself first.
[[nodiscard]] std::vector<RuleId> reachable_rules(const RuleSet& rules, RuleId root);

}  // namespace wattle::engine::grammar
