#pragma once
// GBNF, the notation of llama.cpp's grammars, as its documentation describes it:
//
//   root ::= "answer: " (yes | no) [.!]{0,3}   # comment
//   yes  ::= "yes"
//   no   ::= "no" | "nope"
//
// docs/constrained-output.md has the whole of it.

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "engine/grammar/rule_set.hpp"

namespace wattle::engine::grammar {

inline constexpr std::size_t kMaxGrammarBytes = std::size_t{1} << 20U;
inline constexpr std::uint32_t kMaxRepetition = 2000;
inline constexpr int kMaxGroupDepth = 100;

struct ParsedGrammar {
  RuleSet rules;
  RuleId root = 0;
};

// `source` names the text in errors.
[[nodiscard]] Result<ParsedGrammar> parse_gbnf(std::string_view text, const std::string& source);

}  // namespace wattle::engine::grammar
