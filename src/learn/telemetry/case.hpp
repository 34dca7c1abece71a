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

// Training and held-out cases never share a measured value or a wording. Held-out values have 4, 5
// or 6 as their last digit and an even digit before it (0.0024 to 0.0026, 72.4 to 72.6); training
// never shows these ranges.
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

// How rich cases are.
struct CaseMix {
  double present = 0.7;     // chance that a sensor the rule does not need is in the prompt
  double distractor = 0.2;  // chance that such a sensor is drawn from all its levels, or moves
  double window = 0.3;      // chance of several readings where the rule does not need them
  double hard = 0.0;        // chance of a rule that is learnt late (is_hard)
  double free_words = 0.0;  // training only: chance of sentences put together word by word
};
// What training draws: hard rules more often, free wording; easier and shorter cases at the start
// (`ease` 1 is easiest, 0 as rich as CaseMix{}).
[[nodiscard]] CaseMix training_mix(double ease);

// Picks a rule, then sensors, levels and values that lead to it, distractors included.
[[nodiscard]] Case make_case(Random& random, Split split, const CaseMix& mix = {});
// What the rule table sees of a case.
[[nodiscard]] State state_of(const Case& made);

}  // namespace wattle::learn
