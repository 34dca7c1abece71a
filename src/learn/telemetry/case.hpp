#pragma once
// One telemetry case: what each sensor measured, once or over a short window, and the verdict that
// the rule table gives. Everything follows from the random state passed in.

#include <cstdint>
#include <optional>
#include <vector>

#include "learn/random.hpp"
#include "learn/telemetry/rules.hpp"
#include "learn/telemetry/sensors.hpp"

namespace wattle::learn {

// Training and held-out cases never share a measured value or a wording: the last digit of a
// held-out value is 4, 5 or 6, that of a training value never is.
enum class Split : std::uint8_t { training, held_out };

struct Channel {
  Sensor sensor = Sensor::co;
  Unit unit = Unit::ppm;
  Level level = Level::normal;            // of the last reading
  Trend trend = Trend::steady;            // from the first to the last reading
  std::vector<std::optional<int>> ticks;  // [n_readings]; nullopt: no number arrived
};

struct Case {
  std::vector<Channel> channels;  // in the order in which they are written
  int n_readings = 1;             // 1, or 3–5
  Verdict verdict;
};

// Picks a rule, then sensors, levels and values that lead to it, distractors included.
[[nodiscard]] Case make_case(Random& random, Split split);
// What the rule table sees of a case.
[[nodiscard]] State state_of(const Case& made);

}  // namespace wattle::learn
