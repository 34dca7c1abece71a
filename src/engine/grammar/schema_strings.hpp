#pragma once
// Strings under a JSON schema: lengths, patterns, formats.

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "engine/grammar/json_rules.hpp"
#include "engine/grammar/rule_set.hpp"

namespace wattle::engine::grammar {

[[nodiscard]] Result<ExpressionId> string_rule(const Json& schema, const std::string& pointer,
                                               RuleSet& rules, JsonRules& json);

}  // namespace wattle::engine::grammar
