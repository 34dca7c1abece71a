// The ways a Grammar is made.
#include "engine/grammar.hpp"
#include "engine/grammar/gbnf_parser.hpp"
#include "engine/grammar/json_rules.hpp"
#include "engine/grammar/schema_compiler.hpp"

namespace wattle::engine {
namespace {

std::shared_ptr<const Grammar> make_json(Grammar::JsonRoot root) {
  grammar::RuleSet rules;
  grammar::JsonRules json(rules);
  const auto value = root == Grammar::JsonRoot::object ? json.object() : json.value();
  const auto whole = rules.sequence({json.space(), value});
  const auto rule = rules.add_rule("root", "");
  rules.set_body(rule, whole);
  return Grammar::from_rules(rules, rule).value();
}

}  // namespace

Result<std::shared_ptr<const Grammar>> Grammar::parse_gbnf(std::string_view text,
                                                           const std::string& source) {
  WATTLE_TRY(const auto parsed, grammar::parse_gbnf(text, source));
  return from_rules(parsed.rules, parsed.root);
}

std::shared_ptr<const Grammar> Grammar::json(JsonRoot root) {
  static const auto object = make_json(JsonRoot::object);
  static const auto value = make_json(JsonRoot::value);
  return root == JsonRoot::object ? object : value;
}

Result<std::shared_ptr<const Grammar>> Grammar::from_json_schema(const Json& schema) {
  WATTLE_TRY(const auto parsed, grammar::rules_of_schema(schema));
  return from_rules(parsed.rules, parsed.root);
}

}  // namespace wattle::engine
