#pragma once
// A moment that a user names.

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace wattle::cli {

// "2026-11-20" or "2026-11-20T13:45:00" (also with a Z), in UTC: nanoseconds since 1970.
[[nodiscard]] Result<std::int64_t> parse_utc_time(const std::string& text);

}  // namespace wattle::cli
