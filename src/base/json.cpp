#include "base/json.hpp"

namespace wattle {

Result<Json> parse_json(std::string_view text, const std::string& source) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::invalid_format, "cannot parse " + source + ": " + error.what(),
                "Correct the JSON.");
  }
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace wattle
