#pragma once
// Moments as they stand in logs: read in the shapes that tools write, written in one.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wattle::sense {

struct Timestamp {
  std::int64_t ns = 0;    // since 1970-01-01; UTC if has_zone, else of whatever zone was meant
  bool has_zone = false;  // "Z", "+02:00", or seconds since 1970
};

// "2025-11-20T13:45:00.123456Z", "2025/11/20 13:45:00.123", "2025-11-20 13:45:00,5+01:00", and the
// time since 1970 in seconds, ms, µs or ns (told apart by their size: years 1973 to 2099).
[[nodiscard]] std::optional<Timestamp> parse_timestamp(std::string_view text);

// "07-25-2026 09:08:28", as tegrastats writes it; `text` may go on after it.
[[nodiscard]] std::optional<std::int64_t> parse_month_first(std::string_view text);

// "16:38:16:372" (Intel Power Gadget) or "16:38:16.372": nanoseconds since midnight.
[[nodiscard]] std::optional<std::int64_t> parse_time_of_day(std::string_view text);

// "2026-11-20": nanoseconds of its midnight since 1970.
[[nodiscard]] std::optional<std::int64_t> parse_date(std::string_view text);

// "2026-11-20T13:45:00.123456Z"
[[nodiscard]] std::string wall_time_us(std::int64_t wall_ns);

}  // namespace wattle::sense
