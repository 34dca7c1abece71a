#pragma once
// Settings as text: numbers with units, pairs of limits, and the tables that devices give.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actuate/actuator.hpp"

namespace wattle::actuate {

// White-space separated whole numbers, as in scaling_available_frequencies: positive, sorted,
// without repeats. Empty or anything else: `invalid_format`, naming `source`.
[[nodiscard]] Result<std::vector<std::int64_t>> parse_table(std::string_view text,
                                                            const std::string& source);

// "1300.5MHz", "1.2 GHz", "816000" (in `unit`), "50%" and "128" for pwm. Exact: what is no whole
// number of `unit` is `out_of_range`; what is no such quantity `invalid_argument`.
[[nodiscard]] Result<std::int64_t> parse_quantity(std::string_view text, Unit unit);
[[nodiscard]] std::string format_quantity(std::int64_t value, Unit unit);  // "1300.5 MHz"

// A number of info's table or range, also by the names "min" and "max".
[[nodiscard]] Result<std::int64_t> parse_allowed(std::string_view text, const KnobInfo& info);
// The table if it is short, else its ends and how many: "306, 408, …, 1300.5 MHz".
[[nodiscard]] std::string allowed_text(const KnobInfo& info, std::size_t at_most = 16);

// Clock limits in the unit of the knob.
struct Limits {
  std::int64_t low = 0;
  std::int64_t high = 0;
  bool operator==(const Limits&) const = default;
};
[[nodiscard]] std::string limits_text(const Limits& limits);  // "306000..816000"
[[nodiscard]] Result<Limits> parse_limits_text(std::string_view text);
// What a person asks for: "816MHz" (both), "600MHz..1.2GHz", "min..max"; each end allowed by info.
[[nodiscard]] Result<Limits> parse_asked_limits(std::string_view asked, const KnobInfo& info);
[[nodiscard]] std::string describe_limits(const std::string& setting, Unit unit);

// The writes from one pair of limits to another so that min ≤ max at every moment: raising, the
// maximum first; lowering, the minimum first. What does not change is not written.
[[nodiscard]] std::vector<Step> plan_limits(const Limits& from, const Limits& to,
                                            const std::string& min_file,
                                            const std::string& max_file);

// Core numbers as the kernel writes them: "0-3,8". At most 65,536 of them, rising, no repeats.
[[nodiscard]] Result<std::vector<int>> parse_cpu_list(std::string_view text);
[[nodiscard]] std::string cpu_list_text(std::span<const int> cpus);

}  // namespace wattle::actuate
