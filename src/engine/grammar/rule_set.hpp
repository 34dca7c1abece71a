#pragma once
// A grammar as its notation says it: named rules of expressions over characters. The parsers (GBNF,
// JSON schema) fill it; compile() makes the automaton of it.

#include <cstdint>
#include <string>
#include <vector>

#include "engine/grammar/character_set.hpp"

namespace wattle::engine::grammar {

using ExpressionId = std::uint32_t;
using RuleId = std::uint32_t;

inline constexpr std::uint32_t kUnbounded = 0xFFFFFFFF;  // no upper limit of a repetition

// An element of a list: items come in order, a separator stands between those that are there.
struct ListItem {
  ExpressionId expression = 0;
  bool optional = false;
  bool repeats = false;  // may come several times
};

struct Expression {
  enum class Kind : std::uint8_t {
    literal,     // `text`
    characters,  // one of `characters`; an empty set never matches
    reference,   // `rule`
    sequence,    // `parts`, one after the other; none: the empty text
    choice,      // one of `parts`; none: never matches
    repeat,      // parts[0], `min` to `max` times
    list,        // `items` separated by parts[0]
  };
  Kind kind = Kind::sequence;
  RuleId rule = 0;
  std::uint32_t min = 0;
  std::uint32_t max = 0;
  std::uint64_t weight = 0;  // about how many states it takes
  std::string text;          // UTF-8
  CharacterSet characters;
  std::vector<ExpressionId> parts;
  std::vector<ListItem> items;
};

struct Rule {
  std::string name;   // for errors
  std::string place;  // where it stands, for errors: "line 3, column 1" or a JSON pointer
  ExpressionId body = 0;
};

class RuleSet {
 public:
  ExpressionId literal(std::string text);
  ExpressionId characters(CharacterSet set);
  ExpressionId reference(RuleId rule);
  ExpressionId sequence(std::vector<ExpressionId> parts);
  ExpressionId choice(std::vector<ExpressionId> parts);
  // A body that would be written out too often becomes a rule of its own.
  ExpressionId repeat(ExpressionId body, std::uint32_t min, std::uint32_t max);
  ExpressionId optional(ExpressionId body) { return repeat(body, 0, 1); }
  ExpressionId list(ExpressionId separator, std::vector<ListItem> items);

  // The body may be set later: rules may be recursive.
  RuleId add_rule(std::string name, std::string place);
  void set_place(RuleId rule, std::string place) { rules_[rule].place = std::move(place); }
  void set_body(RuleId rule, ExpressionId body) { rules_[rule].body = body; }
  // A rule that is nothing but this expression, as an expression.
  ExpressionId rule_of(std::string name, std::string place, ExpressionId body);

  [[nodiscard]] const Expression& expression(ExpressionId id) const { return expressions_[id]; }
  [[nodiscard]] const Rule& rule(RuleId id) const { return rules_[id]; }
  [[nodiscard]] std::size_t n_rules() const { return rules_.size(); }
  [[nodiscard]] std::size_t n_expressions() const { return expressions_.size(); }

 private:
  ExpressionId add(Expression expression);
  [[nodiscard]] std::uint64_t weight_of(const std::vector<ExpressionId>& parts) const;

  std::vector<Expression> expressions_;
  std::vector<Rule> rules_;
};

}  // namespace wattle::engine::grammar
