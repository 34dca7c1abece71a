#include "engine/grammar/json_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::grammar {
namespace {

// Characters that strings escape by one letter.
constexpr std::pair<char32_t, const char*> kShortEscapes[] = {
    {'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"}, {'\f', "\\f"},
    {'\n', "\\n"}, {'\r', "\\r"},  {'\t', "\\t"}};

std::u32string characters_in(std::string_view text) {
  std::u32string characters;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) break;
    characters += static_cast<char32_t>(utf8_code_point(text, length));
    text.remove_prefix(length);
  }
  return characters;
}

std::string quoted(const std::string& text) {
  return dump_json(Json(text));
}

}  // namespace

const CharacterSet& JsonRules::plain_characters() {
  static const CharacterSet plain = {
      {' ', '!'}, {'#', '['}, {']', 0xD7FF}, {0xE000, kLastCharacter}};
  return plain;
}

ExpressionId JsonRules::rule(const std::string& name, Body body) {
  const auto [found, is_new] = known_.try_emplace(name, 0);
  if (is_new) {
    found->second = rules_.add_rule("JSON " + name, "");
    rules_.set_body(found->second, (this->*body)());
  }
  return rules_.reference(found->second);
}

ExpressionId JsonRules::space() {
  return rule("space", &JsonRules::space_body);
}
ExpressionId JsonRules::value() {
  return rule("value", &JsonRules::value_body);
}
ExpressionId JsonRules::object() {
  return rule("object", &JsonRules::object_body);
}
ExpressionId JsonRules::array() {
  return rule("array", &JsonRules::array_body);
}
ExpressionId JsonRules::string() {
  return rule("string", &JsonRules::string_body);
}
ExpressionId JsonRules::number() {
  return rule("number", &JsonRules::number_body);
}
ExpressionId JsonRules::integer() {
  return rule("integer", &JsonRules::integer_body);
}
ExpressionId JsonRules::boolean() {
  return rules_.choice({rules_.literal("true"), rules_.literal("false")});
}
ExpressionId JsonRules::null() {
  return rules_.literal("null");
}

ExpressionId JsonRules::space_body() {
  const ExpressionId blanks = rules_.repeat(rules_.characters(characters_of(" \t")), 0, 32);
  return rules_.choice(
      {rules_.literal(""), rules_.literal(" "), rules_.sequence({rules_.literal("\n"), blanks})});
}

ExpressionId JsonRules::value_body() {
  return rules_.choice({object(), array(), string(), number(), boolean(), null()});
}

ExpressionId JsonRules::comma() {
  return rules_.sequence({space(), rules_.literal(","), space()});
}

ExpressionId JsonRules::braces(ExpressionId members) {
  return rules_.sequence({rules_.literal("{"), space(), members, space(), rules_.literal("}")});
}

ExpressionId JsonRules::brackets(ExpressionId elements) {
  return rules_.sequence({rules_.literal("["), space(), elements, space(), rules_.literal("]")});
}

ExpressionId JsonRules::object_body() {
  return braces(
      rules_.list(comma(), {{.expression = member(value()), .optional = true, .repeats = true}}));
}

ExpressionId JsonRules::array_body() {
  return brackets(
      rules_.list(comma(), {{.expression = value(), .optional = true, .repeats = true}}));
}

ExpressionId JsonRules::member(ExpressionId value) {
  return rules_.sequence({string(), rules_.literal(":"), space(), value});
}

ExpressionId JsonRules::member_named(const std::string& key, ExpressionId value) {
  return rules_.sequence({rules_.literal(quoted(key) + ":"), space(), value});
}

ExpressionId JsonRules::member_except(const std::vector<std::string>& keys, ExpressionId value) {
  if (keys.empty()) return member(value);
  std::vector<std::u32string> characters;
  for (const std::string& key : keys) characters.push_back(characters_in(key));
  const ExpressionId key = rules_.rule_of("other key", "", other_key(characters, 0));
  return rules_.sequence({rules_.literal("\""), key, rules_.literal(":"), space(), value});
}

// The rest of a key, with its closing quote, that is none of `keys`, which all begin with the
// `depth` characters that were read. Without escapes, which could write the same key otherwise.
ExpressionId JsonRules::other_key(const std::vector<std::u32string>& keys, std::size_t depth) {
  std::vector<ExpressionId> ways;
  std::map<char32_t, std::vector<std::u32string>> by_next;
  bool is_key = false;
  for (const std::u32string& key : keys) {
    if (key.size() == depth) {
      is_key = true;
    } else if (contains(plain_characters(), key[depth])) {
      by_next[key[depth]].push_back(key);
    }
  }
  if (!is_key) ways.push_back(rules_.literal("\""));
  CharacterSet taken;
  for (const auto& [next, with_next] : by_next) {
    taken.push_back({next, next});
    ways.push_back(
        rules_.sequence({rules_.characters({{next, next}}), other_key(with_next, depth + 1)}));
  }
  const ExpressionId plain = rules_.characters(plain_characters());
  ways.push_back(rules_.sequence(
      {rules_.characters(difference(plain_characters(), normalized(std::move(taken)))),
       rules_.repeat(plain, 0, kUnbounded), rules_.literal("\"")}));
  return rules_.choice(std::move(ways));
}

ExpressionId JsonRules::unicode_escape() {
  const auto one_of = [this](std::string_view set) {
    return rules_.characters(characters_of(set));
  };
  const ExpressionId hex = rules_.characters({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
  const ExpressionId two = rules_.repeat(hex, 2, 2);
  const ExpressionId surrogate = one_of("dD");
  return rules_.choice({rules_.sequence({one_of("0123456789abcefABCEF"), rules_.repeat(hex, 3, 3)}),
                        rules_.sequence({surrogate, one_of("01234567"), two}),
                        // U+10000 and above: two escapes for one character.
                        rules_.sequence({surrogate, one_of("89abAB"), two, rules_.literal("\\u"),
                                         surrogate, one_of("cdefCDEF"), two})});
}

ExpressionId JsonRules::any_character() {
  const ExpressionId escaped =
      rules_.choice({rules_.characters(characters_of("\"\\/bfnrt")),
                     rules_.sequence({rules_.literal("u"), unicode_escape()})});
  return rules_.choice(
      {rules_.characters(plain_characters()), rules_.sequence({rules_.literal("\\"), escaped})});
}

ExpressionId JsonRules::string_body() {
  return rules_.sequence(
      {rules_.literal("\""), rules_.repeat(any_character(), 0, kUnbounded), rules_.literal("\"")});
}

ExpressionId JsonRules::string_of_length(std::uint32_t min, std::uint32_t max) {
  if (min == 0 && max == kUnbounded) return string();
  const std::string name = fmt::format("string of {} to {}", min, max);
  const auto [found, is_new] = known_.try_emplace(name, 0);
  if (is_new) {
    found->second = rules_.add_rule(name, "");
    rules_.set_body(found->second,
                    rules_.sequence({rules_.literal("\""), rules_.repeat(any_character(), min, max),
                                     rules_.literal("\"")}));
  }
  return rules_.reference(found->second);
}

ExpressionId JsonRules::character_of(const CharacterSet& set) {
  std::vector<ExpressionId> ways;
  CharacterSet plain = intersection(set, plain_characters());
  if (!plain.empty()) ways.push_back(rules_.characters(std::move(plain)));
  for (const auto& [character, escape] : kShortEscapes) {
    if (contains(set, character)) ways.push_back(rules_.literal(escape));
  }
  for (char32_t c = 0; c < 0x20; ++c) {
    const bool is_short =
        std::ranges::any_of(kShortEscapes, [c](const auto& escape) { return escape.first == c; });
    if (is_short || !contains(set, c)) continue;
    ways.push_back(rules_.literal(fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c))));
  }
  return ways.size() == 1 ? ways.front() : rules_.choice(std::move(ways));
}

ExpressionId JsonRules::integer_body() {
  const ExpressionId digits =
      rules_.sequence({rules_.characters({{'1', '9'}}),
                       rules_.repeat(rules_.characters({{'0', '9'}}), 0, kMaxDigits - 1)});
  return rules_.choice(
      {rules_.literal("0"), rules_.sequence({rules_.optional(rules_.literal("-")), digits})});
}

ExpressionId JsonRules::number_body() {
  const ExpressionId digit = rules_.characters({{'0', '9'}});
  const ExpressionId whole = rules_.choice(
      {rules_.literal("0"), rules_.sequence({rules_.characters({{'1', '9'}}),
                                             rules_.repeat(digit, 0, kMaxDigits - 1)})});
  const ExpressionId fraction =
      rules_.sequence({rules_.literal("."), rules_.repeat(digit, 1, kMaxDigits)});
  const ExpressionId exponent = rules_.sequence(
      {rules_.characters(characters_of("eE")),
       rules_.optional(rules_.characters(characters_of("+-"))), rules_.repeat(digit, 1, 2)});
  return rules_.sequence({rules_.optional(rules_.literal("-")), whole, rules_.optional(fraction),
                          rules_.optional(exponent)});
}

}  // namespace wattle::engine::grammar
