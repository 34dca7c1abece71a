#include "engine/grammar/rule_facts.hpp"

#include <span>

namespace wattle::engine::grammar {
namespace {

// An expression is true as soon as `needed` of `children` are (a child may count several times).
struct Condition {
  static constexpr std::size_t kNever = ~std::size_t{0};
  std::size_t needed = kNever;
  std::vector<ExpressionId> children;
};

std::vector<ExpressionId> required_items(const Expression& e) {
  std::vector<ExpressionId> required;
  for (const ListItem& item : e.items) {
    if (!item.optional) required.push_back(item.expression);
  }
  return required;
}

Condition nullable_if(const RuleSet& rules, const Expression& e) {
  switch (e.kind) {
    case Expression::Kind::literal:
      return {e.text.empty() ? 0 : Condition::kNever, {}};
    case Expression::Kind::characters:
      return {};
    case Expression::Kind::reference:
      return {1, {rules.rule(e.rule).body}};
    case Expression::Kind::sequence:
      return {e.parts.size(), e.parts};
    case Expression::Kind::choice:
      return {1, e.parts};
    case Expression::Kind::repeat:
      return {e.min == 0 ? 0U : 1U, e.parts};
    case Expression::Kind::list: {
      // Two items have a separator between them, which is never empty.
      std::vector<ExpressionId> required = required_items(e);
      if (required.size() > 1) return {};
      return {required.size(), std::move(required)};
    }
  }
  return {};
}

Condition finite_if(const RuleSet& rules, const Expression& e) {
  switch (e.kind) {
    case Expression::Kind::literal:
      return {0, {}};
    case Expression::Kind::characters:
      return {utf8_sequences(e.characters).empty() ? Condition::kNever : 0, {}};
    case Expression::Kind::reference:
      return {1, {rules.rule(e.rule).body}};
    case Expression::Kind::sequence:
      return {e.parts.size(), e.parts};
    case Expression::Kind::choice:
      return {1, e.parts};
    case Expression::Kind::repeat:
      return {e.min == 0 ? 0U : 1U, e.parts};
    case Expression::Kind::list: {
      std::vector<ExpressionId> required = required_items(e);
      return {required.size(), std::move(required)};
    }
  }
  return {};
}

// The least set of true expressions, told for the bodies of the rules.
template <class ConditionOf>
std::vector<bool> solve(const RuleSet& rules, const ConditionOf& condition_of) {
  const std::size_t n = rules.n_expressions();
  std::vector<std::vector<ExpressionId>> parents(n);
  std::vector<std::size_t> missing(n);
  std::vector<ExpressionId> open;
  for (ExpressionId id = 0; id < n; ++id) {
    const Condition condition = condition_of(rules, rules.expression(id));
    missing[id] = condition.needed;
    for (const ExpressionId child : condition.children) parents[child].push_back(id);
    if (missing[id] == 0) open.push_back(id);
  }
  while (!open.empty()) {
    const ExpressionId id = open.back();
    open.pop_back();
    for (const ExpressionId parent : parents[id]) {
      if (missing[parent] == 0) continue;
      --missing[parent];
      if (missing[parent] == 0) open.push_back(parent);
    }
  }
  std::vector<bool> result(rules.n_rules());
  for (RuleId rule = 0; rule < rules.n_rules(); ++rule) {
    result[rule] = missing[rules.rule(rule).body] == 0;
  }
  return result;
}

}  // namespace

std::vector<bool> nullable_rules(const RuleSet& rules) {
  return solve(rules, nullable_if);
}

std::vector<bool> finite_rules(const RuleSet& rules) {
  return solve(rules, finite_if);
}

std::vector<RuleId> reachable_rules(const RuleSet& rules, RuleId root) {
  std::vector<RuleId> reached = {root};
  std::vector<bool> seen_rules(rules.n_rules());
  std::vector<bool> seen(rules.n_expressions());
  seen_rules[root] = true;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    std::vector<ExpressionId> open = {rules.rule(reached[i]).body};
    while (!open.empty()) {
      const ExpressionId id = open.back();
      open.pop_back();
      if (seen[id]) continue;
      seen[id] = true;
      const Expression& e = rules.expression(id);
      if (e.kind == Expression::Kind::reference && !seen_rules[e.rule]) {
        seen_rules[e.rule] = true;
        reached.push_back(e.rule);
      }
      open.insert(open.end(), e.parts.begin(), e.parts.end());
      for (const ListItem& item : e.items) open.push_back(item.expression);
    }
  }
  return reached;
}

}  // namespace wattle::engine::grammar
