#include "learn/telemetry/sensors.hpp"

namespace wattle::learn {
namespace {
using enum Level;
// The scale is that of the public environmental sensor telemetry data set (co, lpg and smoke as
// fractions of a ppm, humidity in %, temperature in °F).
constexpr auto kBands = std::to_array<Band>({
    {Sensor::co, Unit::ppm, impossible, -90, -10},
    {Sensor::co, Unit::ppm, zero, 0, 0},
    {Sensor::co, Unit::ppm, normal, 12, 57},
    {Sensor::co, Unit::ppm, elevated, 70, 97},
    {Sensor::co, Unit::ppm, high, 112, 149},
    {Sensor::lpg, Unit::ppm, impossible, -90, -10},
    {Sensor::lpg, Unit::ppm, zero, 0, 0},
    {Sensor::lpg, Unit::ppm, normal, 30, 77},
    {Sensor::lpg, Unit::ppm, elevated, 90, 117},
    {Sensor::lpg, Unit::ppm, high, 132, 179},
    {Sensor::smoke, Unit::ppm, impossible, -90, -10},
    {Sensor::smoke, Unit::ppm, zero, 0, 0},
    {Sensor::smoke, Unit::ppm, normal, 70, 197},
    {Sensor::smoke, Unit::ppm, elevated, 230, 307},
    {Sensor::smoke, Unit::ppm, high, 350, 507},
    {Sensor::humidity, Unit::percent, zero, 0, 0},
    {Sensor::humidity, Unit::percent, low, 120, 287},
    {Sensor::humidity, Unit::percent, normal, 400, 677},
    {Sensor::humidity, Unit::percent, high, 800, 987},
    {Sensor::humidity, Unit::percent, impossible, 1200, 1897},
    {Sensor::temp, Unit::fahrenheit, very_low, 120, 317},
    {Sensor::temp, Unit::fahrenheit, low, 420, 547},
    {Sensor::temp, Unit::fahrenheit, normal, 630, 787},
    {Sensor::temp, Unit::fahrenheit, elevated, 860, 967},
    {Sensor::temp, Unit::fahrenheit, high, 1050, 1397},
    {Sensor::temp, Unit::fahrenheit, impossible, 4000, 8997},
    {Sensor::temp, Unit::celsius, very_low, -110, -2},
    {Sensor::temp, Unit::celsius, low, 50, 127},
    {Sensor::temp, Unit::celsius, normal, 170, 257},
    {Sensor::temp, Unit::celsius, elevated, 300, 357},
    {Sensor::temp, Unit::celsius, high, 410, 597},
    {Sensor::temp, Unit::celsius, impossible, 2000, 4897},
    {Sensor::light, Unit::on_off, normal, 0, 0},
    {Sensor::light, Unit::on_off, high, 1, 1},
    {Sensor::motion, Unit::on_off, normal, 0, 0},
    {Sensor::motion, Unit::on_off, high, 1, 1},
});

Unit band_unit(Unit unit) {
  return unit == Unit::ppb ? Unit::ppm : unit;
}
}  // namespace

std::span<const Band> bands() {
  return kBands;
}

const Band* find_band(Sensor sensor, Unit unit, Level level) {
  for (const Band& band : kBands) {
    if (band.sensor == sensor && band.unit == band_unit(unit) && band.level == level) return &band;
  }
  return nullptr;
}

std::optional<Level> level_of(Sensor sensor, Unit unit, int ticks) {
  for (const Band& band : kBands) {
    if (band.sensor == sensor && band.unit == band_unit(unit) && ticks >= band.low_ticks &&
        ticks <= band.high_ticks) {
      return band.level;
    }
  }
  return std::nullopt;
}

std::string_view key_name(Sensor sensor) {
  constexpr std::array<std::string_view, kSensors> names = {"co",     "humidity", "light", "lpg",
                                                            "motion", "smoke",    "temp"};
  return names[index(sensor)];
}

std::string_view answer_name(Sensor sensor) {
  constexpr std::array<std::string_view, kSensors> names = {
      "carbon monoxide", "humidity", "light", "LPG", "motion", "smoke", "temperature"};
  return names[index(sensor)];
}

std::string_view level_name(Level level) {
  constexpr std::array<std::string_view, 10> names = {
      "absent",   "zero", "impossible", "missing",  "frozen",
      "very low", "low",  "normal",     "elevated", "high"};
  return names[static_cast<std::size_t>(level)];
}

std::string_view unit_name(Unit unit) {
  constexpr std::array<std::string_view, 6> names = {"ppm", "ppb", "%", "°F", "°C", "on/off"};
  return names[static_cast<std::size_t>(unit)];
}

}  // namespace wattle::learn
