#include "engine/grammar/schema_strings.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "engine/grammar/pattern_parser.hpp"
#include "engine/grammar/schema_keywords.hpp"

namespace wattle::engine::grammar {
namespace {

// RFC 3339 without leap seconds; RFC 9562.
constexpr std::string_view kDate =
    R"((?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29))";
constexpr std::string_view kTime =
    R"((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))";
constexpr std::string_view kUuid =
    "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";

std::string pattern_of_format(const std::string& format) {
  if (format == "date") return fmt::format("^{}$", kDate);
  if (format == "time") return fmt::format("^{}$", kTime);
  if (format == "date-time") return fmt::format("^{}T{}$", kDate, kTime);
  if (format == "uuid") return fmt::format("^{}$", kUuid);
  return {};
}

Result<ExpressionId> matching(const std::string& pattern, const std::string& pointer,
                              RuleSet& rules, JsonRules& json) {
  const auto contents = parse_pattern(pattern, rules, json);
  if (!contents) {
    return fail_at(pointer, contents.error().what, contents.error().remedy, contents.error().code);
  }
  return rules.rule_of("string of a pattern", pointer,
                       rules.sequence({rules.literal("\""), *contents, rules.literal("\"")}));
}

}  // namespace

Result<ExpressionId> string_rule(const Json& schema, const std::string& pointer, RuleSet& rules,
                                 JsonRules& json) {
  const bool has_length = schema.contains("minLength") || schema.contains("maxLength");
  const bool has_pattern = schema.contains("pattern");
  const bool has_format = schema.contains("format");
  if (static_cast<int>(has_length) + static_cast<int>(has_pattern) + static_cast<int>(has_format) >
      1) {
    return fail_at(pointer, "only one of length, pattern and format can be enforced at a time",
                   "Say the length in the pattern: ^[a-z]{1,8}$.");
  }
  if (has_pattern) {
    return matching(schema["pattern"].get<std::string>(), pointer_to(pointer, "pattern"), rules,
                    json);
  }
  if (has_format) {
    const auto format = schema["format"].get<std::string>();
    const std::string pattern = pattern_of_format(format);
    if (pattern.empty()) {
      return fail_at(pointer_to(pointer, "format"),
                     fmt::format("the format '{}' cannot be enforced", format),
                     "Known are date, time, date-time and uuid; or give a pattern.");
    }
    return matching(pattern, pointer_to(pointer, "format"), rules, json);
  }
  const double min = schema.contains("minLength") ? schema["minLength"].get<double>() : 0;
  const double max = schema.contains("maxLength") ? schema["maxLength"].get<double>() : -1;
  for (const auto& [keyword, length] : {std::pair("minLength", min), std::pair("maxLength", max)}) {
    if (length > kMaxStringLength) {
      return fail_at(pointer_to(pointer, keyword),
                     fmt::format("more than {} characters", kMaxStringLength),
                     "Use a smaller number, or none.", ErrorCode::resource_exhausted);
    }
  }
  if (max >= 0 && min > max) {
    return fail_at(pointer, "minLength is more than maxLength: nothing is valid",
                   "Correct the lengths.", ErrorCode::invalid_format);
  }
  return json.string_of_length(static_cast<std::uint32_t>(min),
                               max < 0 ? kUnbounded : static_cast<std::uint32_t>(max));
}

}  // namespace wattle::engine::grammar
