#include "engine/grammar/rule_set.hpp"

#include <algorithm>

namespace wattle::engine::grammar {
namespace {

// A repetition is written out up to this many states; beyond, its body is called.
constexpr std::uint64_t kInlineWeight = 2048;
// An item of a list is written out twice: before and behind a separator.
constexpr std::uint64_t kInlineItemWeight = 256;
constexpr std::uint64_t kHeaviest = std::uint64_t{1} << 40;

std::uint64_t times(std::uint64_t weight, std::uint64_t n) {
  return std::min(weight * std::min(n, kHeaviest / std::max<std::uint64_t>(weight, 1)), kHeaviest);
}

}  // namespace

ExpressionId RuleSet::add(Expression expression) {
  expressions_.push_back(std::move(expression));
  return static_cast<ExpressionId>(expressions_.size() - 1);
}

std::uint64_t RuleSet::weight_of(const std::vector<ExpressionId>& parts) const {
  std::uint64_t weight = 1;
  for (const ExpressionId part : parts) weight += expressions_[part].weight;
  return std::min(weight, kHeaviest);
}

ExpressionId RuleSet::literal(std::string text) {
  const std::uint64_t weight = text.size() + 1;
  return add({.kind = Expression::Kind::literal, .weight = weight, .text = std::move(text)});
}

ExpressionId RuleSet::characters(CharacterSet set) {
  const std::uint64_t weight = set.empty() || set.back().high < 0x80 ? 1 : 4 + 2 * set.size();
  return add(
      {.kind = Expression::Kind::characters, .weight = weight, .characters = std::move(set)});
}

ExpressionId RuleSet::reference(RuleId rule) {
  return add({.kind = Expression::Kind::reference, .rule = rule, .weight = 1});
}

ExpressionId RuleSet::sequence(std::vector<ExpressionId> parts) {
  const std::uint64_t weight = weight_of(parts);
  return add({.kind = Expression::Kind::sequence, .weight = weight, .parts = std::move(parts)});
}

ExpressionId RuleSet::choice(std::vector<ExpressionId> parts) {
  const std::uint64_t weight = weight_of(parts);
  return add({.kind = Expression::Kind::choice, .weight = weight, .parts = std::move(parts)});
}

ExpressionId RuleSet::repeat(ExpressionId body, std::uint32_t min, std::uint32_t max) {
  const std::uint64_t copies = max == kUnbounded ? std::uint64_t{min} + 1 : max;
  std::uint64_t weight = times(expressions_[body].weight, copies);
  if (copies > 1 && weight > kInlineWeight && expressions_[body].weight > 1) {
    body = rule_of("repeated text", "", body);
    weight = copies;
  }
  return add({.kind = Expression::Kind::repeat,
              .min = min,
              .max = max,
              .weight = weight + 1,
              .parts = {body}});
}

ExpressionId RuleSet::list(ExpressionId separator, std::vector<ListItem> items) {
  std::uint64_t weight = 1;
  for (ListItem& item : items) {
    if (expressions_[item.expression].weight > kInlineItemWeight) {
      item.expression = rule_of("list item", "", item.expression);
    }
    weight += 2 * expressions_[item.expression].weight + expressions_[separator].weight;
  }
  return add({.kind = Expression::Kind::list,
              .weight = std::min(weight, kHeaviest),
              .parts = {separator},
              .items = std::move(items)});
}

RuleId RuleSet::add_rule(std::string name, std::string place) {
  rules_.push_back({.name = std::move(name), .place = std::move(place)});
  return static_cast<RuleId>(rules_.size() - 1);
}

ExpressionId RuleSet::rule_of(std::string name, std::string place, ExpressionId body) {
  const RuleId rule = add_rule(std::move(name), std::move(place));
  set_body(rule, body);
  return reference(rule);
}

}  // namespace wattle::engine::grammar
