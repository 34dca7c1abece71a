#include "engine/grammar/pattern_parser.hpp"

#include <fmt/format.h>

#include <optional>

#include "engine/grammar/automaton.hpp"
#include "engine/grammar/gbnf_parser.hpp"
#include "engine/grammar/text_reader.hpp"
#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine::grammar {
namespace {

CharacterSet class_named(char32_t name) {
  switch (name) {
    case 'd':
    case 'D':
      return {{'0', '9'}};
    case 'w':
    case 'W':
      return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    default:  // ECMA-262, WhiteSpace and LineTerminator
      return {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
              {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
              {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  }
}

bool is_one_of(char32_t c, std::string_view set) {
  return c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
}

class PatternParser {
 public:
  PatternParser(std::string_view pattern, RuleSet& rules, JsonRules& json)
      : reader_(pattern), rules_(rules), json_(json) {}

  Result<ExpressionId> parse() {
    std::vector<ExpressionId> ways;
    do {
      if (!reader_.take("^")) return not_anchored("does not begin with '^'");
      WATTLE_TRY(const ExpressionId way, sequence(0));
      ways.push_back(way);
      if (!reader_.take("$")) {
        if (reader_.peek() == ')') return error("there is no open '(' for this ')'");
        return not_anchored("does not end in '$'");
      }
    } while (reader_.take("|"));
    if (reader_.peek() != TextReader::kEnd) return error("'$' is only supported at the end");
    return rules_.choice(std::move(ways));
  }

 private:
  [[nodiscard]] std::unexpected<Error> error(const std::string& what) const {
    return fail(ErrorCode::unsupported,
                fmt::format("the pattern at character {}: {}", reader_.place().column, what),
                "Supported: characters, classes, groups, |, * + ? {m,n}, between ^ and $.");
  }
  [[nodiscard]] std::unexpected<Error> not_anchored(const char* what) const {
    return fail(ErrorCode::unsupported, fmt::format("the pattern {}", what),
                "Put it between ^ and $ (each alternative, or all of them in a group); "
                "for any text around it write .* there.");
  }

  Result<ExpressionId> choice(int depth) {
    std::vector<ExpressionId> ways;
    do {
      WATTLE_TRY(const ExpressionId way, sequence(depth));
      ways.push_back(way);
    } while (reader_.take("|"));
    return rules_.choice(std::move(ways));
  }

  Result<ExpressionId> sequence(int depth) {
    if (depth > kMaxGroupDepth) return error("too many groups inside each other");
    std::vector<ExpressionId> parts;
    while (!is_one_of(reader_.peek(), "|)$") && reader_.peek() != TextReader::kEnd) {
      if (rules_.n_expressions() > kMaxExpressions) return error("too many elements");
      WATTLE_TRY(const ExpressionId part, element(depth));
      WATTLE_TRY(const ExpressionId repeated, repetition(part));
      parts.push_back(repeated);
    }
    return rules_.sequence(std::move(parts));
  }

  Result<ExpressionId> element(int depth) {
    const char32_t c = reader_.peek();
    if (c == '(') return group(depth);
    if (c == '[') {
      WATTLE_TRY(const CharacterSet set, character_class());
      return json_.character_of(set);
    }
    if (c == '^') return error("'^' is only supported at the beginning");
    if (is_one_of(c, "*+?{")) return error(reader_.describe_next() + " repeats nothing");
    if (is_one_of(c, "]}")) return error(reader_.describe_next() + " stands alone: escape it");
    if (c == '.') {
      reader_.next();
      return json_.character_of(complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
    }
    if (c == '\\') {
      WATTLE_TRY(const CharacterSet set, escape(false));
      return json_.character_of(set);
    }
    reader_.next();
    return json_.character_of({{c, c}});
  }

  Result<ExpressionId> group(int depth) {
    reader_.next();
    if (reader_.at("?") && !reader_.take("?:")) {
      // A name changes nothing: (?<name>…)
      if (!reader_.take("?<") || is_one_of(reader_.peek(), "=!")) {
        return error("looking ahead or behind is not supported");
      }
      while (reader_.peek() != '>' && reader_.peek() != TextReader::kEnd) reader_.next();
      reader_.take(">");
    }
    WATTLE_TRY(const ExpressionId inner, choice(depth + 1));
    if (reader_.take(")")) return inner;
    if (reader_.peek() == '$') return error("'$' is only supported at the end");
    return error("a group is not closed");
  }

  // What stands behind a backslash; in a class, \b is the backspace.
  Result<CharacterSet> escape(bool in_class) {
    reader_.next();
    const char32_t c = reader_.peek();
    if (is_one_of(c, "dwsDWS")) {
      reader_.next();
      return is_one_of(c, "dws") ? class_named(c) : complement(class_named(c));
    }
    WATTLE_TRY(const char32_t character, escaped_character(in_class));
    return CharacterSet{{character, character}};
  }

  Result<char32_t> escaped_character(bool in_class) {
    const char32_t c = reader_.peek();
    if (c == 'b' && in_class) {
      reader_.next();
      return U'\b';
    }
    if (is_one_of(c, "xu")) {
      reader_.next();
      const auto value = read_hex(reader_, c == 'x' ? 2 : 4);
      if (!value) return error(value.error().what);
      return *value;
    }
    constexpr std::string_view kLetters = "ntrfv";
    constexpr std::string_view kMeanings = "\n\t\r\f\v";
    if (is_one_of(c, kLetters)) {
      reader_.next();
      return static_cast<char32_t>(kMeanings[kLetters.find(static_cast<char>(c))]);
    }
    const bool punctuation = c > ' ' && c < 0x7F && !is_one_of(c, "_") && !(c >= '0' && c <= '9') &&
                             !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
    if (!punctuation) return error("this escape is not supported: \\" + reader_.describe_next());
    return reader_.next();
  }

  Result<CharacterSet> character_class() {
    reader_.next();
    const bool negated = reader_.take("^");
    CharacterSet set;
    while (!reader_.take("]")) {
      if (reader_.peek() == TextReader::kEnd) return error("a '[' is not closed");
      WATTLE_TRY(CharacterSet low, class_part());
      const bool is_range = reader_.peek() == '-' && reader_.peek_second() != ']';
      if (is_range) {
        reader_.next();
        WATTLE_TRY(const CharacterSet high, class_part());
        const bool single = low.size() == 1 && low[0].low == low[0].high && high.size() == 1 &&
                            high[0].low == high[0].high;
        if (!single || low[0].low > high[0].low) return error("this range has no order");
        low[0].high = high[0].high;
      }
      set.insert(set.end(), low.begin(), low.end());
    }
    set = normalized(std::move(set));
    if (negated) set = complement(set);
    if (set.empty()) return error("a class without characters matches nothing");
    return set;
  }

  Result<CharacterSet> class_part() {
    if (reader_.peek() == TextReader::kEnd) return error("a '[' is not closed");
    if (reader_.peek() == '\\') return escape(true);
    const char32_t c = reader_.next();
    return CharacterSet{{c, c}};
  }

  Result<ExpressionId> repetition(ExpressionId body) {
    std::uint32_t min = 0;
    std::uint32_t max = kUnbounded;
    if (reader_.take("+")) {
      min = 1;
    } else if (reader_.take("?")) {
      max = 1;
    } else if (reader_.take("{")) {
      WATTLE_TRY(min, count());
      max = min;
      if (reader_.take(",")) {
        max = kUnbounded;
        if (!reader_.at("}")) {
          WATTLE_TRY(max, count());
        }
      }
      if (!reader_.take("}")) return error("{m}, {m,} or {m,n} is expected");
      if (min > max) return error("the smaller number of {m,n} comes first");
    } else if (!reader_.take("*")) {
      return body;
    }
    reader_.take("?");  // as few as possible: the same texts
    if (is_one_of(reader_.peek(), "*+?{")) return error("a repetition is repeated: use a group");
    return rules_.repeat(body, min, max);
  }

  Result<std::uint32_t> count() {
    std::uint32_t value = 0;
    if (reader_.peek() < '0' || reader_.peek() > '9') return error("a number is expected");
    while (reader_.peek() >= '0' && reader_.peek() <= '9') {
      value = value * 10 + static_cast<std::uint32_t>(reader_.next() - '0');
      if (value > kMaxRepetition) {
        return error(fmt::format("more than {} repetitions", kMaxRepetition));
      }
    }
    return value;
  }

  TextReader reader_;
  RuleSet& rules_;
  JsonRules& json_;
};

}  // namespace

Result<ExpressionId> parse_pattern(std::string_view pattern, RuleSet& rules, JsonRules& json) {
  if (utf8_valid_prefix(pattern) < pattern.size()) {
    return fail(ErrorCode::invalid_format, "the pattern is not UTF-8", "Save the schema as UTF-8.");
  }
  return PatternParser(pattern, rules, json).parse();
}

}  // namespace wattle::engine::grammar
