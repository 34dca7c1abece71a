#pragma once
// Regular expressions of JSON schemas (`pattern`, ECMA-262) as expressions over the characters that
// a JSON string writes. Anchored at both ends; without look-around, back references, word
// boundaries and Unicode properties.

#include <string_view>

#include "base/result.hpp"
#include "engine/grammar/json_rules.hpp"
#include "engine/grammar/rule_set.hpp"

namespace wattle::engine::grammar {

// The contents of the string, without its quotes. Errors name the column in the pattern.
[[nodiscard]] Result<ExpressionId> parse_pattern(std::string_view pattern, RuleSet& rules,
                                                 JsonRules& json);

}  // namespace wattle::engine::grammar
