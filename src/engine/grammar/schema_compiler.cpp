#include "engine/grammar/schema_compiler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/grammar/automaton.hpp"
#include "engine/grammar/json_numbers.hpp"
#include "engine/grammar/json_rules.hpp"
#include "engine/grammar/schema_document.hpp"
#include "engine/grammar/schema_keywords.hpp"
#include "engine/grammar/schema_strings.hpp"

namespace wattle::engine::grammar {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxSchemas = 10'000;
constexpr std::size_t kMaxKeyBytes = std::size_t{32} << 20U;
constexpr std::size_t kMaxPrefixItems = 200;
constexpr std::size_t kMaxExclusive = 100;

class SchemaCompiler {
 public:
  explicit SchemaCompiler(const Json& root) : root_(root), document_(root), json_(parsed_.rules) {}

  Result<ParsedGrammar> compile() {
    WATTLE_CHECK(document_.check_size());
    if (!root_.is_object() && !root_.is_boolean()) {
      return fail_at("#", "a schema is an object", "For example {\"type\": \"object\"}.",
                     ErrorCode::invalid_format);
    }
    WATTLE_TRY(const ExpressionId body, schema(root_, "#", 0));
    // A model's first token often begins with a space.
    const ExpressionId whole = rules().sequence({json_.space(), body});
    parsed_.root = rules().add_rule("root", "#");
    rules().set_body(parsed_.root, whole);
    return std::move(parsed_);
  }

 private:
  RuleSet& rules() { return parsed_.rules; }

  // Schemas that are written alike, also through references, share a rule; recursive ones find
  // themselves.
  Result<ExpressionId> schema(const Json& schema, const std::string& pointer, int depth) {
    if (schema == true) return json_.value();
    if (schema == false) {
      return fail_at(pointer, "nothing is valid here", "Remove what can never be.",
                     ErrorCode::invalid_format);
    }
    if (depth > kMaxDepth) {
      return fail_at(pointer, fmt::format("more than {} schemas inside each other", kMaxDepth),
                     "Make it flatter.", ErrorCode::resource_exhausted);
    }
    WATTLE_CHECK(check_keywords(schema, pointer, &schema == &root_));
    const Json constraints = constraints_of(schema);
    const std::string key = dump_json(constraints);
    if (const auto found = known_.find(key); found != known_.end()) {
      return rules().reference(found->second);
    }
    n_key_bytes_ += key.size();
    if (known_.size() >= kMaxSchemas || rules().n_expressions() > kMaxExpressions ||
        n_key_bytes_ > kMaxKeyBytes) {
      return fail_at(pointer, "the schema is too large", "Make it smaller.",
                     ErrorCode::resource_exhausted);
    }
    const RuleId rule = rules().add_rule(pointer, "JSON schema");
    known_.emplace(key, rule);
    WATTLE_TRY(const ExpressionId built, body(constraints, pointer, depth + 1));
    rules().set_body(rule, built);
    return rules().reference(rule);
  }

  Result<ExpressionId> body(const Json& constraints, const std::string& pointer, int depth) {
    const bool refers = constraints.contains("$ref");
    if (refers && constraints.size() == 1) {
      const auto reference = constraints["$ref"].get<std::string>();
      WATTLE_TRY(const Json* const target,
                 document_.resolve(reference, pointer_to(pointer, "$ref")));
      return schema(*target, reference, depth);
    }
    if (refers || constraints.contains("allOf")) {
      WATTLE_TRY(const Json flat, document_.flatten(constraints, pointer));
      return schema(flat, pointer, depth);
    }
    for (const char* keyword : {"anyOf", "oneOf"}) {
      if (constraints.contains(keyword)) return alternatives(constraints, keyword, pointer, depth);
    }
    if (constraints.contains("enum") || constraints.contains("const")) {
      return listed_values(constraints, pointer);
    }
    std::vector<ExpressionId> ways;
    for (const JsonType type : types_of(constraints)) {
      WATTLE_TRY(const ExpressionId way, of_type(type, constraints, pointer, depth));
      ways.push_back(way);
    }
    return rules().choice(std::move(ways));
  }

  Result<ExpressionId> of_type(JsonType type, const Json& constraints, const std::string& pointer,
                               int depth) {
    switch (type) {
      case JsonType::null:
        return json_.null();
      case JsonType::boolean:
        return json_.boolean();
      case JsonType::integer:
      case JsonType::number:
        return number(constraints, pointer, type == JsonType::integer);
      case JsonType::string:
        return string_rule(constraints, pointer, rules(), json_);
      case JsonType::array:
        return array(constraints, pointer, depth);
      case JsonType::object:
        return object(constraints, pointer, depth);
    }
    return json_.value();
  }

  // One of several schemas, each together with what stands beside them.
  Result<ExpressionId> alternatives(const Json& constraints, const char* keyword,
                                    const std::string& pointer, int depth) {
    Json beside = constraints;
    beside.erase(keyword);
    const Json& list = constraints[keyword];
    const bool exclusive = std::string_view(keyword) == "oneOf";
    if (exclusive && list.size() > kMaxExclusive) {
      return fail_at(
          pointer_to(pointer, keyword),
          fmt::format("more than {} alternatives of which one is to hold", kMaxExclusive),
          "Use anyOf.", ErrorCode::resource_exhausted);
    }
    std::vector<ExpressionId> ways;
    std::vector<Json> flat_ones;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string place = pointer_to(pointer_to(pointer, keyword), i);
      Json flat = list[i];
      if (exclusive || !beside.empty() || list[i].contains("allOf")) {
        WATTLE_TRY(flat, document_.flatten(list[i], place));
        WATTLE_TRY(flat, document_.merge(beside, flat, place));
      }
      if (flat == false) continue;
      const Json alternative = beside.empty() ? list[i] : flat;
      if (exclusive) flat_ones.push_back(std::move(flat));
      WATTLE_TRY(const ExpressionId way, schema(alternative, place, depth));
      ways.push_back(way);
    }
    if (exclusive) WATTLE_CHECK(check_exclusive(flat_ones, pointer_to(pointer, keyword)));
    if (ways.empty()) {
      return fail_at(pointer_to(pointer, keyword), "nothing is valid under any of these",
                     "Correct the alternatives.", ErrorCode::invalid_format);
    }
    return rules().choice(std::move(ways));
  }

  Status check_exclusive(const std::vector<Json>& alternatives, const std::string& pointer) {
    for (std::size_t i = 0; i < alternatives.size(); ++i) {
      for (std::size_t j = 0; j < alternatives.size(); ++j) {
        if (i == j) continue;
        WATTLE_TRY(const bool excluded, document_.excludes(alternatives[i], alternatives[j]));
        if (excluded) continue;
        return fail_at(
            pointer, fmt::format("a value may be valid under alternative {} and {} at once", i, j),
            "Use anyOf, or tell them apart by a type or by a required member with a "
            "constant of its own.");
      }
    }
    return {};
  }

  Result<ExpressionId> listed_values(const Json& constraints, const std::string& pointer) {
    std::vector<ExpressionId> ways;
    WATTLE_TRY(const Json merged, document_.merge(constraints, Json::object(), pointer));
    if (merged.is_object()) {
      for (const Json& value : merged["enum"]) {
        WATTLE_CHECK(check_alone(constraints, value, pointer));
        ways.push_back(rules().literal(dump_json(value)));
      }
    }
    if (ways.empty()) {
      return fail_at(pointer, "none of the listed values is valid", "Correct the list or the type.",
                     ErrorCode::invalid_format);
    }
    return rules().choice(std::move(ways));
  }

  // Other constraints on listed values are not looked at.
  static Status check_alone(const Json& constraints, const Json& value,
                            const std::string& pointer) {
    for (const auto& [keyword, unused] : constraints.items()) {
      if (keyword == "type" || keyword == "enum" || keyword == "const") continue;
      const JsonTypes about = types_of(Json{{keyword, nullptr}});
      if (!has_type(about, type_of_value(value))) continue;
      return fail_at(pointer_to(pointer, keyword),
                     fmt::format("'{}' beside listed values cannot be enforced", keyword),
                     "List the values that are meant, and nothing else.");
    }
    return {};
  }

  Result<ExpressionId> number(const Json& constraints, const std::string& pointer, bool integer) {
    NumberBounds bounds;
    for (const char* keyword : {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
      const auto found = constraints.find(keyword);
      if (found == constraints.end()) continue;
      const std::string_view name = keyword;
      const std::optional<Decimal> value = parse_decimal(dump_json(*found));
      if (!value) {
        return fail_at(pointer_to(pointer, name),
                       "a bound is less than 10^15, with up to 15 decimals",
                       "Choose a smaller or rounder number, or none.");
      }
      const NumberBound bound{*value, name.starts_with("exclusive")};
      const bool lower = name.ends_with("inimum");
      auto& known = lower ? bounds.least : bounds.most;
      const int order = known ? Decimal::compare(bound.value, known->value) : 0;
      const bool tighter = lower ? order > 0 : order < 0;
      if (!known || tighter || (order == 0 && bound.exclusive)) known = bound;
    }
    if (!bounds.least && !bounds.most) return integer ? json_.integer() : json_.number();
    return rules().rule_of(integer ? "integer within bounds" : "number within bounds", pointer,
                           number_between(rules(), bounds, integer));
  }

  // A count of at most kMaxItems, or `otherwise`.
  static Result<std::uint32_t> item_count(const Json& constraints, const char* keyword,
                                          const std::string& pointer, std::uint32_t otherwise) {
    const auto found = constraints.find(keyword);
    if (found == constraints.end()) return otherwise;
    if (found->get<double>() > kMaxItems) {
      return fail_at(pointer_to(pointer, keyword), fmt::format("more than {} items", kMaxItems),
                     "Use a smaller number, or none.", ErrorCode::resource_exhausted);
    }
    return static_cast<std::uint32_t>(found->get<double>());
  }

  Result<ExpressionId> array(const Json& constraints, const std::string& pointer, int depth) {
    WATTLE_TRY(const std::uint32_t min, item_count(constraints, "minItems", pointer, 0));
    WATTLE_TRY(const std::uint32_t max, item_count(constraints, "maxItems", pointer, kUnbounded));
    std::vector<ExpressionId> first;
    const Json prefix = constraints.value("prefixItems", Json::array());
    if (prefix.size() > kMaxPrefixItems) {
      return fail_at(pointer_to(pointer, "prefixItems"),
                     fmt::format("more than {} items", kMaxPrefixItems), "Use items.",
                     ErrorCode::resource_exhausted);
    }
    for (std::size_t i = 0; i < prefix.size() && i < max; ++i) {
      const std::string place = pointer_to(pointer_to(pointer, "prefixItems"), i);
      if (prefix[i] == false && i >= min) break;
      WATTLE_TRY(const ExpressionId item, schema(prefix[i], place, depth));
      first.push_back(item);
    }
    const bool cut = first.size() < prefix.size();
    // Behind the first items come others only if the schema speaks of them.
    const Json others = constraints.value("items", Json(prefix.empty()));
    const bool more = !cut && others != false && max > first.size();
    const auto most = more ? max : static_cast<std::uint32_t>(first.size());
    if (min > most) {
      return fail_at(pointer, fmt::format("at least {} items, but at most {}", min, most),
                     "Correct minItems, maxItems or items.", ErrorCode::invalid_format);
    }
    std::optional<ExpressionId> item;
    if (more) {
      WATTLE_TRY(item, schema(others, pointer_to(pointer, "items"), depth));
    }
    return json_.brackets(elements(first, item, min, max));
  }

  // The `first` ones, then `item` again and again; at least `min`, at most `max` in all.
  ExpressionId elements(const std::vector<ExpressionId>& first,
                        const std::optional<ExpressionId>& item, std::uint32_t min,
                        std::uint32_t max) {
    const auto n_first = static_cast<std::uint32_t>(first.size());
    const auto left = [&](std::uint32_t n, std::uint32_t of) { return of > n ? of - n : 0; };
    ExpressionId rest = rules().literal("");
    if (item) {
      const std::uint32_t done = std::max(n_first, 1U);
      rest = rules().repeat(rules().sequence({json_.comma(), *item}), left(done, min),
                            max == kUnbounded ? kUnbounded : left(done, max));
      if (first.empty()) rest = rules().sequence({*item, rest});
    }
    for (std::uint32_t i = n_first; i-- > 0;) {
      rest = rules().sequence({first[i], rest});
      if (i > 0) rest = rules().sequence({json_.comma(), rest});
      if (i >= min && i > 0) rest = rules().optional(rest);
    }
    return min == 0 ? rules().optional(rest) : rest;
  }

  Result<ExpressionId> object(const Json& constraints, const std::string& pointer, int depth) {
    Json members = constraints.value("properties", Json::object());
    const auto required = constraints.value("required", std::vector<std::string>());
    const bool has_others = constraints.contains("additionalProperties");
    // Members that are not named come only if the schema speaks of them, or names none.
    Json others = members.empty() && required.empty();
    if (has_others) others = constraints["additionalProperties"];
    for (const std::string& name : required) {
      if (!members.contains(name)) members[name] = has_others ? others : Json(true);
    }
    std::vector<ListItem> items;
    std::vector<std::string> names;
    for (const auto& [name, member] : members.items()) {
      names.push_back(name);
      const bool optional = std::ranges::find(required, name) == required.end();
      WATTLE_TRY(const Json flat, document_.flatten(member, member_pointer(pointer, name)));
      if (flat == false && optional) continue;
      WATTLE_TRY(const ExpressionId value, schema(member, member_pointer(pointer, name), depth));
      items.push_back({.expression = json_.member_named(name, value), .optional = optional});
    }
    if (others != false) {
      WATTLE_TRY(const ExpressionId value,
                 schema(others, pointer_to(pointer, "additionalProperties"), depth));
      WATTLE_CHECK(check_key_lengths(names, pointer));
      items.push_back(
          {.expression = json_.member_except(names, value), .optional = true, .repeats = true});
    }
    return json_.braces(rules().list(json_.comma(), std::move(items)));
  }

  static std::string member_pointer(const std::string& pointer, const std::string& name) {
    return pointer_to(pointer_to(pointer, "properties"), name);
  }

  static Status check_key_lengths(const std::vector<std::string>& names,
                                  const std::string& pointer) {
    for (const std::string& name : names) {
      if (name.size() <= JsonRules::kMaxKeyCharacters) continue;
      return fail_at(member_pointer(pointer, name),
                     fmt::format("beside a name of more than {} bytes, others cannot be told apart",
                                 JsonRules::kMaxKeyCharacters),
                     "Shorten it, or set additionalProperties to false.");
    }
    return {};
  }

  const Json& root_;
  SchemaDocument document_;
  ParsedGrammar parsed_;
  JsonRules json_;
  std::map<std::string, RuleId> known_;  // by the text of the schema
  std::size_t n_key_bytes_ = 0;
};

}  // namespace

Result<ParsedGrammar> rules_of_schema(const Json& schema) {
  return SchemaCompiler(schema).compile();
}

}  // namespace wattle::engine::grammar
