// The expression parser's operands: literals and names, and what may stand behind them (subscripts,
// calls, filters, tests).

#include <array>

#include "engine/template/expression_parser.hpp"

namespace wattle::engine::jinja {

Parsed<ExpressionRef> ExpressionParser::parse_primary() {
  const Token& token = stream_.current();
  switch (token.kind) {
    case TokenKind::name:
      return parse_name();
    case TokenKind::string:
      return parse_string();
    case TokenKind::integer:
      stream_.advance();
      return stream_.make(Literal{token.integer}, token.line);
    case TokenKind::floating:
      stream_.advance();
      return stream_.make(Literal{token.floating}, token.line);
    default:
      if (stream_.at_symbol("(")) return parse_parentheses();
      if (stream_.at_symbol("[")) return parse_list();
      if (stream_.at_symbol("{")) return parse_dict();
      return stream_.unexpected_token("an expression");
  }
}

Parsed<ExpressionRef> ExpressionParser::parse_name() {
  const Token& token = stream_.current();
  stream_.advance();
  const std::string_view name = token.text;
  if (name == "true" || name == "True") return stream_.make(Literal{true}, token.line);
  if (name == "false" || name == "False") return stream_.make(Literal{false}, token.line);
  if (name == "none" || name == "None") return stream_.make(Literal{None{}}, token.line);
  if (name == "varargs" || name == "kwargs") mentioned_.insert(name);
  return stream_.make(Name{name}, token.line);
}

// Strings that follow each other are one.
Parsed<ExpressionRef> ExpressionParser::parse_string() {
  const Token& first = stream_.current();
  stream_.advance();
  if (!stream_.at(TokenKind::string)) return stream_.make(Literal{first.text}, first.line);
  std::string text(first.text);
  for (; stream_.at(TokenKind::string); stream_.advance()) text += stream_.current().text;
  return stream_.make(Literal{stream_.keep(std::move(text))}, first.line);
}

Parsed<ExpressionRef> ExpressionParser::parse_parentheses() {
  const int line = stream_.line();
  stream_.advance();
  if (stream_.skip_symbol(")")) return stream_.make(SequenceLiteral{{}, true}, line);
  WATTLE_TRY(const ExpressionRef value, parse_tuple());
  WATTLE_CHECK(stream_.expect_symbol(")"));
  return value;
}

Parsed<ExpressionRef> ExpressionParser::parse_list() {
  const int line = stream_.line();
  stream_.advance();
  SequenceLiteral list;
  while (!stream_.at_symbol("]")) {
    WATTLE_TRY(const ExpressionRef item, parse());
    list.items.push_back(item);
    if (!stream_.skip_symbol(",")) break;
  }
  WATTLE_CHECK(stream_.expect_symbol("]"));
  return stream_.make(std::move(list), line);
}

Parsed<ExpressionRef> ExpressionParser::parse_dict() {
  const int line = stream_.line();
  stream_.advance();
  DictLiteral dict;
  while (!stream_.at_symbol("}")) {
    WATTLE_TRY(const ExpressionRef key, parse());
    WATTLE_CHECK(stream_.expect_symbol(":"));
    WATTLE_TRY(const ExpressionRef value, parse());
    dict.entries.emplace_back(key, value);
    if (!stream_.skip_symbol(",")) break;
  }
  WATTLE_CHECK(stream_.expect_symbol("}"));
  return stream_.make(std::move(dict), line);
}

Parsed<ExpressionRef> ExpressionParser::parse_postfix(ExpressionRef object) {
  while (true) {
    if (stream_.at_symbol(".")) {
      WATTLE_TRY(object, parse_member(object));
    } else if (stream_.at_symbol("[")) {
      WATTLE_TRY(object, parse_subscript(object));
    } else if (stream_.at_symbol("(")) {
      WATTLE_TRY(object, parse_call(object));
    } else {
      return object;
    }
  }
}

Parsed<ExpressionRef> ExpressionParser::parse_filters_and_tests(ExpressionRef input) {
  while (true) {
    const int line = stream_.line();
    if (stream_.skip_symbol("|")) {
      WATTLE_TRY(auto filter, parse_filter());
      input = stream_.make(Filter{input, std::move(filter)}, line);
    } else if (stream_.at_name("is")) {
      WATTLE_TRY(input, parse_test(input));
    } else if (stream_.at_symbol("(")) {
      WATTLE_TRY(input, parse_call(input));
    } else {
      return input;
    }
  }
}

Parsed<ExpressionRef> ExpressionParser::parse_member(ExpressionRef object) {
  const int line = stream_.line();
  stream_.advance();
  const Token& token = stream_.current();
  if (token.kind != TokenKind::name && token.kind != TokenKind::integer) {
    return stream_.unexpected_token("a name or a number behind '.'");
  }
  stream_.advance();
  if (token.kind == TokenKind::name) return stream_.make(Attribute{object, token.text}, line);
  const ExpressionRef index = stream_.make(Literal{token.integer}, token.line);
  return stream_.make(Subscript{object, index}, line);
}

Parsed<ExpressionRef> ExpressionParser::parse_subscript(ExpressionRef object) {
  const int line = stream_.line();
  stream_.advance();
  std::array<ExpressionRef, 3> bounds{};
  std::size_t n_colons = 0;
  while (!stream_.at_symbol("]")) {
    if (stream_.skip_symbol(":")) {
      if (++n_colons == bounds.size()) return stream_.error("a slice has three parts at most");
    } else if (bounds[n_colons] == nullptr) {
      WATTLE_TRY(bounds[n_colons], parse());
    } else {
      return stream_.unexpected_token("']'");
    }
  }
  stream_.advance();
  if (n_colons > 0) return stream_.make(Slice{object, bounds[0], bounds[1], bounds[2]}, line);
  if (bounds[0] == nullptr) return stream_.error("a subscript is empty");
  return stream_.make(Subscript{object, bounds[0]}, line);
}

Parsed<ExpressionRef> ExpressionParser::parse_call(ExpressionRef callee) {
  const int line = stream_.line();
  WATTLE_TRY(auto arguments, parse_arguments());
  return stream_.make(Call{callee, std::move(arguments)}, line);
}

Parsed<ArgumentList> ExpressionParser::parse_arguments() {
  WATTLE_CHECK(stream_.expect_symbol("("));
  ArgumentList arguments;
  while (!stream_.at_symbol(")")) {
    if (stream_.at_symbol("*") || stream_.at_symbol("**")) {
      return stream_.error("arguments from a list or dict (*args, **kwargs) are not covered",
                           ErrorCode::unsupported);
    }
    if (stream_.at(TokenKind::name) && TokenStream::is(stream_.next(), TokenKind::symbol, "=")) {
      const std::string_view name = stream_.current().text;
      stream_.advance();
      stream_.advance();
      WATTLE_TRY(const ExpressionRef value, parse());
      arguments.named.emplace_back(name, value);
    } else {
      if (!arguments.named.empty()) {
        return stream_.error("an argument without a name follows one with a name");
      }
      WATTLE_TRY(const ExpressionRef value, parse());
      arguments.positional.push_back(value);
    }
    if (!stream_.skip_symbol(",")) break;
  }
  WATTLE_CHECK(stream_.expect_symbol(")"));
  return arguments;
}

Parsed<NamedCall> ExpressionParser::parse_filter() {
  const int line = stream_.line();
  WATTLE_TRY(const auto name, stream_.expect_any_name("the name of a filter"));
  NamedCall filter{name, find_filter(name), {}, line};
  if (stream_.at_symbol("(")) {
    WATTLE_TRY(filter.arguments, parse_arguments());
  }
  return filter;
}

Parsed<ExpressionRef> ExpressionParser::parse_test(ExpressionRef input) {
  const int line = stream_.line();
  stream_.advance();
  const bool negated = stream_.skip_name("not");
  WATTLE_TRY(const auto name, stream_.expect_any_name("the name of a test"));
  NamedCall test{name, find_test(name), {}, line};
  const Token& token = stream_.current();
  const bool is_operand = (token.kind == TokenKind::name && token.text != "else" &&
                           token.text != "or" && token.text != "and") ||
                          token.kind == TokenKind::string || token.kind == TokenKind::integer ||
                          token.kind == TokenKind::floating || stream_.at_symbol("[") ||
                          stream_.at_symbol("{");
  if (stream_.at_symbol("(")) {
    WATTLE_TRY(test.arguments, parse_arguments());
  } else if (is_operand) {
    if (stream_.at_name("is")) return stream_.error("tests cannot be chained with 'is'");
    WATTLE_TRY(const ExpressionRef operand, parse_primary());
    WATTLE_TRY(const ExpressionRef argument, parse_postfix(operand));
    test.arguments.positional.push_back(argument);
  }
  const ExpressionRef result = stream_.make(Test{input, std::move(test)}, line);
  return negated ? stream_.make(Not{result}, line) : result;
}

}  // namespace wattle::engine::jinja
