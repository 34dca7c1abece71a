#pragma once
// What is valid under two schemas at once, as one schema.

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"

namespace wattle::engine::grammar {

// Schemas are objects of constraints (constraints_of) without $ref and allOf at their top, or
// booleans; `false`: nothing is valid. `pointer` is for errors: keywords that cannot be joined.
[[nodiscard]] Result<Json> merge_schemas(const Json& a, const Json& b, const std::string& pointer);

}  // namespace wattle::engine::grammar
