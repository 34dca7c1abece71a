#include "engine/template/expression_parser.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace wattle::engine::jinja {
namespace {

struct ComparisonName {
  std::string_view symbol;
  Comparison op;
};
constexpr std::array kComparisons = {
    ComparisonName{"==", Comparison::equal},  ComparisonName{"!=", Comparison::not_equal},
    ComparisonName{"<", Comparison::less},    ComparisonName{"<=", Comparison::less_equal},
    ComparisonName{">", Comparison::greater}, ComparisonName{">=", Comparison::greater_equal},
};

std::optional<Comparison> take_comparison(TokenStream& stream) {
  if (stream.at(TokenKind::symbol)) {
    const auto* found =
        std::ranges::find(kComparisons, stream.current().text, &ComparisonName::symbol);
    if (found == kComparisons.end()) return std::nullopt;
    stream.advance();
    return found->op;
  }
  if (stream.skip_name("in")) return Comparison::in;
  if (stream.at_name("not") && TokenStream::is(stream.next(), TokenKind::name, "in")) {
    stream.advance();
    stream.advance();
    return Comparison::not_in;
  }
  return std::nullopt;
}

std::optional<Arithmetic> take_sum(TokenStream& stream) {
  if (stream.skip_symbol("+")) return Arithmetic::add;
  if (stream.skip_symbol("-")) return Arithmetic::subtract;
  return std::nullopt;
}

std::optional<Arithmetic> take_product(TokenStream& stream) {
  if (stream.skip_symbol("*")) return Arithmetic::multiply;
  if (stream.skip_symbol("/")) return Arithmetic::divide;
  if (stream.skip_symbol("//")) return Arithmetic::floor_divide;
  if (stream.skip_symbol("%")) return Arithmetic::modulo;
  return std::nullopt;
}

}  // namespace

Parsed<ExpressionRef> ExpressionParser::parse(Conditionals conditionals) {
  const TokenStream::Level level(stream_);
  WATTLE_CHECK(level.check());
  return conditionals == Conditionals::allowed ? parse_conditional() : parse_or();
}

bool ExpressionParser::at_tuple_end(std::string_view end_name) const {
  return stream_.at(TokenKind::print_end) || stream_.at(TokenKind::block_end) ||
         stream_.at_symbol(")") || (!end_name.empty() && stream_.at_name(end_name));
}

Parsed<ExpressionRef> ExpressionParser::parse_tuple(Conditionals conditionals,
                                                    std::string_view end_name) {
  const int line = stream_.line();
  WATTLE_TRY(const ExpressionRef first, parse(conditionals));
  if (!stream_.at_symbol(",")) return first;
  SequenceLiteral tuple{{first}, true};
  while (stream_.skip_symbol(",")) {
    if (at_tuple_end(end_name)) break;
    WATTLE_TRY(const ExpressionRef item, parse(conditionals));
    tuple.items.push_back(item);
  }
  return stream_.make(std::move(tuple), line);
}

Parsed<ExpressionRef> ExpressionParser::parse_conditional() {
  const int line = stream_.line();
  WATTLE_TRY(ExpressionRef value, parse_or());
  while (stream_.skip_name("if")) {
    WATTLE_TRY(const ExpressionRef condition, parse_or());
    ExpressionRef otherwise = nullptr;
    if (stream_.skip_name("else")) {
      WATTLE_TRY(otherwise, parse());
    }
    value = stream_.make(Conditional{condition, value, otherwise}, line);
  }
  return value;
}

Parsed<ExpressionRef> ExpressionParser::parse_or() {
  const int line = stream_.line();
  WATTLE_TRY(ExpressionRef left, parse_and());
  while (stream_.skip_name("or")) {
    WATTLE_TRY(const ExpressionRef right, parse_and());
    left = stream_.make(Logical{false, left, right}, line);
  }
  return left;
}

Parsed<ExpressionRef> ExpressionParser::parse_and() {
  const int line = stream_.line();
  WATTLE_TRY(ExpressionRef left, parse_not());
  while (stream_.skip_name("and")) {
    WATTLE_TRY(const ExpressionRef right, parse_not());
    left = stream_.make(Logical{true, left, right}, line);
  }
  return left;
}

Parsed<ExpressionRef> ExpressionParser::parse_not() {
  if (!stream_.at_name("not")) return parse_comparison();
  const TokenStream::Level level(stream_);
  WATTLE_CHECK(level.check());
  const int line = stream_.line();
  stream_.advance();
  WATTLE_TRY(const ExpressionRef operand, parse_not());
  return stream_.make(Not{operand}, line);
}

Parsed<ExpressionRef> ExpressionParser::parse_comparison() {
  const int line = stream_.line();
  WATTLE_TRY(const ExpressionRef first, parse_sum());
  ComparisonChain chain{first, {}};
  while (const auto op = take_comparison(stream_)) {
    WATTLE_TRY(const ExpressionRef operand, parse_sum());
    chain.rest.emplace_back(*op, operand);
  }
  return chain.rest.empty() ? first : stream_.make(std::move(chain), line);
}

Parsed<ExpressionRef> ExpressionParser::parse_sum() {
  const int line = stream_.line();
  WATTLE_TRY(ExpressionRef left, parse_concatenation());
  while (const auto op = take_sum(stream_)) {
    WATTLE_TRY(const ExpressionRef right, parse_concatenation());
    left = stream_.make(Binary{*op, left, right}, line);
  }
  return left;
}

Parsed<ExpressionRef> ExpressionParser::parse_concatenation() {
  const int line = stream_.line();
  WATTLE_TRY(const ExpressionRef first, parse_product());
  Concatenation concatenation{{first}};
  while (stream_.skip_symbol("~")) {
    WATTLE_TRY(const ExpressionRef part, parse_product());
    concatenation.parts.push_back(part);
  }
  return concatenation.parts.size() == 1 ? first : stream_.make(std::move(concatenation), line);
}

Parsed<ExpressionRef> ExpressionParser::parse_product() {
  const int line = stream_.line();
  WATTLE_TRY(ExpressionRef left, parse_power());
  while (const auto op = take_product(stream_)) {
    WATTLE_TRY(const ExpressionRef right, parse_power());
    left = stream_.make(Binary{*op, left, right}, line);
  }
  return left;
}

// From left to right, unlike Python's.
Parsed<ExpressionRef> ExpressionParser::parse_power() {
  const int line = stream_.line();
  WATTLE_TRY(ExpressionRef left, parse_unary());
  while (stream_.skip_symbol("**")) {
    WATTLE_TRY(const ExpressionRef right, parse_unary());
    left = stream_.make(Binary{Arithmetic::power, left, right}, line);
  }
  return left;
}

// Filters bind tighter than any operator but the sign: -1|abs is (-1)|abs.
Parsed<ExpressionRef> ExpressionParser::parse_unary(bool with_filters) {
  const TokenStream::Level level(stream_);
  WATTLE_CHECK(level.check());
  const int line = stream_.line();
  ExpressionRef value = nullptr;
  if (stream_.at_symbol("-") || stream_.at_symbol("+")) {
    const bool negative = stream_.at_symbol("-");
    stream_.advance();
    WATTLE_TRY(const ExpressionRef operand, parse_unary(false));
    value = stream_.make(Sign{negative, operand}, line);
  } else {
    WATTLE_TRY(value, parse_primary());
  }
  WATTLE_TRY(value, parse_postfix(value));
  return with_filters ? parse_filters_and_tests(value) : value;
}

}  // namespace wattle::engine::jinja
