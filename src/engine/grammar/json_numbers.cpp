#include "engine/grammar/json_numbers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "engine/grammar/json_rules.hpp"

namespace wattle::engine::grammar {
namespace {

constexpr std::uint64_t kLargestWhole = 999'999'999'999'999;  // kMaxDigits nines

int compare_magnitudes(const Decimal& a, const Decimal& b) {
  if (a.whole != b.whole) return a.whole < b.whole ? -1 : 1;
  return a.fraction.compare(b.fraction);
}

// An end of a fraction's range: its digits, with zeros behind them.
struct FractionBound {
  std::string digits;
  bool exclusive = false;

  [[nodiscard]] char at(std::size_t i) const { return i < digits.size() ? digits[i] : '0'; }
  // Digits from i on are not all zero.
  [[nodiscard]] bool more_than_zero_from(std::size_t i) const { return i < digits.size(); }
};

// Non-negative numbers digit by digit.
class DecimalRules {
 public:
  explicit DecimalRules(RuleSet& rules) : rules_(rules) {}

  // least ≤ whole ≤ most, without leading zeros.
  ExpressionId whole_between(std::uint64_t least, std::uint64_t most) {
    std::vector<ExpressionId> ways;
    // Numbers of the same length at a time.
    while (least <= most) {
      std::uint64_t same_length = 9;
      while (same_length < least) same_length = same_length * 10 + 9;
      same_length = std::min(same_length, most);
      ways.push_back(digits_between(std::to_string(least), std::to_string(same_length)));
      least = same_length + 1;
    }
    return rules_.choice(std::move(ways));
  }

  // What may follow the whole part: nothing, or a point and digits.
  ExpressionId fraction(const std::optional<FractionBound>& least,
                        const std::optional<FractionBound>& most) {
    std::vector<ExpressionId> ways;
    if (may_end(least, most, 0)) ways.push_back(rules_.literal(""));
    ways.push_back(rules_.sequence({rules_.literal("."), digits(least, most, 0)}));
    return rules_.choice(std::move(ways));
  }

 private:
  ExpressionId digit(char low, char high) {
    return rules_.characters({{static_cast<char32_t>(low), static_cast<char32_t>(high)}});
  }
  ExpressionId any_digits(std::size_t min, std::size_t max) {
    return rules_.repeat(digit('0', '9'), static_cast<std::uint32_t>(min),
                         static_cast<std::uint32_t>(max));
  }

  // Two texts of the same length.
  ExpressionId digits_between(const std::string& low, const std::string& high) {
    if (low.empty()) return rules_.literal("");
    const std::string low_rest = low.substr(1);
    const std::string high_rest = high.substr(1);
    const std::size_t n = low_rest.size();
    if (low == std::string(n + 1, '0') && high == std::string(n + 1, '9')) {
      return any_digits(n + 1, n + 1);
    }
    if (low[0] == high[0]) {
      return rules_.sequence({digit(low[0], low[0]), digits_between(low_rest, high_rest)});
    }
    std::vector<ExpressionId> ways = {
        rules_.sequence({digit(low[0], low[0]), digits_between(low_rest, std::string(n, '9'))}),
        rules_.sequence({digit(high[0], high[0]), digits_between(std::string(n, '0'), high_rest)})};
    if (low[0] + 1 < high[0]) {
      ways.push_back(
          rules_.sequence({digit(static_cast<char>(low[0] + 1), static_cast<char>(high[0] - 1)),
                           any_digits(n, n)}));
    }
    return rules_.choice(std::move(ways));
  }

  // The digits so far are those of the bounds that are given; the others are satisfied.
  static bool may_end(const std::optional<FractionBound>& least,
                      const std::optional<FractionBound>& most, std::size_t i) {
    if (least && (least->exclusive || least->more_than_zero_from(i))) return false;
    return !most || !most->exclusive || most->more_than_zero_from(i);
  }

  ExpressionId digits(const std::optional<FractionBound>& least,
                      const std::optional<FractionBound>& most, std::size_t i) {
    constexpr std::size_t kMost = JsonRules::kMaxDigits;
    if (!least && !most) return any_digits(i == 0 ? 1 : 0, kMost - i);
    std::vector<ExpressionId> ways;
    if (i > 0 && may_end(least, most, i)) ways.push_back(rules_.literal(""));
    const char low = least ? least->at(i) : '0';
    const char high = most ? most->at(i) : '9';
    for (char c = low; i < kMost && c <= high; ++c) {
      const auto still_least = least && c == low ? least : std::nullopt;
      const auto still_most = most && c == high ? most : std::nullopt;
      ways.push_back(rules_.sequence({digit(c, c), digits(still_least, still_most, i + 1)}));
    }
    return rules_.choice(std::move(ways));
  }

  RuleSet& rules_;
};

// Non-negative numbers within bounds on the magnitude.
class MagnitudeRules {
 public:
  MagnitudeRules(RuleSet& rules, bool integer)
      : rules_(rules), decimals_(rules), integer_(integer) {}

  ExpressionId between(const NumberBound& least, const std::optional<NumberBound>& most) {
    const std::uint64_t low = least.value.whole;
    const std::uint64_t high = most ? most->value.whole : kLargestWhole;
    if (integer_) {
      const bool above = least.exclusive || !least.value.fraction.empty();
      const bool below = most && most->exclusive && most->value.fraction.empty();
      if (below && high == 0) return rules_.choice({});
      return decimals_.whole_between(low + (above ? 1 : 0), high - (below ? 1 : 0));
    }
    const FractionBound low_fraction{least.value.fraction, least.exclusive};
    std::optional<FractionBound> high_fraction;
    if (most) high_fraction = FractionBound{most->value.fraction, most->exclusive};
    if (low > high) return rules_.choice({});
    if (low == high) return with_fraction(low, low, low_fraction, high_fraction);
    std::vector<ExpressionId> ways = {with_fraction(low, low, low_fraction, std::nullopt),
                                      with_fraction(high, high, std::nullopt, high_fraction)};
    if (low + 1 < high)
      ways.push_back(with_fraction(low + 1, high - 1, std::nullopt, std::nullopt));
    return rules_.choice(std::move(ways));
  }

 private:
  ExpressionId with_fraction(std::uint64_t low, std::uint64_t high,
                             const std::optional<FractionBound>& least,
                             const std::optional<FractionBound>& most) {
    return rules_.sequence({decimals_.whole_between(low, high), decimals_.fraction(least, most)});
  }

  RuleSet& rules_;
  DecimalRules decimals_;
  bool integer_;
};

NumberBound negated(NumberBound bound) {
  bound.value.negative = !bound.value.negative;
  return bound;
}

}  // namespace

int Decimal::compare(const Decimal& a, const Decimal& b) {
  const bool a_negative = a.negative && !a.is_zero();
  const bool b_negative = b.negative && !b.is_zero();
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  return a_negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal decimal;
  if (text.starts_with('-')) {
    decimal.negative = true;
    text.remove_prefix(1);
  }
  std::string digits;
  int point = -1;
  int exponent = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= '0' && c <= '9') {
      digits += c;
    } else if (c == '.' && point < 0) {
      point = static_cast<int>(digits.size());
    } else if ((c == 'e' || c == 'E') && !digits.empty()) {
      // Shortest notations of doubles only: at most three digits.
      const std::string_view rest = text.substr(i + 1);
      if (rest.empty() || rest.size() > 4) return std::nullopt;
      for (const char e : rest.substr(rest[0] == '-' || rest[0] == '+' ? 1 : 0)) {
        if (e < '0' || e > '9') return std::nullopt;
        exponent = exponent * 10 + (e - '0');
      }
      if (rest[0] == '-') exponent = -exponent;
      break;
    } else {
      return std::nullopt;
    }
  }
  if (digits.empty() || digits.size() > 60) return std::nullopt;
  int whole_digits = (point < 0 ? static_cast<int>(digits.size()) : point) + exponent;
  while (whole_digits < 0) {
    digits.insert(digits.begin(), '0');
    ++whole_digits;
  }
  while (static_cast<int>(digits.size()) < whole_digits) digits += '0';
  for (int i = 0; i < whole_digits; ++i) {
    decimal.whole =
        decimal.whole * 10 + static_cast<std::uint64_t>(digits[static_cast<std::size_t>(i)] - '0');
    if (decimal.whole > kLargestWhole) return std::nullopt;
  }
  decimal.fraction = digits.substr(static_cast<std::size_t>(whole_digits));
  while (decimal.fraction.ends_with('0')) decimal.fraction.pop_back();
  if (decimal.fraction.size() > JsonRules::kMaxDigits) return std::nullopt;
  return decimal;
}

ExpressionId number_between(RuleSet& rules, const NumberBounds& bounds, bool integer) {
  MagnitudeRules magnitudes(rules, integer);
  const Decimal zero;
  const auto below_zero = [&](const std::optional<NumberBound>& bound) {
    return bound && Decimal::compare(bound->value, zero) < 0;
  };
  const auto above_zero = [&](const std::optional<NumberBound>& bound) {
    return bound && Decimal::compare(bound->value, zero) > 0;
  };
  std::vector<ExpressionId> ways;
  if (!below_zero(bounds.most)) {
    NumberBound least{.value = zero};
    if (bounds.least && !below_zero(bounds.least)) least = *bounds.least;
    ways.push_back(magnitudes.between(least, bounds.most));
  }
  const bool starts_at_zero = bounds.least && !below_zero(bounds.least);
  if (!above_zero(bounds.least) && !starts_at_zero) {
    // −x with x above zero: what is zero is written without a sign.
    NumberBound least{.value = zero, .exclusive = true};
    if (below_zero(bounds.most)) least = negated(*bounds.most);
    std::optional<NumberBound> most;
    if (bounds.least) most = negated(*bounds.least);
    ways.push_back(rules.sequence({rules.literal("-"), magnitudes.between(least, most)}));
  }
  return rules.choice(std::move(ways));
}

}  // namespace wattle::engine::grammar
