#pragma once
// What whoever samples keeps to: rates, due times, suspension.

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "sense/sensor.hpp"

namespace wattle::sense {

// 0 wanted: the sensor's default; never faster than it changes, never less than once in 100 s.
[[nodiscard]] double sampling_rate_hz(const SensorInfo& info, double wanted_hz);

// After a reading that ended at now_ns. Held up for more than a period: what was missed is not made
// up for in a burst.
[[nodiscard]] std::int64_t next_due_ns(std::int64_t due_ns, std::int64_t period_ns,
                                       std::int64_t now_ns);

// Nothing is read while the machine sleeps, and what counters say of that time differs from board
// to board: energy across it is unknown. Why, if it has slept since the last call; `last_ns` is
// clock.suspended_ns() of then and is brought up to date.
[[nodiscard]] std::optional<std::string> suspension(const Clock& clock, std::int64_t& last_ns);

}  // namespace wattle::sense
