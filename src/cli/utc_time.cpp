#include "cli/utc_time.hpp"

#include <time.h>

namespace wattle::cli {

Result<std::int64_t> parse_utc_time(const std::string& text) {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  for (const char* format : {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"}) {
    tm parts{};
    const char* end = strptime(text.c_str(), format, &parts);
    if (end == nullptr || *end != '\0' || parts.tm_year < 70 || parts.tm_year > 300) continue;
    const int day = parts.tm_mday;
    const std::int64_t seconds = timegm(&parts);
    if (parts.tm_mday == day) return seconds * kNsPerSecond;  // else there is no such day
  }
  return fail(ErrorCode::invalid_argument, "'" + text + "' is no time",
              "Write it as 2026-11-20 or 2026-11-20T13:45:00");
}

}  // namespace wattle::cli
