#pragma once
// Numbers for people: three significant digits and a fitting unit.

#include <cstdint>
#include <optional>
#include <string>

#include "lab/summary.hpp"

namespace wattle::lab {

inline constexpr const char* kAbsent = "–";

// Three significant digits without an exponent: 0.0123, 1.23, 12.3, 123, 1230.
[[nodiscard]] std::string three_digits(double value);
// "5.12 mJ"
[[nodiscard]] std::string format_joules(double joules);
// "5.12 ± 0.08 mJ"; "5.12 ± ? mJ" where too few trials give no interval.
[[nodiscard]] std::string format_joules(const std::optional<Estimate>& estimate);
// "12.3 ms", "1.23 s"
[[nodiscard]] std::string format_ms(double ms);
[[nodiscard]] std::string format_ms(const std::optional<Distribution>& distribution);  // median
[[nodiscard]] std::string format_bytes(const std::optional<std::uint64_t>& bytes);     // "45.1 MiB"
// "97.5 % (91–99)"
[[nodiscard]] std::string format_accuracy(const SummaryRow& row);
[[nodiscard]] std::string format_rate(const std::optional<Estimate>& estimate);

}  // namespace wattle::lab
