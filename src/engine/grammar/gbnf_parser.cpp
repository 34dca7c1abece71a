#include "engine/grammar/gbnf_parser.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "engine/grammar/automaton.hpp"
#include "engine/grammar/text_reader.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::grammar {
namespace {

bool is_name_character(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

class GbnfParser {
 public:
  GbnfParser(std::string_view text, const std::string& source) : reader_(text), source_(source) {}

  Result<ParsedGrammar> parse() {
    for (skip_space(true); reader_.peek() != TextReader::kEnd; skip_space(true)) {
      WATTLE_CHECK(rule());
    }
    const auto root = names_.find("root");
    if (root == names_.end() || !root->second.defined) {
      return fail(ErrorCode::invalid_format, fmt::format("{} has no rule 'root'", source_),
                  "Name the rule for the whole text root, for example: root ::= \"yes\" | \"no\".");
    }
    const Name* undefined = nullptr;
    std::string undefined_name;
    for (const auto& [name, entry] : names_) {
      if (entry.defined) continue;
      if (undefined != nullptr && undefined->first_use.offset < entry.first_use.offset) continue;
      undefined = &entry;
      undefined_name = name;
    }
    if (undefined != nullptr) {
      return error(undefined->first_use, fmt::format("rule '{}' is not defined", undefined_name),
                   fmt::format("Add a line  {} ::= …", undefined_name));
    }
    return ParsedGrammar{std::move(rules_), root->second.id};
  }

 private:
  struct Name {
    RuleId id = 0;
    bool defined = false;
    TextPlace first_use;
  };

  [[nodiscard]] std::unexpected<Error> error(const TextPlace& place, const std::string& what,
                                             std::string remedy) const {
    return fail(ErrorCode::invalid_format, fmt::format("{}, {}: {}", source_, place.text(), what),
                std::move(remedy));
  }
  [[nodiscard]] std::unexpected<Error> error_here(const std::string& what,
                                                  std::string remedy) const {
    return error(reader_.place(), what, std::move(remedy));
  }

  // Comments count as space. A line's end is left where it ends a rule.
  void skip_space(bool over_lines) {
    for (;;) {
      const char32_t c = reader_.peek();
      if (c == '#') {
        while (reader_.peek() != '\n' && reader_.peek() != TextReader::kEnd) reader_.next();
      } else if (c == ' ' || c == '\t' || (over_lines && (c == '\n' || c == '\r'))) {
        reader_.next();
      } else {
        return;
      }
    }
  }

  Result<std::string> name() {
    const TextPlace begin = reader_.place();
    while (is_name_character(reader_.peek())) reader_.next();
    if (reader_.place().offset == begin.offset) {
      return error_here(
          fmt::format("the name of a rule is expected, not {}", reader_.describe_next()),
          "Names are letters, digits, '-' and '_'.");
    }
    return std::string(reader_.since(begin));
  }

  RuleId rule_named(const std::string& rule_name, const TextPlace& place) {
    const auto [found, is_new] = names_.try_emplace(rule_name);
    if (is_new) {
      found->second.id = rules_.add_rule(rule_name, "");
      found->second.first_use = place;
    }
    return found->second.id;
  }

  Status rule() {
    const TextPlace begin = reader_.place();
    WATTLE_TRY(const std::string rule_name, name());
    skip_space(false);
    if (!reader_.take("::=")) {
      return error_here(
          fmt::format("'::=' is expected after '{}', not {}", rule_name, reader_.describe_next()),
          "A rule is  name ::= what it matches.");
    }
    const RuleId id = rule_named(rule_name, begin);
    if (names_[rule_name].defined) {
      return error(begin, fmt::format("rule '{}' is defined a second time", rule_name),
                   "Join both with '|', or rename one.");
    }
    names_[rule_name].defined = true;
    skip_space(true);
    WATTLE_TRY(const ExpressionId body, choice(0));
    rules_.set_place(id, begin.text());
    rules_.set_body(id, body);
    if (reader_.peek() == '\n' || reader_.peek() == '\r' || reader_.peek() == TextReader::kEnd) {
      return {};
    }
    return error_here(fmt::format("{} was not expected here", reader_.describe_next()),
                      reader_.peek() == ')' ? "There is no open '(' for it."
                                            : "Characters of the text stand in quotes: \"x\".");
  }

  Result<ExpressionId> choice(int depth) {
    if (depth > kMaxGroupDepth) {
      return error_here(fmt::format("more than {} groups inside each other", kMaxGroupDepth),
                        "Give the inner ones rules of their own.");
    }
    std::vector<ExpressionId> alternatives;
    for (;;) {
      WATTLE_TRY(const ExpressionId alternative, sequence(depth));
      alternatives.push_back(alternative);
      if (!next_alternative(depth)) break;
      skip_space(true);
    }
    return alternatives.size() == 1 ? alternatives.front() : rules_.choice(alternatives);
  }

  // A '|' may also begin one of the next lines.
  bool next_alternative(int depth) {
    const TextReader here = reader_;
    skip_space(true);
    if (reader_.take("|")) return true;
    if (depth == 0) reader_ = here;
    return false;
  }

  Result<ExpressionId> sequence(int depth) {
    std::vector<ExpressionId> parts;
    for (;;) {
      skip_space(depth > 0);
      if (rules_.n_expressions() > kMaxExpressions) {
        return fail(ErrorCode::resource_exhausted,
                    fmt::format("{}, {}: more than {} elements", source_, reader_.place().text(),
                                kMaxExpressions),
                    "Make the grammar smaller.");
      }
      WATTLE_TRY(const std::optional<ExpressionId> part, element(depth));
      if (!part) break;
      WATTLE_TRY(const ExpressionId repeated, repetitions(*part));
      parts.push_back(repeated);
    }
    return parts.size() == 1 ? parts.front() : rules_.sequence(parts);
  }

  // None: the sequence is over.
  Result<std::optional<ExpressionId>> element(int depth) {
    const char32_t c = reader_.peek();
    if (c == '"') {
      WATTLE_TRY(const ExpressionId text, literal());
      return text;
    }
    if (c == '[') {
      WATTLE_TRY(const ExpressionId set, character_class());
      return set;
    }
    if (c == '.') {
      reader_.next();
      return rules_.characters({{0, kLastCharacter}});
    }
    if (c == '(') return group(depth);
    if (c == '<') {
      return error_here("tokens in <> are not supported",
                        "Write the token's text in quotes; control tokens cannot be produced.");
    }
    if (c == '*' || c == '+' || c == '?' || c == '{') {
      return error_here(fmt::format("{} repeats nothing", reader_.describe_next()),
                        "It stands behind what it repeats.");
    }
    if (!is_name_character(c)) return std::nullopt;
    const TextPlace begin = reader_.place();
    WATTLE_TRY(const std::string called, name());
    // At the beginning of a line this would be the next rule.
    const TextReader behind = reader_;
    skip_space(false);
    if (reader_.at("::=")) {
      return error(begin, fmt::format("rule '{}' begins inside of another", called),
                   "Begin it on a new line, and close every '(' before.");
    }
    reader_ = behind;
    return rules_.reference(rule_named(called, begin));
  }

  Result<std::optional<ExpressionId>> group(int depth) {
    const TextPlace begin = reader_.place();
    reader_.next();
    skip_space(true);
    WATTLE_TRY(const ExpressionId inner, choice(depth + 1));
    skip_space(true);
    if (reader_.take(")")) return inner;
    if (reader_.peek() == TextReader::kEnd) {
      return error(begin, "this '(' is not closed", "Add a ')'.");
    }
    return error_here(fmt::format("{} was not expected in a group", reader_.describe_next()),
                      fmt::format("The group begins at {}; close it with ')'.", begin.text()));
  }

  Result<ExpressionId> literal() {
    const TextPlace begin = reader_.place();
    reader_.next();
    std::string text;
    while (reader_.peek() != '"') {
      if (reader_.peek() == TextReader::kEnd || reader_.peek() == '\n') {
        return error(begin, "this '\"' is not closed", "Add a '\"'; a line break is \\n.");
      }
      WATTLE_TRY(const char32_t character, this->character());
      append_utf8(static_cast<std::uint32_t>(character), text);
    }
    reader_.next();
    return rules_.literal(std::move(text));
  }

  Result<ExpressionId> character_class() {
    const TextPlace begin = reader_.place();
    reader_.next();
    const bool negated = reader_.take("^");
    CharacterSet set;
    while (reader_.peek() != ']') {
      if (reader_.peek() == TextReader::kEnd || reader_.peek() == '\n') {
        return error(begin, "this '[' is not closed", "Add a ']'; a line break is \\n.");
      }
      const TextPlace place = reader_.place();
      WATTLE_TRY(const char32_t low, character());
      char32_t high = low;
      if (reader_.peek() == '-' && reader_.peek_second() != ']') {
        reader_.next();
        WATTLE_TRY(high, character());
      }
      if (low > high) {
        return error(place, "this range ends before it begins", "Write the smaller one first.");
      }
      set.push_back({low, high});
    }
    reader_.next();
    if (set.empty() && !negated) {
      return error(begin, "[] matches nothing", "Name characters between the brackets.");
    }
    set = normalized(std::move(set));
    return rules_.characters(negated ? complement(set) : std::move(set));
  }

  // One character of a literal or a class, perhaps escaped.
  Result<char32_t> character() {
    const TextPlace begin = reader_.place();
    const char32_t c = reader_.next();
    if (c != '\\') return c;
    const char32_t escape = reader_.next();
    switch (escape) {
      case 'n':
        return U'\n';
      case 't':
        return U'\t';
      case 'r':
        return U'\r';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return escape;
      case 'x':
      case 'u':
      case 'U': {
        const auto value = read_hex(reader_, escape == 'x' ? 2 : escape == 'u' ? 4 : 8);
        if (!value) return error(begin, value.error().what, "\\xHH, \\uHHHH or \\UHHHHHHHH.");
        return *value;
      }
      default:
        return error(begin, "this escape is not known",
                     "Known are \\n \\t \\r \\\\ \\\" \\[ \\] \\- \\^ \\xHH \\uHHHH \\UHHHHHHHH.");
    }
  }

  Result<ExpressionId> repetitions(ExpressionId body) {
    for (;;) {
      if (reader_.take("*")) {
        body = rules_.repeat(body, 0, kUnbounded);
      } else if (reader_.take("+")) {
        body = rules_.repeat(body, 1, kUnbounded);
      } else if (reader_.take("?")) {
        body = rules_.repeat(body, 0, 1);
      } else if (reader_.peek() == '{') {
        WATTLE_TRY(body, counted(body));
      } else {
        return body;
      }
    }
  }

  // {m}, {m,}, {m,n}
  Result<ExpressionId> counted(ExpressionId body) {
    const TextPlace begin = reader_.place();
    reader_.next();
    WATTLE_TRY(const std::uint32_t min, count());
    std::uint32_t max = min;
    skip_space(false);
    if (reader_.take(",")) {
      skip_space(false);
      max = kUnbounded;
      if (reader_.peek() != '}') {
        WATTLE_TRY(max, count());
      }
      skip_space(false);
    }
    if (!reader_.take("}")) {
      return error_here(fmt::format("'}}' is expected, not {}", reader_.describe_next()),
                        "Write {m}, {m,} or {m,n}.");
    }
    if (min > max) {
      return error(begin, fmt::format("at least {} and at most {} is never", min, max),
                   "Write the smaller number first.");
    }
    return rules_.repeat(body, min, max);
  }

  Result<std::uint32_t> count() {
    skip_space(false);
    const TextPlace begin = reader_.place();
    std::uint32_t value = 0;
    while (reader_.peek() >= '0' && reader_.peek() <= '9') {
      value = value * 10 + static_cast<std::uint32_t>(reader_.next() - '0');
      if (value > kMaxRepetition) {
        return error(begin, fmt::format("more than {} repetitions", kMaxRepetition),
                     "Use a smaller number, or * for any.");
      }
    }
    if (reader_.place().offset == begin.offset) {
      return error_here(fmt::format("a number is expected, not {}", reader_.describe_next()),
                        "Write {m}, {m,} or {m,n}.");
    }
    return value;
  }

  TextReader reader_;
  const std::string& source_;
  RuleSet rules_;
  std::map<std::string, Name> names_;
};

}  // namespace

Result<ParsedGrammar> parse_gbnf(std::string_view text, const std::string& source) {
  if (text.size() > kMaxGrammarBytes) {
    return fail(
        ErrorCode::resource_exhausted,
        fmt::format("{} has {} bytes, {} are allowed", source, text.size(), kMaxGrammarBytes),
        "Make the grammar smaller.");
  }
  const std::size_t valid = utf8_valid_prefix(text);
  if (valid < text.size()) {
    TextReader reader(text.substr(0, valid));
    while (reader.next() != TextReader::kEnd) continue;
    return fail(ErrorCode::invalid_format,
                fmt::format("{}, {}: this is not UTF-8", source, reader.place().text()),
                "Save the file as UTF-8.");
  }
  return GbnfParser(text, source).parse();
}

}  // namespace wattle::engine::grammar
