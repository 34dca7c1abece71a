#pragma once
// A template's text as tokens, with white space handled as Jinja does with trim_blocks and
// lstrip_blocks set.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wattle::engine::jinja {

enum class TokenKind {
  text,         // outside of tags
  print_begin,  // {{
  print_end,
  block_begin,  // {%
  block_end,
  name,
  string,
  integer,
  floating,
  symbol,  // operators and brackets
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  int line = 1;
  std::string_view text;  // of a string: its content, escapes resolved
  std::int64_t integer = 0;
  double floating = 0;
};

// With line breaks as "\n" and without the last one, as Jinja reads its source.
[[nodiscard]] std::string normalise_source(std::string_view text);

struct SyntaxError {
  int line = 1;
  std::string what;
  ErrorCode code = ErrorCode::invalid_format;  // or unsupported
};
template <class T>
using Parsed = std::expected<T, SyntaxError>;

// Tokens point into `source` and into `texts`; the last one is `end`.
[[nodiscard]] Parsed<std::vector<Token>> tokenise(std::string_view source,
                                                  std::deque<std::string>& texts);

}  // namespace wattle::engine::jinja
