#include "engine/grammar/schema_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/grammar/gbnf_parser.hpp"
#include "engine/grammar/schema_keywords.hpp"
#include "engine/grammar/schema_merge.hpp"

namespace wattle::engine::grammar {
namespace {

constexpr int kMaxReferences = 32;  // one after the other
constexpr int kMaxComparisonDepth = 8;
constexpr std::uint64_t kMaxWork = 4'000'000;  // about a second
constexpr std::size_t kMaxValues = 200'000;
constexpr std::size_t kMaxNesting = 200;
constexpr std::uint64_t kComparisonWork = 1000;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 6901, section 6, then section 4.
std::string unescaped(std::string_view part) {
  std::string text;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const bool hex = part[i] == '%' && i + 2 < part.size() && hex_digit(part[i + 1]) >= 0 &&
                     hex_digit(part[i + 2]) >= 0;
    text += hex ? static_cast<char>(hex_digit(part[i + 1]) * 16 + hex_digit(part[i + 2])) : part[i];
    if (hex) i += 2;
  }
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '~' && i + 1 < text.size();
    if (escape && text[i + 1] == '1') {
      plain += '/';
    } else {
      plain += text[i];
    }
    if (escape && (text[i + 1] == '0' || text[i + 1] == '1')) ++i;
  }
  return plain;
}

const Json* child_of(const Json& value, const std::string& name) {
  if (value.is_object()) {
    const auto found = value.find(name);
    return found != value.end() ? &*found : nullptr;
  }
  if (!value.is_array()) return nullptr;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  const bool is_index = error == std::errc() && end == name.data() + name.size();
  return is_index && index < value.size() ? &value[index] : nullptr;
}

const Json* find(const Json& schema, const char* keyword) {
  if (!schema.is_object()) return nullptr;
  const auto found = schema.find(keyword);
  return found != schema.end() ? &*found : nullptr;
}

// What a member must be under the schema; nullptr: anything.
const Json* schema_of_member(const Json& schema, const std::string& name) {
  if (const Json* properties = find(schema, "properties"); properties != nullptr) {
    if (const Json* found = child_of(*properties, name); found != nullptr) return found;
  }
  return find(schema, "additionalProperties");
}

// Objects made for the schema may have this member. (Others than those named are only made where
// the schema asks for them.)
bool may_have(const Json& schema, const std::string& name) {
  const Json* member = schema_of_member(schema, name);
  if (member != nullptr) return *member != false;
  const Json* required = find(schema, "required");
  const auto is_name = [&](const Json& other) { return other == name; };
  if (required != nullptr && std::ranges::any_of(*required, is_name)) return true;
  const Json* properties = find(schema, "properties");
  return properties == nullptr || properties->empty();
}

bool is_valid_constant(const Json& value, const Json& schema) {
  if (!has_type(valid_types_of(schema), type_of_value(value))) return false;
  if (const Json* constant = find(schema, "const"); constant != nullptr) {
    return same_value(value, *constant);
  }
  const Json* values = find(schema, "enum");
  return values == nullptr ||
         std::ranges::any_of(*values, [&](const Json& other) { return same_value(value, other); });
}

// The values that a schema lists; empty if it lists none.
Json listed_values(const Json& schema) {
  if (const Json* constant = find(schema, "const"); constant != nullptr) {
    return Json::array({*constant});
  }
  const Json* values = find(schema, "enum");
  return values != nullptr ? *values : Json::array();
}

std::size_t n_of(const Json& schema, const char* keyword) {
  const Json* found = find(schema, keyword);
  return found != nullptr ? found->size() : 0;
}

// The value itself and all inside of it.
std::size_t n_values(const Json& value) {
  std::size_t n = 1;
  if (value.is_structured()) {
    for (const Json& inner : value) n += n_values(inner);
  }
  return n;
}

bool apart(const Json& a, const Json& b, const char* least, const char* most) {
  const Json* low = find(a, least);
  const Json* high = find(b, most);
  return low != nullptr && high != nullptr && low->is_number() && high->is_number() && *high < *low;
}

}  // namespace

Status SchemaDocument::check_size() const {
  std::vector<std::pair<const Json*, std::size_t>> open = {{&root_, 0}};
  std::size_t n = 0;
  std::size_t n_bytes = 0;
  while (!open.empty()) {
    const auto [value, depth] = open.back();
    open.pop_back();
    if (value->is_string()) n_bytes += value->get_ref<const std::string&>().size();
    if (++n > kMaxValues || depth > kMaxNesting || n_bytes > kMaxGrammarBytes) {
      return fail_at("#",
                     fmt::format("it is too large: more than {} values, or {} inside each other, "
                                 "or {} bytes",
                                 kMaxValues, kMaxNesting, kMaxGrammarBytes),
                     "Make it smaller.", ErrorCode::resource_exhausted);
    }
    if (!value->is_structured()) continue;
    for (const auto& [key, inner] : value->items()) {
      if (value->is_object()) n_bytes += key.size();
      open.emplace_back(&inner, depth + 1);
    }
  }
  return {};
}

Status SchemaDocument::spend(std::uint64_t work, const std::string& pointer) {
  work_ += work;
  if (work_ <= kMaxWork) return {};
  return fail_at(pointer, "the schema is too large: it takes too long to join its parts",
                 "Use fewer alternatives and less allOf.", ErrorCode::resource_exhausted);
}

Result<Json> SchemaDocument::merge(const Json& a, const Json& b, const std::string& pointer) {
  const std::uint64_t n_members = n_of(a, "properties") + n_of(b, "properties");
  WATTLE_CHECK(spend(n_values(a) + n_values(b) + n_members * n_members +
                         n_of(a, "enum") * n_of(b, "enum") +
                         n_of(a, "required") * n_of(b, "required") +
                         n_of(a, "anyOf") * n_of(b, "anyOf") + n_of(a, "oneOf") * n_of(b, "oneOf"),
                     pointer));
  return merge_schemas(a, b, pointer);
}

Result<const Json*> SchemaDocument::resolve(const std::string& reference,
                                            const std::string& pointer) const {
  if (!reference.starts_with('#') || (reference.size() > 1 && reference[1] != '/')) {
    return fail_at(pointer, fmt::format("'{}' is not a place in this document", reference),
                   "Refer to #/$defs/…, and copy there what is elsewhere.");
  }
  const Json* here = &root_;
  std::size_t begin = 1;
  while (begin < reference.size()) {
    const std::size_t end = std::min(reference.find('/', begin + 1), reference.size());
    here =
        child_of(*here, unescaped(std::string_view(reference).substr(begin + 1, end - begin - 1)));
    if (here == nullptr) {
      return fail_at(pointer, fmt::format("there is nothing at '{}'", reference),
                     "Correct the reference.", ErrorCode::invalid_format);
    }
    begin = end;
  }
  if (!here->is_object() && !here->is_boolean()) {
    return fail_at(pointer, fmt::format("'{}' is no schema", reference), "Correct the reference.",
                   ErrorCode::invalid_format);
  }
  return here;
}

Result<Json> SchemaDocument::flatten(const Json& schema, const std::string& pointer) {
  return flatten_within(schema, pointer, 0);
}

Result<Json> SchemaDocument::flatten_within(const Json& schema, const std::string& pointer,
                                            int depth) {
  if (schema.is_boolean()) return schema;
  if (depth > kMaxReferences) {
    return fail_at(pointer, "this refers to itself, or through too many other places",
                   "Break the circle.");
  }
  WATTLE_CHECK(spend(n_values(schema), pointer));
  WATTLE_CHECK(check_keywords(schema, pointer, &schema == &root_));
  Json merged = constraints_of(schema);
  Json parts = Json::array();
  if (const auto all = merged.find("allOf"); all != merged.end()) {
    parts = *all;
    merged.erase("allOf");
  }
  if (const auto found = merged.find("$ref"); found != merged.end()) {
    const auto reference = found->get<std::string>();
    merged.erase("$ref");
    WATTLE_TRY(const Json* const target, resolve(reference, pointer_to(pointer, "$ref")));
    WATTLE_TRY(const Json flat, flatten_within(*target, reference, depth + 1));
    WATTLE_TRY(merged, merge(merged, flat, pointer));
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string place = pointer_to(pointer_to(pointer, "allOf"), i);
    WATTLE_TRY(const Json flat, flatten_within(parts[i], place, depth + 1));
    WATTLE_TRY(merged, merge(merged, flat, place));
  }
  return merged;
}

Result<bool> SchemaDocument::excludes(const Json& a, const Json& b) {
  return excludes_within(a, b, 0);
}

Result<bool> SchemaDocument::excludes_within(const Json& a, const Json& b, int depth) {
  WATTLE_CHECK(spend(kComparisonWork, "#"));
  if (a == false || b == false) return true;
  if (a == true || b == true || depth > kMaxComparisonDepth) return false;
  if (const Json values = listed_values(a); !values.empty()) {
    return std::ranges::none_of(values,
                                [&](const Json& value) { return is_valid_constant(value, b); });
  }
  JsonTypes types = common_types(types_of(a), valid_types_of(b));
  if (const Json values = listed_values(b); !values.empty()) {
    JsonTypes listed;
    for (const Json& value : values) listed.insert(type_of_value(value));
    types = common_types(types, listed);
  }
  if (types.empty()) return true;
  const bool numbers = std::ranges::all_of(
      types, [](JsonType type) { return type == JsonType::integer || type == JsonType::number; });
  if (numbers && (apart(a, b, "minimum", "maximum") || apart(b, a, "minimum", "maximum"))) {
    return true;
  }
  if (types == JsonTypes{JsonType::object}) {
    WATTLE_TRY(const bool excluded, excludes_objects(a, b, depth));
    if (excluded) return true;
  }
  return all_exclude(a, b, depth);
}

// By the alternatives of either.
Result<bool> SchemaDocument::all_exclude(const Json& a, const Json& b, int depth) {
  for (const char* keyword : {"anyOf", "oneOf"}) {
    for (const bool left : {true, false}) {
      const Json* alternatives = find(left ? a : b, keyword);
      if (alternatives == nullptr) continue;
      bool all = true;
      for (const Json& alternative : *alternatives) {
        WATTLE_TRY(const Json flat, flatten_within(alternative, "#", depth));
        WATTLE_TRY(const bool excluded,
                   excludes_within(left ? flat : a, left ? b : flat, depth + 1));
        all = all && excluded;
        if (!all) break;
      }
      if (all) return true;
    }
  }
  return false;
}

Result<bool> SchemaDocument::excludes_objects(const Json& a, const Json& b, int depth) {
  if (const Json* required = find(b, "required"); required != nullptr) {
    for (const Json& name : *required) {
      if (!may_have(a, name.get<std::string>())) return true;
    }
  }
  const Json* required = find(a, "required");
  if (required == nullptr) return false;
  for (const Json& entry : *required) {
    const auto name = entry.get<std::string>();
    const Json* in_a = schema_of_member(a, name);
    const Json* in_b = schema_of_member(b, name);
    if (in_b == nullptr) continue;
    WATTLE_TRY(const Json flat_b, flatten_within(*in_b, "#", depth));
    if (flat_b == false) return true;
    if (in_a == nullptr) continue;
    WATTLE_TRY(const Json flat_a, flatten_within(*in_a, "#", depth));
    WATTLE_TRY(const bool excluded, excludes_within(flat_a, flat_b, depth + 1));
    if (excluded) return true;
  }
  return false;
}

}  // namespace wattle::engine::grammar
