#pragma once
// What both halves of the parser (expressions, statements) work on: the tokens and the tree.

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/template/ast.hpp"
#include "engine/template/lexer.hpp"

namespace wattle::engine::jinja {

class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, Tree& tree) : tokens_(std::move(tokens)), tree_(tree) {}

  [[nodiscard]] const Token& current() const { return tokens_[at_]; }
  // The one behind; the last token follows itself.
  [[nodiscard]] const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void advance() { at_ = std::min(at_ + 1, tokens_.size() - 1); }
  [[nodiscard]] int line() const { return current().line; }

  [[nodiscard]] bool at(TokenKind kind) const { return current().kind == kind; }
  [[nodiscard]] bool at_symbol(std::string_view symbol) const {
    return is(current(), TokenKind::symbol, symbol);
  }
  [[nodiscard]] bool at_name(std::string_view name) const {
    return is(current(), TokenKind::name, name);
  }
  [[nodiscard]] static bool is(const Token& token, TokenKind kind, std::string_view text) {
    return token.kind == kind && token.text == text;
  }
  bool skip_symbol(std::string_view symbol) {
    const bool found = at_symbol(symbol);
    if (found) advance();
    return found;
  }
  bool skip_name(std::string_view name) {
    const bool found = at_name(name);
    if (found) advance();
    return found;
  }
  [[nodiscard]] Parsed<void> expect_symbol(std::string_view symbol) {
    if (skip_symbol(symbol)) return {};
    return unexpected_token(fmt::format("'{}'", symbol));
  }
  [[nodiscard]] Parsed<void> expect(TokenKind kind, std::string_view what) {
    if (!at(kind)) return unexpected_token(what);
    advance();
    return {};
  }
  [[nodiscard]] Parsed<std::string_view> expect_any_name(std::string_view what) {
    if (!at(TokenKind::name)) return unexpected_token(what);
    const std::string_view name = current().text;
    advance();
    return name;
  }

  [[nodiscard]] std::unexpected<SyntaxError> error(
      std::string what, ErrorCode code = ErrorCode::invalid_format) const {
    return std::unexpected(SyntaxError{line(), std::move(what), code});
  }
  [[nodiscard]] std::unexpected<SyntaxError> unexpected_token(std::string_view wanted) const {
    return error(fmt::format("expected {}, found {}", wanted, describe(current())));
  }

  template <class Node>
  [[nodiscard]] ExpressionRef make(Node node, int line) {
    return &tree_.expressions.emplace_back(Expression{std::move(node), line});
  }
  template <class Node>
  [[nodiscard]] const Statement* make_statement(Node node, int line) {
    return &tree_.statements.emplace_back(Statement{std::move(node), line});
  }
  [[nodiscard]] std::string_view keep(std::string text) {
    return tree_.texts.emplace_back(std::move(text));
  }

  // One level deeper for as long as it lives.
  class Level {
   public:
    explicit Level(TokenStream& stream) : stream_(stream) { ++stream_.depth_; }
    ~Level() { --stream_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    [[nodiscard]] Parsed<void> check() const {
      if (stream_.depth_ <= kDeepest) return {};
      return stream_.error(
          fmt::format("blocks and brackets are nested more than {} deep", kDeepest),
          ErrorCode::resource_exhausted);
    }

   private:
    static constexpr std::size_t kDeepest = 100;
    TokenStream& stream_;
  };

 private:
  [[nodiscard]] static std::string describe(const Token& token) {
    switch (token.kind) {
      case TokenKind::end:
        return "the end of the template";
      case TokenKind::print_end:
        return "'}}'";
      case TokenKind::block_end:
        return "'%}'";
      case TokenKind::string:
        return "a string";
      default:
        return fmt::format("'{}'", token.text);
    }
  }

  std::vector<Token> tokens_;
  Tree& tree_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace wattle::engine::jinja
