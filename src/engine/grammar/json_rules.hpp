#pragma once
// The rules of JSON (RFC 8259), made as they are needed.

#include <map>
#include <string>
#include <vector>

#include "engine/grammar/rule_set.hpp"

namespace wattle::engine::grammar {

class JsonRules {
 public:
  // Digits before the point of a number, and behind it.
  static constexpr std::uint32_t kMaxDigits = 15;

  explicit JsonRules(RuleSet& rules) : rules_(rules) {}

  // White space that is never endless: nothing, a space, or a line break with up to 32 blanks.
  ExpressionId space();
  ExpressionId value();
  ExpressionId object();
  ExpressionId array();
  ExpressionId string();
  ExpressionId number();
  ExpressionId integer();
  ExpressionId boolean();
  ExpressionId null();

  // A string of so many characters (of the value, not of its notation).
  ExpressionId string_of_length(std::uint32_t min, std::uint32_t max);
  // One character of a string's value as strings write it: those that need one, with an escape.
  ExpressionId character_of(const CharacterSet& set);
  // "{" and "}" around members, "[" and "]" around elements.
  ExpressionId braces(ExpressionId members);
  ExpressionId brackets(ExpressionId elements);
  ExpressionId comma();
  // A member with any key, or with any but these. `keys` are UTF-8 of at most kMaxKeyCharacters.
  ExpressionId member(ExpressionId value);
  ExpressionId member_except(const std::vector<std::string>& keys, ExpressionId value);
  ExpressionId member_named(const std::string& key, ExpressionId value);
  static constexpr std::size_t kMaxKeyCharacters = 200;

  // What strings write as it is.
  [[nodiscard]] static const CharacterSet& plain_characters();

 private:
  using Body = ExpressionId (JsonRules::*)();
  ExpressionId rule(const std::string& name, Body body);
  ExpressionId space_body();
  ExpressionId value_body();
  ExpressionId object_body();
  ExpressionId array_body();
  ExpressionId string_body();
  ExpressionId number_body();
  ExpressionId integer_body();
  ExpressionId any_character();
  ExpressionId unicode_escape();
  ExpressionId other_key(const std::vector<std::u32string>& keys, std::size_t depth);

  RuleSet& rules_;
  std::map<std::string, RuleId> known_;
};

}  // namespace wattle::engine::grammar
