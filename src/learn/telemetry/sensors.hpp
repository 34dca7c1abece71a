#pragma once
// The seven sensors of the telemetry task and the value bands that mean something. Bands of one
// sensor never touch: between two of them lies a gap in which no reading is generated, so the
// right answer is never a matter of taste.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace wattle::learn {

enum class Sensor : std::uint8_t { co, humidity, light, lpg, motion, smoke, temp };
inline constexpr std::size_t kSensors = 7;
inline constexpr std::array<Sensor, kSensors> kAllSensors = {
    Sensor::co,     Sensor::humidity, Sensor::light, Sensor::lpg,
    Sensor::motion, Sensor::smoke,    Sensor::temp};

// What a reading says, or why it says nothing. A switch (light, motion) is `normal` when off and
// `high` when on.
enum class Level : std::uint8_t {
  absent,      // not in the prompt
  zero,        // fault: exactly 0 where the sensor never reads 0
  impossible,  // fault: outside physics (negative gas, humidity above 100 %, 400 °F)
  missing,     // fault: the last reading is NaN or null
  frozen,      // fault: every reading of a window is the same number
  very_low,
  low,
  normal,
  elevated,
  high,
};

// Units in which a value may be written. A tick is the last printed digit.
enum class Unit : std::uint8_t {
  ppm,         // gases, 0.0001 a tick
  ppb,         // gases, 0.1 a tick: the same digits as ppm
  percent,     // humidity, 0.1 a tick
  fahrenheit,  // 0.1 a tick
  celsius,     // 0.1 a tick
  on_off,      // light and motion: 0 or 1
};

struct Band {
  Sensor sensor;
  Unit unit;
  Level level;
  int low_ticks;  // both ends belong to the band
  int high_ticks;
};

// Every band of every sensor and unit (ppb shares the ticks of ppm).
[[nodiscard]] std::span<const Band> bands();
// The band of a level, or nullptr where the sensor has no such level.
[[nodiscard]] const Band* find_band(Sensor sensor, Unit unit, Level level);
// The band that contains the value; nullopt in the gaps.
[[nodiscard]] std::optional<Level> level_of(Sensor sensor, Unit unit, int ticks);

[[nodiscard]] inline bool is_switch(Sensor sensor) {
  return sensor == Sensor::light || sensor == Sensor::motion;
}
[[nodiscard]] inline bool is_gas(Sensor sensor) {
  return sensor == Sensor::co || sensor == Sensor::lpg || sensor == Sensor::smoke;
}
[[nodiscard]] inline bool is_fault(Level level) {
  return level >= Level::zero && level <= Level::frozen;
}
[[nodiscard]] inline std::size_t index(Sensor sensor) {
  return static_cast<std::size_t>(sensor);
}

[[nodiscard]] std::string_view key_name(Sensor sensor);     // "co", as in the data set
[[nodiscard]] std::string_view answer_name(Sensor sensor);  // "carbon monoxide", as in answers
[[nodiscard]] std::string_view level_name(Level level);
[[nodiscard]] std::string_view unit_name(Unit unit);

}  // namespace wattle::learn
