#include "engine/grammar/schema_merge.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/grammar/schema_keywords.hpp"

namespace wattle::engine::grammar {
namespace {

// Inner schemas may still have references; they are joined when it is their turn.
Json both(const Json& a, const Json& b) {
  if (a == true) return b;
  if (b == true || a == b) return a;
  if (a == false || b == false) return false;
  return Json{{"allOf", Json::array({a, b})}};
}

// What a schema says of a member: by name, or of all that it does not name.
Json member_schema(const Json& schema, const std::string& name) {
  if (const auto properties = schema.find("properties"); properties != schema.end()) {
    if (const auto found = properties->find(name); found != properties->end()) return *found;
  }
  const auto others = schema.find("additionalProperties");
  return others != schema.end() ? *others : Json(true);
}

void merge_members(const Json& a, const Json& b, Json& merged) {
  Json members = Json::object();
  for (const Json* schema : {&a, &b}) {
    const auto properties = schema->find("properties");
    if (properties == schema->end()) continue;
    for (const auto& [name, unused] : properties->items()) {
      members[name] = both(member_schema(a, name), member_schema(b, name));
    }
  }
  if (!members.empty()) merged["properties"] = std::move(members);
  const auto a_others = a.find("additionalProperties");
  const auto b_others = b.find("additionalProperties");
  if (a_others != a.end() && b_others != b.end()) {
    merged["additionalProperties"] = both(*a_others, *b_others);
  } else if (a_others != a.end()) {
    merged["additionalProperties"] = *a_others;
  } else if (b_others != b.end()) {
    merged["additionalProperties"] = *b_others;
  }
}

Json merge_names(const Json& a, const Json& b) {
  Json names = a;
  for (const Json& name : b) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

Json merge_values(const Json& a, const Json& b) {
  Json values = Json::array();
  for (const Json& value : a) {
    if (std::ranges::any_of(b, [&](const Json& other) { return same_value(value, other); })) {
      values.push_back(value);
    }
  }
  return values;
}

// Every alternative of one with every alternative of the other.
Result<Json> merge_alternatives(const Json& a, const Json& b, const std::string& pointer) {
  if (a.size() * b.size() > 1000) {
    return fail_at(pointer, "too many combinations of alternatives", "Name those that are meant.");
  }
  Json alternatives = Json::array();
  for (const Json& x : a) {
    for (const Json& y : b) alternatives.push_back(both(x, y));
  }
  return alternatives;
}

Result<Json> merge_keyword(const std::string& keyword, const Json& a, const Json& b,
                           const std::string& pointer) {
  if (keyword.starts_with("min") || keyword == "exclusiveMinimum") return a < b ? b : a;
  if (keyword.starts_with("max") || keyword == "exclusiveMaximum") return a < b ? a : b;
  if (keyword == "required") return merge_names(a, b);
  if (keyword == "enum") return merge_values(a, b);
  if (keyword == "items") return both(a, b);
  if (keyword == "anyOf" || keyword == "oneOf") return merge_alternatives(a, b, pointer);
  if (same_value(a, b)) return a;
  return fail_at(pointer, fmt::format("two different values of '{}' hold at once", keyword),
                 "Write one schema that says both.");
}

// A constant is a list of one value.
Json without_const(Json schema) {
  if (const auto value = schema.find("const"); value != schema.end()) {
    const Json list = Json::array({*value});
    schema["enum"] = schema.contains("enum") ? merge_values(schema["enum"], list) : list;
    schema.erase("const");
  }
  return schema;
}

Status check_items(const Json& a, const Json& b, const std::string& pointer) {
  const bool has_prefix = a.contains("prefixItems") || b.contains("prefixItems");
  const bool both_have_items = (a.contains("prefixItems") || a.contains("items")) &&
                               (b.contains("prefixItems") || b.contains("items"));
  if (!has_prefix || !both_have_items) return {};
  return fail_at(pointer, "prefixItems together with other items", "Write the items in one place.");
}

}  // namespace

Result<Json> merge_schemas(const Json& a, const Json& b, const std::string& pointer) {
  if (a.is_boolean() || b.is_boolean()) return both(a, b);
  WATTLE_CHECK(check_items(a, b, pointer));
  const Json left = without_const(a);
  const Json right = without_const(b);
  Json merged = left;
  for (const auto& [keyword, value] : right.items()) {
    if (keyword == "properties" || keyword == "additionalProperties") continue;
    const auto present = left.find(keyword);
    if (present == left.end()) {
      merged[keyword] = value;
    } else if (keyword == "type") {
      const JsonTypes types = common_types(valid_types_of(left), valid_types_of(right));
      if (types.empty()) return Json(false);
      merged["type"] = to_json(types);
    } else {
      WATTLE_TRY(merged[keyword], merge_keyword(keyword, *present, value, pointer));
    }
  }
  merge_members(left, right, merged);
  if (merged.contains("enum")) {
    const JsonTypes types = valid_types_of(merged);
    Json values = Json::array();
    for (const Json& value : merged["enum"]) {
      if (has_type(types, type_of_value(value))) values.push_back(value);
    }
    if (values.empty()) return Json(false);
    merged["enum"] = std::move(values);
  }
  return merged;
}

}  // namespace wattle::engine::grammar
