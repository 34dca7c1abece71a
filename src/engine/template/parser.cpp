#include "engine/template/parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/template/expression_parser.hpp"

namespace wattle::engine::jinja {
namespace {

using Conditionals = ExpressionParser::Conditionals;
using EndNames = std::initializer_list<std::string_view>;

// Jinja's, or an extension's that Hugging Face does not load.
constexpr std::array<std::string_view, 11> kNotCovered = {"autoescape", "block",   "call", "debug",
                                                          "do",         "extends", "from", "import",
                                                          "include",    "print",   "trans"};

class StatementParser {
 public:
  explicit StatementParser(TokenStream& stream) : stream_(stream), expressions_(stream) {}

  // Statements up to the tag that one of `ends` begins, which becomes the current token; without
  // `ends` up to the end of the template.
  Parsed<Body> parse_body(EndNames ends) {
    const TokenStream::Level level(stream_);
    WATTLE_CHECK(level.check());
    Body body;
    while (true) {
      const Token& token = stream_.current();
      if (token.kind == TokenKind::end) {
        if (ends.size() == 0) return body;
        return stream_.error(fmt::format("the template ends before '{}'", *(ends.end() - 1)));
      }
      stream_.advance();
      if (token.kind == TokenKind::text) {
        body.push_back(stream_.make_statement(Text{token.text}, token.line));
      } else if (token.kind == TokenKind::print_begin) {
        WATTLE_TRY(const ExpressionRef value, expressions_.parse_tuple());
        WATTLE_CHECK(stream_.expect(TokenKind::print_end, "'}}'"));
        body.push_back(stream_.make_statement(Print{value}, token.line));
      } else {
        const bool at_end =
            std::ranges::any_of(ends, [&](std::string_view name) { return stream_.at_name(name); });
        if (at_end) return body;
        WATTLE_TRY(const Statement* statement, parse_statement());
        WATTLE_CHECK(stream_.expect(TokenKind::block_end, "'%}'"));
        body.push_back(statement);
      }
    }
  }

 private:
  Parsed<const Statement*> parse_statement() {
    if (stream_.at_name("if")) return parse_if();
    if (stream_.at_name("for")) return parse_for();
    if (stream_.at_name("set")) return parse_set();
    if (stream_.at_name("macro")) return parse_macro();
    if (stream_.at_name("filter")) return parse_filter_block();
    if (stream_.at_name("with")) return parse_with();
    if (stream_.at_name("generation")) return parse_generation();
    if (stream_.at_name("break") || stream_.at_name("continue")) return parse_jump();
    if (!stream_.at(TokenKind::name)) return stream_.unexpected_token("the name of a tag");
    const std::string_view name = stream_.current().text;
    if (std::ranges::find(kNotCovered, name) != kNotCovered.end()) {
      return stream_.error(fmt::format("the tag '{}' is not covered", name),
                           ErrorCode::unsupported);
    }
    return stream_.error(name.starts_with("end") || name == "else" || name == "elif"
                             ? fmt::format("unexpected '{}'", name)
                             : fmt::format("unknown tag '{}'", name));
  }

  // Behind the head of a block: its body, up to one of `ends`.
  Parsed<Body> parse_block(EndNames ends) {
    stream_.skip_symbol(":");
    WATTLE_CHECK(stream_.expect(TokenKind::block_end, "'%}'"));
    return parse_body(ends);
  }
  Parsed<Body> parse_last_block(std::string_view end) {
    WATTLE_TRY(auto body, parse_block({end}));
    stream_.advance();
    return body;
  }

  Parsed<const Statement*> parse_if() {
    const int line = stream_.line();
    If node;
    do {
      stream_.advance();
      WATTLE_TRY(const ExpressionRef condition,
                 expressions_.parse_tuple(Conditionals::not_allowed));
      WATTLE_TRY(auto body, parse_block({"elif", "else", "endif"}));
      node.branches.emplace_back(condition, std::move(body));
    } while (stream_.at_name("elif"));
    if (stream_.skip_name("else")) {
      WATTLE_TRY(node.otherwise, parse_last_block("endif"));
    } else {
      stream_.advance();
    }
    return stream_.make_statement(std::move(node), line);
  }

  Parsed<const Statement*> parse_for() {
    const int line = stream_.line();
    stream_.advance();
    For node{};
    WATTLE_TRY(node.target, parse_target("in", false));
    if (!stream_.skip_name("in")) return stream_.unexpected_token("'in'");
    WATTLE_TRY(node.iterable, expressions_.parse_tuple(Conditionals::not_allowed, "recursive"));
    if (stream_.skip_name("if")) {
      WATTLE_TRY(node.condition, expressions_.parse());
    }
    if (stream_.at_name("recursive")) {
      return stream_.error("recursive loops are not covered", ErrorCode::unsupported);
    }
    const std::size_t n_macros = n_macros_;
    ++n_loops_;
    WATTLE_TRY(node.body, parse_block({"else", "endfor"}));
    --n_loops_;
    node.defines_macros = n_macros_ != n_macros;
    if (stream_.skip_name("else")) {
      WATTLE_TRY(node.otherwise, parse_last_block("endfor"));
    } else {
      stream_.advance();
    }
    return stream_.make_statement(std::move(node), line);
  }

  Parsed<const Statement*> parse_jump() {
    const int line = stream_.line();
    const bool breaks = stream_.at_name("break");
    if (n_loops_ == 0) {
      return stream_.error(fmt::format("'{}' outside of a loop", stream_.current().text));
    }
    stream_.advance();
    return breaks ? stream_.make_statement(Break{}, line)
                  : stream_.make_statement(Continue{}, line);
  }

  Parsed<const Statement*> parse_set() {
    const int line = stream_.line();
    stream_.advance();
    WATTLE_TRY(auto target, parse_target("=", true));
    if (stream_.skip_symbol("=")) {
      WATTLE_TRY(const ExpressionRef value, expressions_.parse_tuple());
      return stream_.make_statement(Set{std::move(target), value}, line);
    }
    SetBlock node{std::move(target), {}, {}};
    while (stream_.skip_symbol("|")) {
      WATTLE_TRY(auto filter, expressions_.parse_filter());
      node.filters.push_back(std::move(filter));
    }
    WATTLE_TRY(node.body, parse_outside_of_loops("endset"));
    return stream_.make_statement(std::move(node), line);
  }

  Parsed<const Statement*> parse_filter_block() {
    const int line = stream_.line();
    FilterBlock node;
    do {
      stream_.advance();
      WATTLE_TRY(auto filter, expressions_.parse_filter());
      node.filters.push_back(std::move(filter));
    } while (stream_.at_symbol("|"));
    WATTLE_TRY(node.body, parse_outside_of_loops("endfilter"));
    return stream_.make_statement(std::move(node), line);
  }

  Parsed<const Statement*> parse_with() {
    const int line = stream_.line();
    stream_.advance();
    With node;
    while (!stream_.at(TokenKind::block_end) && !stream_.at_symbol(":")) {
      if (!node.assignments.empty()) WATTLE_CHECK(stream_.expect_symbol(","));
      WATTLE_TRY(auto target, parse_target("=", false));
      WATTLE_CHECK(stream_.expect_symbol("="));
      WATTLE_TRY(const ExpressionRef value, expressions_.parse());
      node.assignments.emplace_back(std::move(target), value);
    }
    WATTLE_TRY(node.body, parse_last_block("endwith"));
    return stream_.make_statement(std::move(node), line);
  }

  // Hugging Face's mark around what the model says: for training; here it changes nothing.
  Parsed<const Statement*> parse_generation() {
    const int line = stream_.line();
    stream_.advance();
    With node;
    WATTLE_TRY(node.body, parse_outside_of_loops("endgeneration"));
    return stream_.make_statement(std::move(node), line);
  }

  Parsed<const Statement*> parse_macro() {
    const int line = stream_.line();
    stream_.advance();
    Macro node;
    WATTLE_TRY(node.name, stream_.expect_any_name("the name of a macro"));
    WATTLE_CHECK(stream_.expect_symbol("("));
    while (!stream_.at_symbol(")")) {
      WATTLE_TRY(const auto name, stream_.expect_any_name("the name of a parameter"));
      ExpressionRef otherwise = nullptr;
      if (stream_.skip_symbol("=")) {
        WATTLE_TRY(otherwise, expressions_.parse());
      } else if (!node.parameters.empty() && node.parameters.back().second != nullptr) {
        return stream_.error("a parameter without a default follows one with a default");
      }
      node.parameters.emplace_back(name, otherwise);
      if (!stream_.skip_symbol(",")) break;
    }
    WATTLE_CHECK(stream_.expect_symbol(")"));
    auto outside = expressions_.exchange_mentions({});
    WATTLE_TRY(node.body, parse_outside_of_loops("endmacro"));
    const auto inside = expressions_.exchange_mentions(std::move(outside));
    node.takes_more_positional = inside.contains("varargs");
    node.takes_more_named = inside.contains("kwargs");
    ++n_macros_;
    return stream_.make_statement(std::move(node), line);
  }

  // A block of its own, which no break or continue leaves.
  Parsed<Body> parse_outside_of_loops(std::string_view end) {
    const std::size_t n_loops = std::exchange(n_loops_, 0);
    WATTLE_TRY(auto body, parse_last_block(end));
    n_loops_ = n_loops;
    return body;
  }

  // One target or several separated by commas, up to `end`.
  Parsed<Target> parse_target(std::string_view end, bool with_attributes) {
    WATTLE_TRY(Target first, parse_one_target(with_attributes));
    if (!stream_.at_symbol(",")) return first;
    Target target{{}, {}, {std::move(first)}, true};
    while (stream_.skip_symbol(",")) {
      if (stream_.at_symbol(end) || stream_.at_name(end) || stream_.at_symbol(")")) break;
      WATTLE_TRY(Target part, parse_one_target(with_attributes));
      target.parts.push_back(std::move(part));
    }
    return target;
  }

  Parsed<Target> parse_one_target(bool with_attributes) {
    if (stream_.skip_symbol("(")) {
      const TokenStream::Level level(stream_);
      WATTLE_CHECK(level.check());
      WATTLE_TRY(Target target, parse_target(")", with_attributes));
      WATTLE_CHECK(stream_.expect_symbol(")"));
      return target;
    }
    Target target;
    WATTLE_TRY(target.name, stream_.expect_any_name("a name to assign to"));
    constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none",
                                                            "True", "False", "None"};
    if (std::ranges::find(kConstants, target.name) != kConstants.end()) {
      return stream_.error(fmt::format("cannot assign to '{}'", target.name));
    }
    if (with_attributes && stream_.skip_symbol(".")) {
      WATTLE_TRY(target.attribute, stream_.expect_any_name("the name of an attribute"));
    }
    return target;
  }

  TokenStream& stream_;
  ExpressionParser expressions_;
  std::size_t n_loops_ = 0;
  std::size_t n_macros_ = 0;
};

}  // namespace

Parsed<std::unique_ptr<const Tree>> parse_template(std::string_view text) {
  auto tree = std::make_unique<Tree>();
  tree->source = normalise_source(text);
  WATTLE_TRY(auto tokens, tokenise(tree->source, tree->texts));
  TokenStream stream(std::move(tokens), *tree);
  WATTLE_TRY(tree->body, StatementParser(stream).parse_body({}));
  return tree;
}

}  // namespace wattle::engine::jinja
