#pragma once
// JSON by nlohmann-json; its exceptions end here.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace wattle {

using Json = nlohmann::ordered_json;

// `source` names the text in the error ("prompts/x.jsonl line 7").
[[nodiscard]] Result<Json> parse_json(std::string_view text, const std::string& source);
// Never throws: invalid UTF-8 is replaced, NaN and infinities become null.
[[nodiscard]] std::string dump_json(const Json& value, int indent = -1);

}  // namespace wattle
