#include "learn/telemetry/rules.hpp"

#include <fmt/format.h>

namespace wattle::learn {
namespace {
using enum Ask;
using S = Sensor;

constexpr Rule rule(std::string_view id, Health health, Sensor sensor, std::string_view cause,
                    std::string_view action, auto... conditions) {
  return {id, health, false, sensor, {conditions...}, sizeof...(conditions), cause, action};
}
// A fault of any sensor: the condition's sensor is filled in when it is judged.
constexpr Rule fault(std::string_view id, Ask ask, std::string_view cause,
                     std::string_view action) {
  return {id, Health::warning, true, S::co, {Condition{S::co, ask}}, 1, cause, action};
}
constexpr Condition when(Sensor sensor, Ask ask) {
  return {sensor, ask};
}

constexpr auto kCritical = Health::critical;
constexpr auto kWarning = Health::warning;
constexpr auto kNormal = Health::normal;

constexpr auto kRules = std::to_array<Rule>({
    // Danger first: no fault of another sensor may hide it.
    rule("gas_fire", kCritical, S::lpg, "a gas fire", "Evacuate and cut the gas from outside.",
         when(S::lpg, elevated_or_high), when(S::smoke, high), when(S::temp, elevated_or_high)),
    rule("open_fire", kCritical, S::smoke, "an open fire", "Evacuate and call the fire service.",
         when(S::smoke, high), when(S::co, elevated_or_high), when(S::temp, elevated_or_high)),
    rule("starting_fire", kCritical, S::smoke, "a starting fire",
         "Send someone with an extinguisher now.", when(S::smoke, rose), when(S::temp, rose)),
    rule("smouldering", kCritical, S::smoke, "smouldering material",
         "Find the hot spot and cool it.", when(S::smoke, high), when(S::co, elevated_or_high)),
    rule("opening_valve", kCritical, S::lpg, "an opening gas valve",
         "Shut the valve and avoid sparks.", when(S::lpg, rose)),
    rule("gas_leak", kCritical, S::lpg, "a gas leak", "Close the main valve and open the windows.",
         when(S::lpg, high)),
    rule("faulty_burner", kCritical, S::co, "a faulty burner",
         "Turn the burner off and bring in fresh air.", when(S::co, high)),
    rule("freezing_pipes", kCritical, S::temp, "freezing pipes",
         "Drain the water and heat the room.", when(S::temp, very_low)),
    // A sensor that cannot be believed comes before what the others say.
    fault("dead_probe", zero, "a dead probe", "Replace the probe."),
    fault("wiring_fault", impossible, "a wiring fault", "Check the cable and the connector."),
    fault("lost_signal", missing, "a lost signal", "Restart the node and read again."),
    fault("stuck_reading", frozen, "a stuck reading", "Reset the device and compare."),
    // Several sensors together.
    rule("open_door", kWarning, S::temp, "an open door", "Close the door.", when(S::temp, fell),
         when(S::humidity, rose)),
    rule("intruder", kWarning, S::motion, "an intruder in the dark", "Check the camera.",
         when(S::motion, on), when(S::light, off)),
    rule("steam", kWarning, S::smoke, "steam", "Switch the extractor fan on.",
         when(S::smoke, elevated_or_high), when(S::humidity, high)),
    rule("cooking", kWarning, S::smoke, "cooking on gas", "Switch the hood on.",
         when(S::smoke, elevated_or_high), when(S::lpg, elevated)),
    rule("engine_exhaust", kWarning, S::smoke, "engine exhaust",
         "Stop the engine and air the hall.", when(S::smoke, elevated), when(S::co, elevated)),
    rule("dust", kWarning, S::smoke, "dust in the air", "Clean the filter.",
         when(S::smoke, elevated_or_high)),
    rule("gas_seep", kWarning, S::lpg, "a slow gas seep", "Test the joints with soap water.",
         when(S::lpg, elevated)),
    rule("blocked_flue", kWarning, S::co, "a blocked flue", "Have the chimney swept.",
         when(S::co, elevated), when(S::humidity, high)),
    rule("crowded_room", kWarning, S::co, "a crowded room", "Let some people out.",
         when(S::co, elevated), when(S::motion, on)),
    rule("poor_ventilation", kWarning, S::co, "poor ventilation", "Open a window.",
         when(S::co, elevated)),
    rule("failed_cooling", kWarning, S::temp, "failed cooling", "Service the air conditioner.",
         when(S::temp, elevated_or_high), when(S::humidity, low)),
    rule("sunlight", kWarning, S::temp, "direct sunlight", "Lower the blinds.",
         when(S::temp, elevated_or_high), when(S::light, on)),
    rule("hot_equipment", kWarning, S::temp, "overheating equipment", "Reduce the load.",
         when(S::temp, elevated_or_high)),
    rule("condensation", kWarning, S::humidity, "condensation", "Warm the walls.",
         when(S::humidity, high), when(S::temp, low)),
    rule("water_leak", kWarning, S::humidity, "a water leak", "Look for wet spots.",
         when(S::humidity, high)),
    rule("failed_heating", kWarning, S::temp, "failed heating", "Check the boiler.",
         when(S::temp, low)),
    rule("dry_air", kWarning, S::humidity, "dry heated air", "Run a humidifier.",
         when(S::humidity, low)),
    // All is well.
    rule("ordinary_use", kNormal, S::co, "ordinary use", "No action is needed.",
         when(S::motion, on)),
    rule("quiet_room", kNormal, S::co, "a quiet room", "No action is needed."),
});

}  // namespace

std::span<const Rule> rules() {
  return kRules;
}

bool holds(const Condition& condition, const State& state) {
  const SensorState& sensor = state[index(condition.sensor)];
  switch (condition.ask) {
    case elevated_or_high:
      return sensor.level == Level::elevated || sensor.level == Level::high;
    case elevated:
      return sensor.level == Level::elevated;
    case high:
    case on:
      return sensor.level == Level::high;
    case low:
      return sensor.level == Level::low;
    case very_low:
      return sensor.level == Level::very_low;
    case off:
      return sensor.level == Level::normal;
    case rose:
      return sensor.trend == Trend::rose;
    case fell:
      return sensor.trend == Trend::fell;
    case zero:
      return sensor.level == Level::zero;
    case impossible:
      return sensor.level == Level::impossible;
    case missing:
      return sensor.level == Level::missing;
    case frozen:
      return sensor.level == Level::frozen;
  }
  return false;
}

Verdict judge(const State& state) {
  for (const Rule& candidate : kRules) {
    if (candidate.any_sensor) {
      for (const Sensor sensor : kAllSensors) {
        if (holds({sensor, candidate.conditions[0].ask}, state)) return {&candidate, sensor};
      }
      continue;
    }
    bool all = true;
    for (std::size_t i = 0; i < candidate.n_conditions; ++i) {
      all = all && holds(candidate.conditions[i], state);
    }
    if (all) return {&candidate, candidate.sensor};
  }
  return {&kRules.back(), kRules.back().sensor};
}

std::string_view health_name(Health health) {
  constexpr std::array<std::string_view, 3> names = {"normal", "warning", "critical"};
  return names[static_cast<std::size_t>(health)];
}

std::string answer_text(const Verdict& verdict) {
  const Rule& decided = *verdict.rule;
  switch (decided.health) {
    case Health::normal:
      return fmt::format(" Normal: all sensors point to {}. {}", decided.cause, decided.action);
    case Health::warning:
      return fmt::format(" Warning: the {} sensor points to {}. {}", answer_name(verdict.sensor),
                         decided.cause, decided.action);
    case Health::critical:
      break;
  }
  return fmt::format(" Critical: the {} sensor points to {}. {}", answer_name(verdict.sensor),
                     decided.cause, decided.action);
}

std::string expected_sensor(const Verdict& verdict) {
  if (verdict.rule->health == Health::normal) return "all sensors";
  return std::string(answer_name(verdict.sensor));
}

}  // namespace wattle::learn
