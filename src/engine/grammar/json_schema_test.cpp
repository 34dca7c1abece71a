// JSON schemas: what they allow, what cannot be enforced, and that everything that comes out is
// valid by a checker of its own.
#include <gtest/gtest.h>

#include "base/test_effort.hpp"
#include "engine/grammar/schema_checker.hpp"
#include "engine/grammar/test_grammars.hpp"

namespace wattle::engine {
namespace {

struct Case {
  const char* schema;
  std::vector<std::string> accepted;  // and valid
  std::vector<std::string> refused;   // valid or not
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {R"({})", {"1", "\"a\"", "[{}]", "null"}, {""}},
      {R"(true)", {"{\"a\": 1}"}, {"x"}},
      {R"({"title": "t", "description": "d", "type": "boolean", "default": false, "examples": [1], "x-y": 2, "$id": "a", "$schema": "b"})",
       {"true", "false", " true"},
       {"null", "1"}},
      {R"({"type": ["null", "integer"]})", {"null", "0", "-17"}, {"1.5", "\"a\"", "-0", "01"}},
      {R"({"type": ["number", "integer"]})", {"1", "1.5", "-2e3"}, {"\"1\""}},
      // Strings.
      {R"({"type": "string"})", {R"("")", R"("a\n\u00e9")"}, {"a", "\"", "1"}},
      {R"({"minLength": 2, "maxLength": 3})",
       {R"("ab")", R"("éé日")", R"("\n\u0041")", R"("\ud83d\ude00x")"},
       {R"("a")", R"("abcd")", R"("\n")", R"("\ud83d\ude00")"}},
      {R"({"type": "string", "maxLength": 0})", {R"("")"}, {R"("a")"}},
      {R"({"type": "string", "minLength": 60})",
       {"\"" + std::string(60, 'a') + "\"", "\"" + std::string(200, 'a') + "\""},
       {"\"" + std::string(59, 'a') + "\""}},
      {R"({"type": "string", "pattern": "^[a-c]+\\d{2,3}(x|y)?$"})",
       {R"("a12")", R"("abc123y")"},
       {R"("12")", R"("a1")", R"("a12z")", R"("a1234")"}},
      {R"({"type": "string", "pattern": "^(?:\"|\\\\|\\n|\\x01|\\/)$"})",
       {R"("\"")", R"("\\")", R"("\n")", R"("\u0001")", R"("/")"},
       {R"("a")", R"("")"}},
      {R"({"type": "string", "pattern": "^(?:a.c*?|\\w\\s[^0-9])$"})",
       {R"("axccc")", R"("_ x")", R"("a日c")"},
       {R"("a\n1")", R"("_ 1")", R"("- x")"}},
      {R"({"type": "string", "format": "date"})",
       {R"("2024-02-29")", R"("2000-02-29")", R"("1999-12-31")", R"("0000-02-29")"},
       {R"("2023-02-29")", R"("1900-02-29")", R"("2024-13-01")", R"("2024-04-31")", R"("2024-1-1")",
        R"("2024-00-10")"}},
      {R"({"type": "string", "format": "time"})",
       {R"("23:59:59Z")", R"("00:00:00.125+05:30")"},
       {R"("24:00:00Z")", R"("12:00Z")", R"("12:00:00")", R"("12:60:00Z")"}},
      {R"({"type": "string", "format": "date-time"})",
       {R"("2024-02-29T08:30:00Z")"},
       {R"("2024-02-29 08:30:00Z")", R"("2024-02-30T08:30:00Z")"}},
      {R"({"type": "string", "format": "uuid"})",
       {R"("123e4567-e89B-12d3-a456-426614174000")"},
       {R"("123e4567e89b12d3a456426614174000")"}},
      // Numbers.
      {R"({"type": "integer", "minimum": -12, "maximum": 305})",
       {"-12", "-1", "0", "9", "99", "305"},
       {"-13", "306", "1000", "-0", "1.0"}},
      {R"({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10.5})",
       {"1", "10"},
       {"0", "11", "-1"}},
      {R"({"type": "integer", "minimum": 5, "exclusiveMinimum": 5, "maximum": 7.0})",
       {"6", "7"},
       {"5", "8"}},
      {R"({"type": "number", "minimum": 0, "maximum": 1})",
       {"0", "1", "0.25", "1.0", "0.0"},
       {"1.01", "-0.5", "2", "1e0"}},
      {R"({"type": "number", "exclusiveMinimum": -1.5})",
       {"-1.49", "0", "100.5"},
       {"-1.5", "-1.50", "-2"}},
      // Listed values.
      {R"({"enum": ["a", 1, null, {"k": [1, 2]}, 2.5]})",
       {"\"a\"", "1", "null", R"({"k":[1,2]})", "2.5"},
       {"\"b\"", "2"}},
      {R"({"type": "string", "enum": ["a", 1]})", {"\"a\""}, {"1"}},
      {R"({"const": "é\n"})", {"\"é\\n\""}, {"\"é\""}},
      // Arrays.
      {R"({"type": "array"})", {"[]", "[1, \"a\"]"}, {"{}"}},
      {R"({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3})",
       {"[1]", "[1, 2,3]"},
       {"[]", "[1,2,3,4]", "[\"a\"]"}},
      {R"({"items": {"type": "null"}, "minItems": 2})",
       {"[null, null]", "[null,null,null]"},
       {"[null]"}},
      {R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"}},
      {R"({"type": "array", "items": false})", {"[]"}, {"[1]"}},
      {R"({"prefixItems": [{"type": "integer"}, {"type": "null"}]})",
       {"[]", "[1]", "[1, null]"},
       {"[null]", "[1, null, 1]"}},
      {R"({"prefixItems": [{"type": "integer"}, {"type": "null"}], "items": {"type": "boolean"}, "minItems": 1, "maxItems": 4})",
       {"[1]", "[1, null]", "[1, null, true, false]"},
       {"[]", "[1, true]", "[1, null, true, true, true]"}},
      {R"({"prefixItems": [{"type": "integer"}, {"type": "null"}], "minItems": 2, "items": false})",
       {"[1, null]"},
       {"[1]", "[1, null, 1]"}},
      {R"({"prefixItems": [{"type": "integer"}, {"type": "null"}], "maxItems": 1})",
       {"[1]", "[]"},
       {"[1, null]"}},
      // Objects.
      {R"({"type": "object"})", {"{}", R"({"a": 1})"}, {"[]"}},
      {R"({"properties": {"a": {"type": "integer"}, "b": {"type": "null"}}, "required": ["a"]})",
       {R"({"a": 1})", R"({"a":1,"b":null})", "{\n  \"a\": 1,\n  \"b\": null\n}"},
       {"{}", R"({"b": null})", R"({"b": null, "a": 1})", R"({"a": 1, "c": 2})", R"({"a": 1,})"}},
      {R"({"properties": {"a": {}, "b": {}, "c": {"type": "null"}}})",
       {"{}", R"({"b": 1})", R"({"a": 1, "c": null})", R"({"c": null})"},
       {R"({"c": 1})", R"({, "c": null})"}},
      {R"({"properties": {"a": {"type": "null"}, "ab": {"type": "null"}, "é": true}, "additionalProperties": {"type": "integer"}})",
       {"{}", R"({"a": null, "b": 1})", R"({"abc": 1})", R"({"": 1, "x y": 2})",
        R"({"é": "t", "è": 5})", R"({"ab": null})"},
       {R"({"a": 1})", R"({"ab": 1})", R"({"b": null})", R"({"x": 1, "a": null})",
        R"({"\u0061": 1})"}},
      {R"({"type": "object", "additionalProperties": {"type": "boolean"}})",
       {"{}", R"({"k\n": true, "j": false})"},
       {R"({"k": 1})"}},
      {R"({"type": "object", "additionalProperties": false})", {"{}"}, {R"({"k": 1})"}},
      {R"({"required": ["x"], "properties": {"y": {"type": "null"}}})",
       {R"({"x": [1]})", R"({"y": null, "x": 1})"},
       {R"({"y": null})"}},
      {R"({"properties": {"a": false, "b": {"type": "null"}}})",
       {"{}", R"({"b": null})"},
       {R"({"a": 1})"}},
      {R"({"properties": {"a/b~c\"": {"type": "null"}}})",
       {R"({"a/b~c\"": null})"},
       {R"({"a/b~c": null})"}},
      // References.
      {R"({"$ref": "#/$defs/n", "$defs": {"n": {"type": "null"}}})", {"null"}, {"1"}},
      {R"({"$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["v", "next"]}}, "$ref": "#/$defs/node"})",
       {R"({"v": 1, "next": {"v": 2, "next": null}})"},
       {R"({"v": 1})", R"({"v": 1, "next": {}})"}},
      {R"({"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}})",
       {R"({"children": [{"children": []}, {}]})"},
       {R"({"children": [1]})"}},
      {R"({"definitions": {"a b/c": {"type": "integer"}}, "items": {"$ref": "#/definitions/a%20b~1c", "maximum": 5}})",
       {"[5, 1]"},
       {"[6]"}},
      // Alternatives and joins.
      {R"({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]})",
       {"12", "\"a\""},
       {"\"ab\"", "null"}},
      {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})",
       {R"({"a": 1})", R"({"b": 1})", R"({"a": 1, "b": 2})"},
       {"{}"}},
      {R"({"oneOf": [{"type": "integer"}, {"type": "string"}]})", {"1", "\"x\""}, {"null"}},
      {R"({"oneOf": [{"properties": {"k": {"const": "a"}, "x": {"type": "null"}}, "required": ["k", "x"]}, {"properties": {"k": {"const": "b"}}, "required": ["k"]}]})",
       {R"({"k": "a", "x": null})", R"({"k": "b"})"},
       {R"({"k": "a"})", R"({"k": "c"})"}},
      {R"({"oneOf": [{"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": false}, {"type": "object", "properties": {"b": {}}, "required": ["b"], "additionalProperties": false}]})",
       {R"({"a": 1})", R"({"b": 1})"},
       {"{}", R"({"a": 1, "b": 1})"}},
      {R"({"oneOf": [{"type": "integer", "maximum": 3}, {"type": "integer", "minimum": 4}]})",
       {"3", "4"},
       {"\"a\""}},
      {R"({"allOf": [{"properties": {"a": {"type": "integer", "minimum": 3}}, "required": ["a"]}, {"properties": {"a": {"maximum": 5}, "b": {"type": "null"}}, "required": ["b"]}]})",
       {R"({"a": 4, "b": null})"},
       {R"({"a": 6, "b": null})", R"({"a": 4})"}},
      {R"({"allOf": [{"properties": {"a": {"type": "null"}}, "additionalProperties": false}, {"properties": {"b": {"type": "null"}}}]})",
       {"{}", R"({"a": null})"},
       {R"({"b": null})"}},
      {R"({"$ref": "#/$defs/base", "properties": {"b": {"type": "null"}}, "required": ["b"], "$defs": {"base": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}})",
       {R"({"b": null, "a": 1})"},
       {R"({"b": null})", R"({"a": 1})"}},
      {R"({"allOf": [{"enum": ["a", "b", 1]}, {"enum": ["b", "c", 1]}, {"type": "string"}]})",
       {"\"b\""},
       {"\"a\"", "1"}},
      {R"({"allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}]})",
       {"\"x\""},
       {"1", "null"}},
      {R"({"allOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}], "$defs": {"x": {"type": "object", "properties": {"c": {"$ref": "#/$defs/x"}}}, "y": {"type": "object", "properties": {"c": {"$ref": "#/$defs/y"}, "d": {"type": "null"}}}}})",
       {R"({"c": {"c": {"d": null}}})"},
       {R"({"c": 1})"}},
  };
  return all;
}

TEST(JsonSchema, AllowsWhatIsValidAndNothingElse) {
  for (const Case& c : cases()) {
    const auto grammar = schema_grammar(c.schema);
    const Json schema = parse_json(c.schema, "schema").value();
    for (const auto& text : c.accepted) {
      EXPECT_TRUE(matches(grammar, text)) << c.schema << "\n" << text;
      const auto value = parse_json(text, "text");
      ASSERT_TRUE(value) << text;
      EXPECT_TRUE(SchemaChecker(schema).valid(*value)) << c.schema << "\n" << text;
    }
    for (const auto& text : c.refused) {
      EXPECT_FALSE(matches(grammar, text)) << c.schema << "\n" << text;
    }
  }
}

TEST(JsonSchema, RandomTextsAreValid) {
  const auto tokenizer = small_tokenizer();
  std::mt19937 random(17);
  std::size_t n_texts = 0;
  for (const Case& c : cases()) {
    const Json schema = parse_json(c.schema, "schema").value();
    const TokenGrammar tokens(schema_grammar(c.schema), *tokenizer);
    for (int round = 0; round < 20; ++round) {
      const std::string text = random_text(tokens, *tokenizer, random);
      if (text.empty()) continue;
      ++n_texts;
      const auto value = parse_json(text, "text");
      ASSERT_TRUE(value) << c.schema << "\n" << text << "\n" << value.error().message();
      EXPECT_TRUE(SchemaChecker(schema).valid(*value)) << c.schema << "\n" << text;
    }
  }
  EXPECT_GT(n_texts, cases().size() * 15);
}

// Schemas of all keywords at random; many are refused, what is not has to be kept.
class SchemaMaker {
 public:
  explicit SchemaMaker(std::mt19937& random) : random_(random) {}

  Json document() {
    Json schema = make(3);
    if (!schema.is_object()) return schema;
    schema["$defs"] = {{"a", make(2)}, {"b", make(2)}};
    return schema;
  }

 private:
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool once_in(unsigned n) { return below(n) == 0; }
  std::string name() { return std::string(1, static_cast<char>('a' + below(4))); }

  Json constant() {
    const Json values = {nullptr,          true,      0, 1, -3, 2.5, "", "a", "b", "abc",
                         Json::array({1}), {{"a", 1}}};
    return values[below(static_cast<unsigned>(values.size()))];
  }

  Json make(int depth) {
    if (once_in(12)) return !once_in(3);
    Json schema = Json::object();
    if (depth > 0 && once_in(4)) add_join(schema, depth);
    if (once_in(6)) schema["enum"] = {constant(), constant(), constant()};
    if (once_in(12)) schema["const"] = constant();
    switch (below(depth > 0 ? 6 : 4)) {
      case 0:
        add_string(schema);
        break;
      case 1:
        add_number(schema);
        break;
      case 2:
        schema["type"] = once_in(2) ? Json("boolean") : Json::array({"null", "integer", "string"});
        break;
      case 3:
        break;
      case 4:
        add_array(schema, depth);
        break;
      default:
        add_object(schema, depth);
    }
    return schema;
  }

  void add_join(Json& schema, int depth) {
    constexpr const char* kJoins[] = {"anyOf", "oneOf", "allOf"};
    if (once_in(3)) {
      schema["$ref"] = once_in(2) ? "#/$defs/a" : "#/$defs/b";
      return;
    }
    Json& list = schema[kJoins[below(3)]];
    for (unsigned i = 0; i <= below(3); ++i) list.push_back(make(depth - 1));
  }

  void add_string(Json& schema) {
    if (!once_in(4)) schema["type"] = "string";
    if (once_in(3)) schema["minLength"] = below(3);
    if (once_in(3)) schema["maxLength"] = below(5);
    if (once_in(8)) schema["pattern"] = "^[a-c]{1,3}$";
  }

  void add_number(Json& schema) {
    if (!once_in(4)) schema["type"] = once_in(2) ? "integer" : "number";
    if (once_in(3)) schema["minimum"] = below(8);
    if (once_in(3)) schema["maximum"] = below(12);
    if (once_in(5)) schema["exclusiveMinimum"] = -static_cast<int>(below(3)) - 0.5;
  }

  void add_array(Json& schema, int depth) {
    if (!once_in(4)) schema["type"] = "array";
    if (!once_in(3)) schema["items"] = make(depth - 1);
    if (once_in(4)) schema["prefixItems"] = {make(depth - 1), make(depth - 1)};
    if (once_in(3)) schema["minItems"] = below(3);
    if (once_in(2)) schema["maxItems"] = below(5);
  }

  void add_object(Json& schema, int depth) {
    if (!once_in(4)) schema["type"] = "object";
    for (unsigned i = 0; i < below(4); ++i) schema["properties"][name()] = make(depth - 1);
    for (unsigned i = 0; i < below(3); ++i) schema["required"].push_back(name());
    if (once_in(3)) schema["additionalProperties"] = make(depth - 1);
    if (once_in(4)) schema["additionalProperties"] = false;
  }

  std::mt19937& random_;
};

TEST(JsonSchema, RandomSchemasAreKept) {
  const auto tokenizer = small_tokenizer();
  std::mt19937 random(29);
  SchemaMaker maker(random);
  std::size_t n_schemas = 0;
  std::size_t n_texts = 0;
  for (int round = 0; round < rounds(3000); ++round) {
    const Json schema = maker.document();
    const auto grammar = Grammar::from_json_schema(schema);
    if (!grammar) {
      EXPECT_NE(grammar.error().message().find('#'), std::string::npos)
          << dump_json(schema) << "\n"
          << grammar.error().message();
      continue;
    }
    ++n_schemas;
    const TokenGrammar tokens(*grammar, *tokenizer);
    for (int i = 0; i < 4; ++i) {
      const std::string text = random_text(tokens, *tokenizer, random, 300);
      if (text.empty()) continue;
      ++n_texts;
      const auto value = parse_json(text, "text");
      ASSERT_TRUE(value) << dump_json(schema) << "\n" << text;
      ASSERT_TRUE(SchemaChecker(schema).valid(*value)) << dump_json(schema) << "\n" << text;
    }
  }
  EXPECT_GT(n_schemas, static_cast<std::size_t>(rounds(1000)));
  EXPECT_GT(n_texts, static_cast<std::size_t>(rounds(3000)));
  RecordProperty("schemas", static_cast<int>(n_schemas));
}

TEST(JsonSchema, RandomJsonParses) {
  for (const char* name : {"", "llama-spm", "gpt-2"}) {
    const auto tokenizer = *name == '\0' ? small_tokenizer() : real_tokenizer(name);
    if (!tokenizer) GTEST_SKIP() << "no vocabularies here (WATTLE_SHARED names their folder)";
    std::mt19937 random(23);
    for (const auto root : {Grammar::JsonRoot::object, Grammar::JsonRoot::value}) {
      const TokenGrammar tokens(Grammar::json(root), *tokenizer);
      std::size_t n_texts = 0;
      for (int round = 0; round < rounds(*name == '\0' ? 300 : 20); ++round) {
        const std::string text = random_text(tokens, *tokenizer, random, 600);
        if (text.empty()) continue;
        ++n_texts;
        const auto value = parse_json(text, "text");
        ASSERT_TRUE(value) << text << "\n" << value.error().message();
        EXPECT_TRUE(root == Grammar::JsonRoot::value || value->is_object()) << text;
      }
      EXPECT_GT(n_texts, kSanitized ? 0U : 5U);
    }
  }
}

TEST(JsonSchema, WhatCannotBeEnforcedIsRefusedWithItsPlace) {
  struct Refused {
    const char* schema;
    const char* pointer;
    const char* message;
  };
  const std::vector<Refused> refused = {
      {"1", "#:", "a schema is an object"},
      {"false", "#:", "nothing is valid"},
      {R"({"maxlength": 3})", "#/maxlength", "cannot be enforced"},
      {R"({"not": {}})", "#/not", "cannot be enforced"},
      {R"({"if": {}, "then": {}})", "#/if", "cannot be enforced"},
      {R"({"type": "array", "uniqueItems": true})", "#/uniqueItems", "cannot be enforced"},
      {R"({"properties": {"a": {"items": {"multipleOf": 3}}}})", "#/properties/a/items/multipleOf",
       "cannot be enforced"},
      {R"({"patternProperties": {"^a": {}}})", "#/patternProperties", "cannot be enforced"},
      {R"({"properties": {"x/y": {"$id": "z"}}})", "#/properties/x~1y/$id", "cannot be enforced"},
      {R"({"type": "text"})", "#/type", "a type is"},
      {R"({"type": []})", "#/type", "a type is"},
      {R"({"minLength": -1})", "#/minLength", "whole number"},
      {R"({"maxItems": 1.5})", "#/maxItems", "whole number"},
      {R"({"exclusiveMinimum": true})", "#/exclusiveMinimum", "a number"},
      {R"({"required": "a"})", "#/required", "list of names"},
      {R"({"properties": [1]})", "#/properties", "object of schemas"},
      {R"({"items": [{}]})", "#/items", "prefixItems"},
      {R"({"anyOf": []})", "#/anyOf", "list of schemas"},
      {R"({"enum": []})", "#/enum", "list of values"},
      {R"({"format": "email"})", "#/format", "'email' cannot be enforced"},
      {R"({"pattern": "abc"})", "#/pattern", "does not begin with '^'"},
      {R"({"pattern": "^abc"})", "#/pattern", "does not end in '$'"},
      {R"({"pattern": "^a|b$"})", "#/pattern", "does not end in '$'"},
      {R"({"pattern": "^(?=a)b$"})", "#/pattern", "looking ahead"},
      {R"({"pattern": "^(a)\\1$"})", "#/pattern", "not supported"},
      {R"({"pattern": "^a\\b$"})", "#/pattern", "not supported"},
      {R"({"pattern": "^\\p{L}$"})", "#/pattern", "not supported"},
      {R"({"pattern": "^[b-a]$"})", "#/pattern", "no order"},
      {R"({"pattern": "^(a$"})", "#/pattern", "at the end"},
      {R"({"pattern": "^a)$"})", "#/pattern", "no open '('"},
      {R"({"pattern": "^a{2,1}$"})", "#/pattern", "smaller number"},
      {R"({"pattern": "^a$", "maxLength": 3})", "#:", "only one of"},
      {R"({"minLength": 4, "maxLength": 3})", "#:", "nothing is valid"},
      {R"({"maxLength": 1000000})", "#/maxLength", "more than 10000"},
      {R"({"maxItems": 5000})", "#/maxItems", "more than 2000"},
      {R"({"minItems": 3, "maxItems": 2})", "#:", "at least 3 items"},
      {R"({"minItems": 1, "items": false})", "#:", "at least 1 items"},
      {R"({"minimum": 1e30})", "#/minimum", "10^15"},
      {R"({"type": "integer", "minimum": 5, "maximum": 4})", "#", "can never end"},
      {R"({"enum": ["abc"], "maxLength": 2})", "#/maxLength", "beside listed values"},
      {R"({"enum": ["a"], "type": "null"})", "#:", "none of the listed values"},
      {R"({"properties": {"a": false}, "required": ["a"]})", "#/properties/a", "nothing is valid"},
      {R"({"$ref": "other.json#/a"})", "#/$ref", "not a place in this document"},
      {R"({"$ref": "#name"})", "#/$ref", "not a place in this document"},
      {R"({"$ref": "#/$defs/no"})", "#/$ref", "there is nothing at"},
      {R"({"$ref": "#/type", "type": "null"})", "#/$ref", "is no schema"},
      {R"({"$ref": "#"})", "#", "can never end"},
      {R"({"allOf": [{"$ref": "#"}]})", "#", "refers to itself"},
      {R"({"properties": {"a": {"$ref": "#"}}, "required": ["a"]})", "#", "can never end"},
      {R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})", "#/oneOf",
       "valid under alternative 0 and 1"},
      {R"({"oneOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]})", "#/oneOf",
       "at once"},
      {R"({"allOf": [{"pattern": "^a$"}, {"pattern": "^b$"}]})", "#/allOf/1",
       "two different values of 'pattern'"},
      {R"({"allOf": [{"type": "null"}, {"type": "string"}]})", "#:", "nothing is valid"},
      {R"({"allOf": [{"prefixItems": [{}]}, {"items": {}}]})", "#/allOf/1", "prefixItems"},
      {R"({"anyOf": [{"type": "null"}, {"const": 1}], "type": "string"})", "#/anyOf",
       "nothing is valid"},
      {R"({"properties": {"a": {"minContains": 1}}})", "#/properties/a/minContains",
       "cannot be enforced"},
      {R"({"nullable": true})", "#/nullable", "cannot be enforced"},
  };
  for (const Refused& c : refused) {
    const auto grammar = Grammar::from_json_schema(parse_json(c.schema, "schema").value());
    ASSERT_FALSE(grammar) << c.schema;
    const std::string message = grammar.error().message();
    EXPECT_NE(message.find(c.pointer), std::string::npos) << c.schema << "\n" << message;
    EXPECT_NE(message.find(c.message), std::string::npos) << c.schema << "\n" << message;
    EXPECT_FALSE(grammar.error().remedy.empty()) << message;
  }
}

TEST(JsonSchema, HostileSizesAreErrorsOrSmall) {
  const auto message_of = [](const Json& schema) {
    const auto grammar = Grammar::from_json_schema(schema);
    return grammar ? std::string("ok") : grammar.error().message();
  };
  Json deep = true;
  for (int i = 0; i < 150; ++i) deep = Json{{"items", deep}};
  EXPECT_NE(message_of(deep).find("inside each other"), std::string::npos);
  Json constant = 1;
  for (int i = 0; i < 400; ++i) constant = Json::array({constant});
  EXPECT_NE(message_of(Json{{"const", constant}}).find("too large"), std::string::npos);
  EXPECT_NE(message_of(Json{{"const", std::string(2'000'000, 'a')}}).find("too large"),
            std::string::npos);
  // Three alternatives of three alternatives of …, all together.
  Json many = {{"allOf", Json::array()}};
  for (int i = 0; i < 20; ++i) {
    Json any = Json::array();
    for (int j = 0; j < 3; ++j) any.push_back({{"required", {fmt::format("{}{}", i, j)}}});
    many["allOf"].push_back({{"anyOf", any}});
  }
  EXPECT_NE(message_of(many).find("too many combinations"), std::string::npos);
  Json wide = {{"properties", Json::object()}, {"required", Json::array()}};
  for (int i = 0; i < 1500; ++i) {
    wide["properties"][fmt::format("p{}", i)] = {{"type", "integer"}};
    if (i % 5 != 0) wide["required"].push_back(fmt::format("p{}", i));
  }
  EXPECT_EQ(message_of(wide), "ok");
  Json counted = {{"type", "array"}, {"maxItems", 2000}};
  counted["items"] = counted;
  counted["items"]["items"] = counted;
  EXPECT_EQ(message_of(counted), "ok");
  Json lists = {{"anyOf", Json::array()}};
  for (int i = 0; i < 2000; ++i) lists["anyOf"].push_back({{"$ref", "#"}});
  EXPECT_NE(message_of(lists), "ok");
}

}  // namespace
}  // namespace wattle::engine
