#pragma once
// Numbers within bounds, as automata over their decimal notation.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/grammar/rule_set.hpp"

namespace wattle::engine::grammar {

// A decimal number exactly as it is written: (−1) · whole.fraction
struct Decimal {
  bool negative = false;
  std::uint64_t whole = 0;
  std::string fraction;  // digits without trailing zeros

  [[nodiscard]] bool is_zero() const { return whole == 0 && fraction.empty(); }
  // <0, 0, >0
  [[nodiscard]] static int compare(const Decimal& a, const Decimal& b);
};

// "12", "-0.5", "1e-07". None: not a number, 10¹⁵ or more, or more than 15 digits behind the point.
[[nodiscard]] std::optional<Decimal> parse_decimal(std::string_view text);

struct NumberBound {
  Decimal value;
  bool exclusive = false;
};
struct NumberBounds {
  std::optional<NumberBound> least, most;
};

// Numbers without exponent within the bounds, at most 15 digits before the point and 15 behind it
// (none behind it for an integer). There may be none.
[[nodiscard]] ExpressionId number_between(RuleSet& rules, const NumberBounds& bounds, bool integer);

}  // namespace wattle::engine::grammar
