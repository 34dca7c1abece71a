#pragma once
// The rule table: from what the sensors say to the answer. Rules are tried from the top; the first
// whose conditions all hold decides. docs/telemetry-rules.md is printed from this table.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "learn/telemetry/sensors.hpp"

namespace wattle::learn {

enum class Health : std::uint8_t { normal, warning, critical };
enum class Trend : std::uint8_t { steady, rose, fell };  // from the first to the last reading

// One sensor of one case.
struct SensorState {
  Level level = Level::absent;  // of the last reading
  Trend trend = Trend::steady;  // change of level; steady for single readings and faults
};
using State = std::array<SensorState, kSensors>;

// What a rule asks of one sensor.
enum class Ask : std::uint8_t {
  elevated_or_high,
  elevated,
  high,
  low,
  very_low,
  on,
  off,   // present and off (an absent switch is not off)
  rose,  // the level rose within the window
  fell,
  zero,
  impossible,
  missing,
  frozen,
};

struct Condition {
  Sensor sensor;
  Ask ask;
};

struct Rule {
  std::string_view id;
  Health health;
  // Empty sensors (`any_sensor`): the condition's sensor is whichever has the fault.
  bool any_sensor;
  Sensor sensor;
  std::array<Condition, 3> conditions;
  std::size_t n_conditions;
  std::string_view cause;   // "an open fire"
  std::string_view action;  // "Evacuate and call the fire service."
};

// In order of precedence. The last rule has no conditions.
[[nodiscard]] std::span<const Rule> rules();

struct Verdict {
  const Rule* rule = nullptr;
  Sensor sensor = Sensor::co;  // which sensor the answer names (not for normal)
};
[[nodiscard]] Verdict judge(const State& state);
[[nodiscard]] bool holds(const Condition& condition, const State& state);

[[nodiscard]] std::string_view health_name(Health health);  // "critical"
// " Critical: the smoke sensor points to an open fire. Evacuate and call the fire service."
[[nodiscard]] std::string answer_text(const Verdict& verdict);
// What the answer must contain: "smoke", or "all sensors" where all is well.
[[nodiscard]] std::string expected_sensor(const Verdict& verdict);

// docs/telemetry-rules.md.
[[nodiscard]] std::string rules_markdown();

}  // namespace wattle::learn
