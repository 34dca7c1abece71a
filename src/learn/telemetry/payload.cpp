#include "learn/telemetry/payload.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace wattle::learn {
namespace {
using View = std::string_view;

// How one prompt writes things; drawn once, so that a prompt is consistent in itself.
struct Manner {
  bool words = false;       // "carbon monoxide", "temperature"
  bool capitals = false;    // "CO", "LPG"
  bool show_units = false;  // units that could be left out (ppm, %, °F)
  bool whole = false;       // humidity and temperature without decimals
  View on, off;
  View missing;
  View celsius, fahrenheit;
};

// Stands in the text where the sensor's last reading ends, until take_marks() removes it.
constexpr char kMark = '\x01';
std::string mark(const Channel& channel) {
  return {kMark, static_cast<char>(index(channel.sensor) + 1)};
}

MarkedText take_marks(View text) {
  MarkedText out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == kMark) {
      out.marks.push_back({static_cast<Sensor>(text[++i] - 1), out.text.size()});
    } else {
      out.text += text[i];
    }
  }
  return out;
}

Manner draw_manner(const Case& made, Random& random, Split split) {
  constexpr std::array<std::array<View, 2>, 4> switches = {
      {{"on", "off"}, {"true", "false"}, {"yes", "no"}, {"1", "0"}}};
  constexpr std::array<View, 4> missing = {"NaN", "nan", "null", "n/a"};
  constexpr std::array<View, 3> celsius = {"°C", "C", "degrees C"};
  constexpr std::array<View, 3> fahrenheit = {"°F", "F", "degrees F"};
  Manner manner;
  manner.words = random.chance(0.35);
  manner.capitals = random.chance(0.3);
  manner.show_units = random.chance(0.6);
  manner.whole = split == Split::training && made.n_readings == 1 && random.chance(0.12);
  const auto& pair = random.pick(switches);
  manner.on = pair[0];
  manner.off = pair[1];
  manner.missing = random.pick(missing);
  const std::uint32_t degree = random.below(3);
  manner.celsius = celsius[degree];
  manner.fahrenheit = fahrenheit[degree];
  return manner;
}

std::string name_of(const Manner& manner, Sensor sensor) {
  if (manner.words) {
    constexpr std::array<View, kSensors> names = {
        "carbon monoxide", "humidity", "light", "LPG", "motion", "smoke", "temperature"};
    return std::string(names[index(sensor)]);
  }
  if (manner.capitals && sensor == Sensor::co) return "CO";
  if (manner.capitals && sensor == Sensor::lpg) return "LPG";
  return std::string(key_name(sensor));
}

std::string value_text(const Manner& manner, const Channel& channel, std::size_t reading) {
  const auto& ticks = channel.ticks[reading];
  if (!ticks) return std::string(manner.missing);
  if (channel.unit == Unit::on_off) return std::string(*ticks != 0 ? manner.on : manner.off);
  const bool tenths = channel.unit == Unit::percent || channel.unit == Unit::fahrenheit ||
                      channel.unit == Unit::celsius;
  if (manner.whole && tenths && std::abs(*ticks) >= 100) return fmt::format("{}", *ticks / 10);
  return number_text(channel.unit, *ticks);
}

// " ppb", " %", " °C" or nothing. Units other than ppm, % and °F are always written.
std::string unit_suffix(const Manner& manner, Unit unit) {
  switch (unit) {
    case Unit::ppb:
      return " ppb";
    case Unit::celsius:
      return fmt::format(" {}", manner.celsius);
    case Unit::ppm:
      return manner.show_units ? " ppm" : "";
    case Unit::percent:
      return manner.show_units ? " %" : "";
    case Unit::fahrenheit:
      return manner.show_units ? fmt::format(" {}", manner.fahrenheit) : "";
    case Unit::on_off:
      return "";
  }
  return "";
}

std::string series(const Manner& manner, const Channel& channel, View separator) {
  if (channel.unit == Unit::on_off) return value_text(manner, channel, 0);
  std::string text;
  for (std::size_t i = 0; i < channel.ticks.size(); ++i) {
    if (i > 0) text += separator;
    text += value_text(manner, channel, i);
  }
  return text;
}

std::string json_key(const Manner& manner, const Channel& channel) {
  std::string key(key_name(channel.sensor));
  if (channel.unit == Unit::celsius) key += "_c";
  if (channel.unit == Unit::ppb) key += "_ppb";
  if (channel.unit == Unit::fahrenheit && manner.show_units) key += "_f";
  return key;
}

std::string json_value(const Manner& manner, const Channel& channel, std::size_t reading) {
  const auto& ticks = channel.ticks[reading];
  if (!ticks) return manner.missing == "n/a" ? "null" : std::string(manner.missing);
  if (channel.unit == Unit::on_off) return *ticks != 0 ? "true" : "false";
  return value_text(manner, channel, reading);
}

std::string json_object(const Manner& manner, const Case& made, std::size_t reading) {
  std::string text = "{";
  for (const Channel& channel : made.channels) {
    if (text.size() > 1) text += ", ";
    text +=
        fmt::format("\"{}\": {}", json_key(manner, channel), json_value(manner, channel, reading));
    if (reading + 1 == channel.ticks.size()) text += mark(channel);
  }
  return text + "}";
}

std::string json_payload(const Manner& manner, const Case& made, bool by_reading) {
  if (made.n_readings == 1) return json_object(manner, made, 0);
  std::string text;
  if (by_reading) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(made.n_readings); ++i) {
      text += i == 0 ? "[" : ", ";
      text += json_object(manner, made, i);
    }
    return text + "]";
  }
  text = "{";
  for (const Channel& channel : made.channels) {
    if (text.size() > 1) text += ", ";
    text += fmt::format("\"{}\": ", json_key(manner, channel));
    if (channel.unit == Unit::on_off) {
      text += json_value(manner, channel, 0) + mark(channel);
      continue;
    }
    for (std::size_t i = 0; i < channel.ticks.size(); ++i) {
      text += i == 0 ? "[" : ", ";
      text += json_value(manner, channel, i);
    }
    text += mark(channel) + "]";
  }
  return text + "}";
}

// `glue` stands between name and value: ": ", " = ", " ".
std::string list_payload(const Manner& manner, const Case& made, View glue) {
  const bool window = made.n_readings > 1;
  std::string text;
  for (const Channel& channel : made.channels) {
    if (!text.empty()) text += window ? "; " : ", ";
    text += fmt::format("{}{}{}{}{}", name_of(manner, channel.sensor), glue,
                        series(manner, channel, ", "), unit_suffix(manner, channel.unit),
                        mark(channel));
  }
  return text;
}

std::string rows_payload(const Manner& manner, const Case& made, View glue) {
  std::string text;
  for (std::size_t i = 0; i < static_cast<std::size_t>(made.n_readings); ++i) {
    text += fmt::format("{}{})", i == 0 ? "" : "; ", i + 1);
    bool first = true;
    for (const Channel& channel : made.channels) {
      text += fmt::format("{} {}{}{}{}", first ? "" : ",", name_of(manner, channel.sensor), glue,
                          value_text(manner, channel, i), unit_suffix(manner, channel.unit));
      first = false;
      if (i + 1 == static_cast<std::size_t>(made.n_readings)) text += mark(channel);
    }
  }
  return text;
}

std::string prose_payload(const Manner& manner, const Case& made, View verb) {
  std::string text;
  for (std::size_t i = 0; i < made.channels.size(); ++i) {
    const Channel& channel = made.channels[i];
    if (i > 0) text += i + 1 == made.channels.size() ? " and " : ", ";
    const bool on = channel.unit == Unit::on_off && channel.ticks[0].value_or(0) != 0;
    if (channel.sensor == Sensor::light) {
      text += on ? "the light is on" : "the light is off";
    } else if (channel.sensor == Sensor::motion) {
      text += on ? "motion is detected" : "there is no motion";
    } else {
      text += fmt::format("{} {} {}{}", name_of(manner, channel.sensor), verb,
                          series(manner, channel, " then "), unit_suffix(manner, channel.unit));
    }
    text += mark(channel);
  }
  return text;
}
}  // namespace

std::string number_text(Unit unit, int ticks) {
  const View sign = ticks < 0 ? "-" : "";
  const int size = std::abs(ticks);
  if (unit == Unit::ppm) return fmt::format("{}{}.{:04}", sign, size / 10000, size % 10000);
  return fmt::format("{}{}.{}", sign, size / 10, size % 10);
}

MarkedText payload_text(const Case& made, Random& random, Split split) {
  const Manner manner = draw_manner(made, random, split);
  constexpr std::array<View, 3> glues = {": ", " = ", " "};
  constexpr std::array<View, 3> verbs = {"is", "reads", "at"};
  constexpr std::array<View, 3> window_verbs = {"went", "reads", "was"};
  const View glue = random.pick(glues);
  const View verb = random.pick(made.n_readings > 1 ? window_verbs : verbs);
  const bool by_reading = random.chance(0.25);
  switch (random.below(3)) {
    case 0:
      return take_marks(json_payload(manner, made, by_reading));
    case 1:
      return take_marks(made.n_readings > 1 && by_reading ? rows_payload(manner, made, glue)
                                                          : list_payload(manner, made, glue));
    default:
      return take_marks(prose_payload(manner, made, verb));
  }
}

}  // namespace wattle::learn
