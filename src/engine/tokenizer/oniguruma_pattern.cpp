#include "engine/tokenizer/oniguruma_pattern.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "engine/tokenizer/utf8.hpp"

namespace wattle::engine {
namespace {

constexpr std::size_t kLongestPattern = 65'536;
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Oniguruma takes ² ³ ¹ ¼ ½ ¾ for word characters, but not inside a set.
constexpr std::string_view kWordOutsideSets =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
constexpr std::string_view kHexDigit = "0-9A-Fa-f";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  Result<std::string> translate() {
    if (pattern_.starts_with("(?i)")) take(4);
    while (at_ < pattern_.size()) WATTLE_CHECK(next_item());
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string_view rest() const { return pattern_.substr(at_); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0';
  }

  // Copies `n` bytes as they are.
  void take(std::size_t n) {
    out_ += rest().substr(0, n);
    at_ += n;
  }
  // Puts `translated` in place of `n` bytes.
  void put(std::string_view translated, std::size_t n) {
    out_ += translated;
    at_ += n;
  }

  [[nodiscard]] std::unexpected<Error> unknown(std::size_t n, const char* why = "") const {
    return fail(ErrorCode::unsupported,
                fmt::format("the regular expression '{}' has '{}' at byte {}, which Wattle does "
                            "not know{}",
                            pattern_, rest().substr(0, n), at_, why));
  }

  Status next_item() {
    const char c = peek();
    if (c == '(') return open_group();
    if (c == ')') return close_group();
    if (c == '*' || c == '+' || c == '?') {
      take(1);
      return {};
    }
    if (c == '{') {
      if (const std::size_t n = interval_size(); n > 0) return interval(n);
    }
    atom_ = out_.size();
    if (c == '\\') return escape();
    if (c == '[') return set();
    if (c == '{' || c == '}' || c == ']') {
      put(std::string{'\\', c}, 1);
    } else if (c == '^') {
      put(R"((?:\A|(?<=\n)(?!\z)))", 1);
    } else if (c == '$') {
      put(R"((?=\n|\z))", 1);
    } else if (c == '.') {
      put(R"([^\n])", 1);
    } else {
      take(std::max<std::size_t>(utf8_length(rest()), 1));
    }
    return {};
  }

  Status open_group() {
    groups_.push_back(out_.size());
    for (const std::string_view known :
         {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:", "(?-i:"}) {
      if (!rest().starts_with(known)) continue;
      take(known.size());
      return {};
    }
    if (peek(1) == '?' || peek(1) == '*') return unknown(3);
    put("(?:", 1);
    return {};
  }

  Status close_group() {
    if (groups_.empty()) return unknown(1, ": there is no '(' for it");
    atom_ = groups_.back();
    groups_.pop_back();
    take(1);
    return {};
  }

  // Bytes of {n}, {n,}, {,m} or {n,m}; 0: the brace stands for itself.
  [[nodiscard]] std::size_t interval_size() const {
    std::size_t n = 1;
    bool digits = false;
    bool comma = false;
    for (;; ++n) {
      const char c = peek(n);
      if (is_digit(c)) {
        digits = true;
      } else if (c == ',' && !comma) {
        comma = true;
      } else {
        return c == '}' && digits ? n + 1 : 0;
      }
    }
  }

  Status interval(std::size_t n) {
    if (!atom_) return unknown(n);
    const std::string_view text = rest().substr(0, n);
    if (text.find(',') == std::string_view::npos && peek(n) == '?') return unknown(n + 1);
    if (text[1] == ',') {
      put("{0", 1);
      take(n - 1);
    } else {
      take(n);
    }
    if (peek() == '+') {  // repeats what the interval took; no "possessive" as in PCRE2
      out_.insert(*atom_, "(?:");
      put(")+", 1);
    } else if (peek() == '?') {
      take(1);
    }
    return {};
  }

  Status escape() {
    switch (peek(1)) {
      case 'w':
        put(fmt::format("[{}]", kWordOutsideSets), 2);
        return {};
      case 'W':
        put(fmt::format("[^{}]", kWordOutsideSets), 2);
        return {};
      case 'h':
        put(fmt::format("[{}]", kHexDigit), 2);
        return {};
      case 'H':
        put(fmt::format("[^{}]", kHexDigit), 2);
        return {};
      case 'b':
        put(fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", kWordOutsideSets), 2);
        return {};
      case 'B':
        put(fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", kWordOutsideSets), 2);
        return {};
      case 'N':
        put(R"([^\n])", 2);
        return {};
      case 'A':
      case 'z':
      case 'Z':
      case 'R':
        take(2);
        return {};
      default:
        return common_escape();
    }
  }

  // What means the same inside and outside of a set.
  Status common_escape() {
    constexpr std::string_view kKnown = "dDsSnrtfae";
    const char c = peek(1);
    if (c == 'v') {
      put(R"(\x0B)", 2);
    } else if (c == 'p' || c == 'P') {
      return property();
    } else if (c == 'x' || c == 'u') {
      return code_point();
    } else if (!kKnown.contains(c) && (is_letter(c) || is_digit(c) || at_ + 1 == pattern_.size())) {
      return unknown(2);
    } else if (is_ascii(c)) {  // of these letters, or a sign that is meant as it is
      take(2);
    } else {
      ++at_;
      take(std::max<std::size_t>(utf8_length(rest()), 1));
    }
    return {};
  }

  // \p{L} as it is; PCRE2 takes \p{Han} for the script extensions, Oniguruma for the script.
  Status property() {
    constexpr std::array<std::string_view, 8> kBinary = {
        "Alphabetic", "Alpha", "Uppercase", "Upper", "Lowercase", "Lower", "White_Space", "Emoji"};
    const std::size_t end = rest().find('}');
    if (peek(2) != '{' || end == std::string_view::npos) return unknown(3);
    std::string_view name = rest().substr(3, end - 3);
    const bool negated = name.starts_with('^');
    if (negated) name.remove_prefix(1);
    if (name.empty() ||
        !std::ranges::all_of(name, [](char c) { return is_letter(c) || c == '_'; })) {
      return unknown(end + 1);
    }
    const bool as_it_is = name.size() <= 2 || std::ranges::find(kBinary, name) != kBinary.end();
    put(fmt::format("\\{}{{{}{}{}}}", peek(1), negated ? "^" : "", as_it_is ? "" : "sc:", name),
        end + 1);
    return {};
  }

  // \x{1F600}, \x41, \u0041
  Status code_point() {
    const auto n_digits = [&](std::size_t from) {
      std::size_t n = 0;
      while (is_hex_digit(peek(from + n))) ++n;
      return n;
    };
    if (peek(1) == 'x' && peek(2) == '{') {
      const std::size_t n = n_digits(3);
      if (n == 0 || n > 6 || peek(3 + n) != '}') return unknown(3);
      take(4 + n);
    } else if (peek(1) == 'x') {
      if (n_digits(2) < 2 || peek(2) >= '8') return unknown(4, ": write \\x{...}");
      take(4);
    } else {
      if (n_digits(2) < 4) return unknown(2);
      put(fmt::format("\\x{{{}}}", rest().substr(2, 4)), 6);
    }
    return {};
  }

  // A set inside a set adds its members, so its brackets can go.
  Status set() {
    std::size_t depth = 0;
    take(1);
    if (peek() == '^') take(1);
    if (peek() == ']') put(R"(\])", 1);
    while (at_ < pattern_.size()) {
      if (peek() == ']') {
        if (depth == 0) {
          take(1);
          return {};
        }
        --depth;
        ++at_;
        continue;
      }
      if (peek() == '[') {
        if (peek(1) == '^' || peek(1) == ':' || peek(1) == ']') return unknown(2, " inside a set");
        ++depth;
        ++at_;
        continue;
      }
      if (peek() == '&' && peek(1) == '&') return unknown(2, " inside a set");
      if (peek() != '\\') {
        take(std::max<std::size_t>(utf8_length(rest()), 1));
      } else if (peek(1) == 'w') {
        put(kWord, 2);
      } else if (peek(1) == 'h') {
        put(kHexDigit, 2);
      } else {
        WATTLE_CHECK(common_escape());
      }
    }
    return fail(ErrorCode::invalid_format,
                fmt::format("the regular expression '{}' has a '[' without its ']'", pattern_));
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::string out_;
  std::optional<std::size_t> atom_;  // where the last thing that can be repeated begins in out_
  std::vector<std::size_t> groups_;  // where the open ones begin in out_
};

}  // namespace

Result<std::string> from_oniguruma(std::string_view pattern) {
  if (pattern.size() > kLongestPattern) {
    return fail(ErrorCode::unsupported,
                fmt::format("the regular expression has {} bytes, at most {} are read",
                            pattern.size(), kLongestPattern));
  }
  if (utf8_valid_prefix(pattern) != pattern.size()) {
    return fail(ErrorCode::invalid_format, "the regular expression is not UTF-8");
  }
  // Tried at every place inside a long run of white space, this would take quadratic time; it can
  // only match where the run begins.
  if (pattern == R"(\s+$)") return std::string(R"((?<!\s)\s+(?=\n|\z))");
  return Translator(pattern).translate();
}

std::string literal_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (is_ascii(c) && !is_letter(c) && !is_digit(c)) {
      pattern += fmt::format("\\x{:02X}", static_cast<unsigned>(c));
    } else {
      pattern += c;
    }
  }
  return pattern;
}

}  // namespace wattle::engine
