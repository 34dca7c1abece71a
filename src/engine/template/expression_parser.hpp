#pragma once
// Expressions of a template, with Jinja's precedence: if-else, or, and, not, comparisons and in,
// + -, ~, * / // %, **, unary + -, then calls, subscripts, filters and tests.

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/template/token_stream.hpp"

namespace wattle::engine::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  enum class Conditionals { allowed, not_allowed };
  [[nodiscard]] Parsed<ExpressionRef> parse(Conditionals conditionals = Conditionals::allowed);
  // As above, but "a, b" is a tuple; it ends at the end of the tag, at ')' or at `end_name`.
  [[nodiscard]] Parsed<ExpressionRef> parse_tuple(Conditionals conditionals = Conditionals::allowed,
                                                  std::string_view end_name = {});
  // The filter behind a '|', and its arguments.
  [[nodiscard]] Parsed<NamedCall> parse_filter();
  // Which of `varargs` and `kwargs` were read since the last call; `mentioned` are counted as read.
  using Mentions = std::set<std::string_view>;
  [[nodiscard]] Mentions exchange_mentions(Mentions mentioned) {
    return std::exchange(mentioned_, std::move(mentioned));
  }

 private:
  [[nodiscard]] Parsed<ExpressionRef> parse_conditional();
  [[nodiscard]] Parsed<ExpressionRef> parse_or();
  [[nodiscard]] Parsed<ExpressionRef> parse_and();
  [[nodiscard]] Parsed<ExpressionRef> parse_not();
  [[nodiscard]] Parsed<ExpressionRef> parse_comparison();
  [[nodiscard]] Parsed<ExpressionRef> parse_sum();
  [[nodiscard]] Parsed<ExpressionRef> parse_concatenation();
  [[nodiscard]] Parsed<ExpressionRef> parse_product();
  [[nodiscard]] Parsed<ExpressionRef> parse_power();
  [[nodiscard]] Parsed<ExpressionRef> parse_unary(bool with_filters = true);
  [[nodiscard]] Parsed<ExpressionRef> parse_primary();
  [[nodiscard]] Parsed<ExpressionRef> parse_name();
  [[nodiscard]] Parsed<ExpressionRef> parse_string();
  [[nodiscard]] Parsed<ExpressionRef> parse_parentheses();
  [[nodiscard]] Parsed<ExpressionRef> parse_list();
  [[nodiscard]] Parsed<ExpressionRef> parse_dict();
  [[nodiscard]] Parsed<ExpressionRef> parse_postfix(ExpressionRef object);
  [[nodiscard]] Parsed<ExpressionRef> parse_filters_and_tests(ExpressionRef input);
  [[nodiscard]] Parsed<ExpressionRef> parse_member(ExpressionRef object);
  [[nodiscard]] Parsed<ExpressionRef> parse_subscript(ExpressionRef object);
  [[nodiscard]] Parsed<ExpressionRef> parse_call(ExpressionRef callee);
  [[nodiscard]] Parsed<ExpressionRef> parse_test(ExpressionRef input);
  [[nodiscard]] Parsed<ArgumentList> parse_arguments();
  [[nodiscard]] bool at_tuple_end(std::string_view end_name) const;

  TokenStream& stream_;
  Mentions mentioned_;
};

}  // namespace wattle::engine::jinja
