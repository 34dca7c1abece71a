#include "engine/grammar/schema_keywords.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace wattle::engine::grammar {
namespace {

constexpr std::array<std::string_view, 13> kAnnotations = {
    "title",      "description", "default",   "examples",   "$schema",          "$comment",
    "$defs",      "readOnly",    "writeOnly", "deprecated", "contentMediaType", "contentEncoding",
    "definitions"};

constexpr std::array<std::pair<JsonType, const char*>, 7> kTypeNames = {
    {{JsonType::null, "null"},
     {JsonType::boolean, "boolean"},
     {JsonType::integer, "integer"},
     {JsonType::number, "number"},
     {JsonType::string, "string"},
     {JsonType::array, "array"},
     {JsonType::object, "object"}}};

std::optional<JsonType> type_named(const Json& name) {
  for (const auto& [type, text] : kTypeNames) {
    if (name.is_string() && name == text) return type;
  }
  return std::nullopt;
}

enum class Kind { type, count, number, text, schema, schemas, schema_map, names, values, any };

struct Keyword {
  std::string_view name;
  Kind kind;
  std::optional<JsonType> about;  // it says nothing about values of other types
};

constexpr std::array<Keyword, 22> kKeywords = {{
    {"type", Kind::type, {}},
    {"properties", Kind::schema_map, JsonType::object},
    {"required", Kind::names, JsonType::object},
    {"additionalProperties", Kind::schema, JsonType::object},
    {"items", Kind::schema, JsonType::array},
    {"prefixItems", Kind::schemas, JsonType::array},
    {"minItems", Kind::count, JsonType::array},
    {"maxItems", Kind::count, JsonType::array},
    {"minLength", Kind::count, JsonType::string},
    {"maxLength", Kind::count, JsonType::string},
    {"pattern", Kind::text, JsonType::string},
    {"format", Kind::text, JsonType::string},
    {"minimum", Kind::number, JsonType::number},
    {"maximum", Kind::number, JsonType::number},
    {"exclusiveMinimum", Kind::number, JsonType::number},
    {"exclusiveMaximum", Kind::number, JsonType::number},
    {"enum", Kind::values, {}},
    {"const", Kind::any, {}},
    {"oneOf", Kind::schemas, {}},
    {"anyOf", Kind::schemas, {}},
    {"allOf", Kind::schemas, {}},
    {"$ref", Kind::text, {}},
}};

bool all_strings(const Json& value) {
  return value.is_array() &&
         std::ranges::all_of(value, [](const Json& element) { return element.is_string(); });
}

bool all_schemas(const Json& value) {
  return !value.empty() && std::ranges::all_of(value, [](const Json& element) {
    return element.is_object() || element.is_boolean();
  });
}

bool is_types(const Json& value) {
  if (value.is_string()) return type_named(value).has_value();
  return value.is_array() && !value.empty() &&
         std::ranges::all_of(value, [](const Json& name) { return type_named(name).has_value(); });
}

bool is_count(const Json& value) {
  return value.is_number() && value.get<double>() >= 0 &&
         value.get<double>() == std::floor(value.get<double>());
}

// What is wrong with a keyword's value; nullptr: nothing.
const char* complaint(Kind kind, const Json& value) {
  switch (kind) {
    case Kind::type:
      return is_types(value) ? nullptr
                             : "a type is null, boolean, integer, number, string, array or object, "
                               "or a list of these";
    case Kind::count:
      return is_count(value) ? nullptr : "this is to be a whole number, 0 or more";
    case Kind::number:
      return value.is_number() ? nullptr : "this is to be a number";
    case Kind::text:
      return value.is_string() ? nullptr : "this is to be a text";
    case Kind::schema:
      return value.is_object() || value.is_boolean() ? nullptr : "this is to be one schema";
    case Kind::schemas:
      return value.is_array() && all_schemas(value) ? nullptr : "this is to be a list of schemas";
    case Kind::schema_map:
      return value.is_object() && (value.empty() || all_schemas(value))
                 ? nullptr
                 : "this is to be an object of schemas";
    case Kind::names:
      return all_strings(value) ? nullptr : "this is to be a list of names";
    case Kind::values:
      return value.is_array() && !value.empty() ? nullptr : "this is to be a list of values";
    case Kind::any:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

std::unexpected<Error> fail_at(const std::string& pointer, const std::string& what,
                               std::string remedy, ErrorCode code) {
  return fail(code, fmt::format("the JSON schema at {}: {}", pointer, what), std::move(remedy));
}

std::string pointer_to(const std::string& pointer, std::string_view key) {
  std::string result = pointer + '/';
  for (const char c : key) {
    if (c == '~') {
      result += "~0";
    } else if (c == '/') {
      result += "~1";
    } else {
      result += c;
    }
  }
  return result;
}

std::string pointer_to(const std::string& pointer, std::size_t index) {
  return pointer + '/' + std::to_string(index);
}

bool is_annotation(std::string_view keyword) {
  return keyword.starts_with("x-") ||
         std::ranges::find(kAnnotations, keyword) != kAnnotations.end();
}

Json constraints_of(const Json& schema) {
  Json constraints = Json::object();
  for (const auto& [keyword, value] : schema.items()) {
    const bool is_id = keyword == "$id";
    const bool says_nothing = keyword == "uniqueItems" && value == false;
    if (!is_annotation(keyword) && !is_id && !says_nothing) constraints[keyword] = value;
  }
  return constraints;
}

Status check_keywords(const Json& schema, const std::string& pointer, bool is_root) {
  for (const auto& [keyword, value] : schema.items()) {
    const std::string place = pointer_to(pointer, keyword);
    if (is_annotation(keyword) || (keyword == "$id" && is_root)) continue;
    if (keyword == "uniqueItems" && value == false) continue;
    const auto known = std::ranges::find(kKeywords, keyword, &Keyword::name);
    if (known == kKeywords.end()) {
      return fail_at(place, fmt::format("'{}' cannot be enforced", keyword),
                     "Remove it, and check the answer for it; what can be enforced is in "
                     "docs/constrained-output.md.");
    }
    if (value.is_structured() && value.size() > kMaxListed) {
      return fail_at(place, fmt::format("more than {} entries", kMaxListed), "List fewer.",
                     ErrorCode::resource_exhausted);
    }
    if (const char* wrong = complaint(known->kind, value); wrong != nullptr) {
      const bool old_items = keyword == "items" && value.is_array();
      return fail_at(place, wrong,
                     old_items ? "A list of items is prefixItems now." : "Correct the value.",
                     ErrorCode::invalid_format);
    }
  }
  return {};
}

JsonTypes all_types() {
  return {JsonType::null,   JsonType::boolean, JsonType::number,
          JsonType::string, JsonType::array,   JsonType::object};
}

const char* type_name(JsonType type) {
  for (const auto& [known, text] : kTypeNames) {
    if (known == type) return text;
  }
  return "";
}

JsonTypes valid_types_of(const Json& schema) {
  const auto type = schema.find("type");
  if (type == schema.end()) return all_types();
  JsonTypes types;
  if (type->is_string()) {
    types.insert(*type_named(*type));
  } else {
    for (const Json& name : *type) types.insert(*type_named(name));
  }
  if (types.contains(JsonType::number)) types.erase(JsonType::integer);
  return types;
}

JsonTypes types_of(const Json& schema) {
  if (schema.contains("type")) return valid_types_of(schema);
  JsonTypes types;
  for (const Keyword& keyword : kKeywords) {
    if (keyword.about && schema.contains(std::string(keyword.name))) types.insert(*keyword.about);
  }
  return types.empty() ? all_types() : types;
}

JsonType type_of_value(const Json& value) {
  if (value.is_null()) return JsonType::null;
  if (value.is_boolean()) return JsonType::boolean;
  if (value.is_string()) return JsonType::string;
  if (value.is_array()) return JsonType::array;
  if (value.is_object()) return JsonType::object;
  const bool whole =
      value.is_number_integer() || value.get<double>() == std::floor(value.get<double>());
  return whole ? JsonType::integer : JsonType::number;
}

bool has_type(const JsonTypes& types, JsonType type) {
  return types.contains(type) || (type == JsonType::integer && types.contains(JsonType::number));
}

JsonTypes common_types(const JsonTypes& a, const JsonTypes& b) {
  JsonTypes common;
  for (const JsonType type : a) {
    if (has_type(b, type)) common.insert(type);
  }
  for (const JsonType type : b) {
    if (has_type(a, type)) common.insert(type);
  }
  return common;
}

Json to_json(const JsonTypes& types) {
  if (types.size() == 1) return type_name(*types.begin());
  Json names = Json::array();
  for (const JsonType type : types) names.emplace_back(type_name(type));
  return names;
}

bool same_value(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    return std::ranges::all_of(a.items(), [&](const auto& member) {
      const auto found = b.find(member.key());
      return found != b.end() && same_value(member.value(), *found);
    });
  }
  if (a.is_array() && b.is_array()) {
    return std::ranges::equal(a, b, same_value);
  }
  return a == b;
}

}  // namespace wattle::engine::grammar
