#include "base/clock.hpp"

#include <fmt/format.h>
#include <time.h>

namespace wattle {
namespace {
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

std::int64_t read_clock(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<std::int64_t>(t.tv_sec) * kNsPerSecond + t.tv_nsec;
}
}  // namespace

std::int64_t SystemClock::monotonic_ns() const {
  return read_clock(CLOCK_MONOTONIC);
}
std::int64_t SystemClock::suspended_ns() const {
  return read_clock(CLOCK_BOOTTIME) - read_clock(CLOCK_MONOTONIC);
}

std::int64_t SystemClock::wall_ns() const {
  return read_clock(CLOCK_REALTIME);
}

void SystemClock::sleep_ns(std::int64_t duration_ns) {
  if (duration_ns <= 0) return;
  timespec t{static_cast<time_t>(duration_ns / kNsPerSecond),
             static_cast<long>(duration_ns % kNsPerSecond)};
  nanosleep(&t, nullptr);
}

std::string iso8601_utc(std::int64_t wall_ns) {
  const time_t seconds = static_cast<time_t>(wall_ns / kNsPerSecond);
  const auto ms = (wall_ns % kNsPerSecond) / 1'000'000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     ms);
}

}  // namespace wattle
