#pragma once
// A JSON schema as the rules of the JSON texts that are valid under it.

#include "base/json.hpp"
#include "base/result.hpp"
#include "engine/grammar/gbnf_parser.hpp"
#include "engine/grammar/rule_set.hpp"

namespace wattle::engine::grammar {

// Errors name the place by a JSON pointer: keywords that are unknown or cannot be enforced, values
// of the wrong kind, schemas that nothing is valid under, too large ones.
[[nodiscard]] Result<ParsedGrammar> rules_of_schema(const Json& schema);

}  // namespace wattle::engine::grammar
