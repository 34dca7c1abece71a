#include "engine/template/lexer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "engine/template/number_text.hpp"
#include "engine/template/string_literal.hpp"
#include "engine/template/text.hpp"

namespace wattle::engine::jinja {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;
constexpr std::size_t kTagBytes = 2;  // "{{", "%}"

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool continues_name(char c) {
  return begins_name(c) || is_digit(c);
}

class Lexer {
 public:
  Lexer(std::string_view source, std::deque<std::string>& texts) : source_(source), texts_(texts) {}

  Parsed<std::vector<Token>> run() {
    while (!failed_ && at_ < source_.size()) outside();
    if (failed_) return std::unexpected(*failed_);
    add(TokenKind::end, {});
    return std::move(tokens_);
  }

 private:
  // The text up to the next tag, and the tag.
  void outside() {
    std::size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == kNowhere || tag + 1 >= source_.size()) {
        add_text(source_.substr(at_), '+', false);
        move_to(source_.size());
        return;
      }
      if (std::string_view("{%#").contains(source_[tag + 1])) break;
      ++tag;
    }
    const char kind = source_[tag + 1];
    const std::size_t inside = tag + kTagBytes;
    const char sign = sign_at(inside);
    add_text(source_.substr(at_, tag - at_), sign, kind != '{');
    move_to(tag);
    if (kind == '#') {
      comment(inside + (sign != 0 ? 1 : 0));
    } else if (const auto raw = kind == '%' ? raw_tag(inside, sign) : std::nullopt) {
      raw_block(*raw);
    } else {
      add(kind == '{' ? TokenKind::print_begin : TokenKind::block_begin, {});
      move_to(inside + (sign != 0 ? 1 : 0));
      inside_tag(kind == '{');
    }
  }

  // '-' or '+' behind the opening of a tag; 0 if there is none.
  [[nodiscard]] char sign_at(std::size_t at) const {
    const char c = at < source_.size() ? source_[at] : '\0';
    return c == '-' || c == '+' ? c : '\0';
  }

  // Text before a tag: '-' strips all white space at its end; otherwise a block or comment that
  // stands alone before it on its line loses its indentation.
  void add_text(std::string_view text, char sign, bool strips_indentation) {
    if (sign == '-') {
      text = strip(text, std::nullopt, Sides::right);
    } else if (sign != '+' && strips_indentation) {
      const std::size_t line_break = text.rfind('\n');
      const bool at_line_start = line_break != kNowhere || at_ == 0 || source_[at_ - 1] == '\n';
      const std::size_t line = line_break == kNowhere ? 0 : line_break + 1;
      if (at_line_start && strip(text.substr(line), std::nullopt, Sides::left).empty()) {
        text = text.substr(0, line);
      }
    }
    if (!text.empty()) add(TokenKind::text, text);
  }

  void comment(std::size_t content) {
    const std::size_t end = source_.find("#}", content);
    if (end == kNowhere) return fail_here("a comment is not closed with #}");
    const char sign = end > content ? sign_at(end - 1) : '\0';
    leave_tag(end + kTagBytes, sign, true);
  }

  // Behind the end of a tag: '-' drops white space, otherwise one line break goes (trim_blocks).
  void leave_tag(std::size_t behind, char sign, bool trims_line_break) {
    if (sign == '-') {
      const std::string_view rest = source_.substr(behind);
      behind += rest.size() - strip(rest, std::nullopt, Sides::left).size();
    } else if (sign != '+' && trims_line_break && behind < source_.size() &&
               source_[behind] == '\n') {
      ++behind;
    }
    move_to(behind);
  }

  // If `word` stands at `at` between white space and the end of the block: where that end is.
  [[nodiscard]] std::optional<std::size_t> lone_word(std::size_t at, std::string_view word) const {
    at = skip_space(at);
    if (!source_.substr(at).starts_with(word)) return std::nullopt;
    at = skip_space(at + word.size());
    const std::size_t end = at + (sign_at(at) != 0 ? 1 : 0);
    return source_.substr(end).starts_with("%}") ? std::optional(at) : std::nullopt;
  }

  [[nodiscard]] std::size_t skip_space(std::size_t at) const {
    while (at < source_.size()) {
      const std::size_t bytes = character_bytes(source_.substr(at));
      if (!is_space(code_point(source_.substr(at, bytes)))) break;
      at += bytes;
    }
    return at;
  }

  // {% raw %}: where its closing sign or "%}" is.
  [[nodiscard]] std::optional<std::size_t> raw_tag(std::size_t inside, char sign) const {
    const auto end = lone_word(inside + (sign != 0 ? 1 : 0), "raw");
    return end && source_[*end] != '+' ? end : std::nullopt;
  }

  void raw_block(std::size_t end) {
    const char begin_sign = sign_at(end);
    leave_tag(end + (begin_sign != 0 ? 1 : 0) + kTagBytes, begin_sign, false);
    for (std::size_t tag = source_.find("{%", at_); tag != kNowhere;
         tag = source_.find("{%", tag + 1)) {
      const char sign = sign_at(tag + kTagBytes);
      const auto close = lone_word(tag + kTagBytes + (sign != 0 ? 1 : 0), "endraw");
      if (!close) continue;
      add_text(source_.substr(at_, tag - at_), sign, true);
      move_to(tag);
      const char end_sign = sign_at(*close);
      leave_tag(*close + (end_sign != 0 ? 1 : 0) + kTagBytes, end_sign, true);
      return;
    }
    fail_here("a raw block is not closed with {% endraw %}");
  }

  // Tokens up to the end of the tag, which is not one inside brackets.
  void inside_tag(bool prints) {
    const std::string_view end = prints ? "}}" : "%}";
    const int first_line = line_;
    brackets_.clear();
    while (!failed_) {
      move_to(skip_space(at_));
      if (at_ >= source_.size()) {
        failed_ = SyntaxError{first_line, fmt::format("a tag is not closed with {}", end)};
        return;
      }
      const std::string_view rest = source_.substr(at_);
      // Only blocks know the closing "+".
      const char sign = rest[0] == '-' || (rest[0] == '+' && !prints) ? rest[0] : '\0';
      const std::size_t n_sign = sign != 0 ? 1 : 0;
      if (brackets_.empty() && rest.substr(n_sign).starts_with(end)) {
        add(prints ? TokenKind::print_end : TokenKind::block_end, {});
        return leave_tag(at_ + n_sign + kTagBytes, sign, !prints);
      }
      token();
    }
  }

  void token() {
    const char c = source_[at_];
    if (is_digit(c)) {
      number();
    } else if (begins_name(c)) {
      std::size_t end = at_;
      while (end < source_.size() && continues_name(source_[end])) ++end;
      add_until(TokenKind::name, end);
    } else if (c == '\'' || c == '"') {
      string(c);
    } else {
      symbol();
    }
  }

  void string(char quote) {
    std::size_t end = at_ + 1;
    bool has_escapes = false;
    while (end < source_.size() && source_[end] != quote) {
      has_escapes = has_escapes || source_[end] == '\\';
      end += source_[end] == '\\' ? 2 : 1;
    }
    if (end >= source_.size()) return fail_here("a string is not closed");
    std::string_view content = source_.substr(at_ + 1, end - at_ - 1);
    if (has_escapes) {
      auto resolved = resolve_escapes(content);
      if (!resolved) return fail_here(resolved.error());
      content = texts_.emplace_back(std::move(*resolved));
    }
    add(TokenKind::string, content);
    move_to(end + 1);
  }

  [[nodiscard]] std::size_t skip_digits(std::size_t at) const {
    while (at < source_.size() &&
           (is_digit(source_[at]) ||
            (source_[at] == '_' && at + 1 < source_.size() && is_digit(source_[at + 1])))) {
      ++at;
    }
    return at;
  }

  // Where the fraction and exponent of a float end; `at` itself if there are none.
  [[nodiscard]] std::size_t skip_fraction(std::size_t at) const {
    const auto digit_at = [&](std::size_t i) { return i < source_.size() && is_digit(source_[i]); };
    if (source_.substr(at).starts_with('.') && digit_at(at + 1)) at = skip_digits(at + 1);
    const std::string_view rest = source_.substr(at);
    if (rest.starts_with('e') || rest.starts_with('E')) {
      const std::size_t digits = at + (sign_at(at + 1) != 0 ? 2 : 1);
      if (digit_at(digits)) at = skip_digits(digits);
    }
    return at;
  }

  void number() {
    if (const int base = base_at(at_); base != 10) return based_number(base);
    const std::size_t whole = skip_digits(at_);
    // "a.0.5" are two indices, not a fraction.
    const bool behind_dot = at_ > 0 && source_[at_ - 1] == '.';
    const std::size_t end = behind_dot ? whole : skip_fraction(whole);
    const std::string_view text = source_.substr(at_, end - at_);
    Token token{end > whole ? TokenKind::floating : TokenKind::integer, line_, text, 0, 0};
    if (end > whole) {
      token.floating = parse_float(text).value_or(0);
    } else {
      const auto integer = parse_integer(text);
      if (!integer) return fail_here(fmt::format("the integer {} has more than 64 bits", text));
      token.integer = *integer;
    }
    tokens_.push_back(token);
    move_to(end);
  }

  [[nodiscard]] int base_at(std::size_t at) const {
    if (source_[at] != '0' || at + 1 >= source_.size()) return 10;
    switch (source_[at + 1] | 0x20) {
      case 'x':
        return 16;
      case 'o':
        return 8;
      case 'b':
        return 2;
      default:
        return 10;
    }
  }

  void based_number(int base) {
    std::size_t end = at_ + 2;
    while (end < source_.size() && continues_name(source_[end])) ++end;
    const std::string_view text = source_.substr(at_, end - at_);
    const auto integer = parse_integer(text, base);
    if (!integer) return fail_here(fmt::format("'{}' is not a number", text));
    tokens_.push_back(Token{TokenKind::integer, line_, text, *integer, 0});
    move_to(end);
  }

  void symbol() {
    constexpr std::array<std::string_view, 6> kPairs = {"//", "**", "==", "!=", "<=", ">="};
    const std::string_view rest = source_.substr(at_);
    const auto* pair = std::ranges::find(kPairs, rest.substr(0, 2));
    if (pair != kPairs.end()) return add_until(TokenKind::symbol, at_ + 2);
    const char c = rest[0];
    if (!std::string_view("+-/*%~[](){}<>=.:|,;").contains(c)) {
      return fail_here(fmt::format("unexpected character '{}'", c));
    }
    if (const auto open = std::string_view("([{").find(c); open != kNowhere) {
      brackets_ += ")]}"[open];
    } else if (std::string_view(")]}").contains(c)) {
      if (brackets_.empty()) return fail_here(fmt::format("unexpected '{}'", c));
      if (brackets_.back() != c) {
        return fail_here(fmt::format("unexpected '{}', expected '{}'", c, brackets_.back()));
      }
      brackets_.pop_back();
    }
    add_until(TokenKind::symbol, at_ + 1);
  }

  void add(TokenKind kind, std::string_view text) {
    tokens_.push_back(Token{kind, line_, text, 0, 0});
  }
  void add_until(TokenKind kind, std::size_t end) {
    add(kind, source_.substr(at_, end - at_));
    move_to(end);
  }
  void move_to(std::size_t at) {
    line_ += static_cast<int>(std::ranges::count(source_.substr(at_, at - at_), '\n'));
    at_ = at;
  }
  void fail_here(std::string what) { failed_ = SyntaxError{line_, std::move(what)}; }

  std::string_view source_;
  std::deque<std::string>& texts_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::string brackets_;  // closing ones that are expected
  std::optional<SyntaxError> failed_;
};

}  // namespace

std::string normalise_source(std::string_view text) {
  std::string source;
  source.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      source += text[i];
    } else if (i + 1 >= text.size() || text[i + 1] != '\n') {
      source += '\n';
    }
  }
  if (source.ends_with('\n')) source.pop_back();
  return source;
}

Parsed<std::vector<Token>> tokenise(std::string_view source, std::deque<std::string>& texts) {
  return Lexer(source, texts).run();
}

}  // namespace wattle::engine::jinja
