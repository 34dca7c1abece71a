// Our own logs, CSV and JSONL, back into a SensorLog.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/fs_root.hpp"
#include "sense/log_build.hpp"
#include "sense/log_table.hpp"
#include "sense/log_time.hpp"
#include "sense/wattle_log.hpp"

namespace wattle::sense {
namespace {

constexpr std::size_t kMostSensors = 100'000;
constexpr std::int64_t kClockStepNs = 50'000'000;  // less is the slewing of NTP

std::string text_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

double number_of(const Json& json, const char* key, double otherwise = 0.0) {
  const auto it = json.find(key);
  return it != json.end() && it->is_number() ? it->get<double>() : otherwise;
}

bool flag_of(const Json& json, const char* key, bool otherwise) {
  const auto it = json.find(key);
  return it != json.end() && it->is_boolean() ? it->get<bool>() : otherwise;
}

const Json& list_of(const Json& json, const char* key) {
  static const Json kNothing = Json::array();
  const auto it = json.find(key);
  return it != json.end() && it->is_array() ? *it : kNothing;
}

template <class Enum>
Enum by_name(const std::string& name, Enum last, const char* (*name_of)(Enum), Enum otherwise) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (name == name_of(static_cast<Enum>(i))) return static_cast<Enum>(i);
  }
  return otherwise;
}

SensorInfo sensor_info(const Json& json) {
  SensorInfo info;
  info.id = text_of(json, "id");
  info.source = text_of(json, "source");
  info.scope = text_of(json, "scope");
  info.kind = by_name(text_of(json, "kind"), Kind::model, kind_name, Kind::model);
  info.rail = by_name(text_of(json, "rail"), Rail::modelled, rail_name, Rail::other);
  const double socket = number_of(json, "socket", -1.0);
  info.socket = socket >= 0.0 && socket < 1e6 ? static_cast<int>(socket) : -1;
  info.group = text_of(json, "group");
  for (const Json& id : list_of(json, "inside")) {
    if (id.is_string()) info.inside.push_back(id.get<std::string>());
  }
  info.board_total = flag_of(json, "board_total", false);
  const auto positive = [&](const char* key) { return std::max(0.0, number_of(json, key)); };
  info.update_period_s = std::min(positive("update_period_s"), 3600.0);
  info.default_rate_hz = std::min(positive("sample_rate_hz"), 1e6);
  info.resolution_j = positive("resolution_j");
  info.resolution_w = positive("resolution_w");
  return info;
}

GaugeInfo gauge_info(const Json& json) {
  GaugeInfo info;
  info.id = text_of(json, "id");
  info.source = text_of(json, "source");
  info.scope = text_of(json, "scope");
  info.quantity =
      by_name(text_of(json, "quantity"), Quantity::charge, quantity_name, Quantity::temperature_c);
  info.default_rate_hz = std::max(0.0, number_of(json, "sample_rate_hz"));
  for (const Json& trip : list_of(json, "trips")) {
    if (trip.is_object()) {
      info.trips.push_back({text_of(trip, "type"), number_of(trip, "temperature_c")});
    }
  }
  return info;
}

class Reader {
 public:
  Status header(std::string_view text) {
    WATTLE_TRY(const Json json, parse_json(text, "the first line"));
    if (!json.is_object() || text_of(json, "format") != "wattle-sense-log") {
      return fail(ErrorCode::invalid_format, "the first line is no header of a sense log",
                  "See docs/formats/sense-log.md.");
    }
    if (number_of(json, "version") != 1.0) {
      return fail(ErrorCode::unsupported,
                  fmt::format("this is version {:g} of the format, and version 1 is known here",
                              number_of(json, "version")),
                  "Read it with the Wattle that wrote it, or a newer one.");
    }
    log_.host = text_of(json, "host");
    log_.wattle = text_of(json, "wattle");
    const std::string clock = text_of(json, "clock");
    log_.clock = clock == "unstated" ? LogClock::unstated
                 : clock == "none"   ? LogClock::none
                                     : LogClock::utc;
    log_.date_known = flag_of(json, "date_known", true);
    return channels(json);
  }

  // One JSON object that is not the header: a row or the trailer.
  void object(std::size_t line, std::string_view text) {
    const auto json = parse_json(text, "line");
    if (!json || !json->is_object()) return bad_.add(line, "no JSON object");
    if (const auto trailer = json->find("trailer"); trailer != json->end()) {
      if (trailer->is_object()) {
        log_.cost =
            LogCost{number_of(*trailer, "cpu_seconds"), number_of(*trailer, "wall_seconds")};
      }
      return;
    }
    const auto t = json->find("monotonic_ns");
    const auto value = json->find("value");
    if (t == json->end() || !t->is_number_integer()) return bad_.add(line, "no monotonic_ns");
    std::optional<double> number;
    if (value != json->end() && value->is_number()) number = value->get<double>();
    row(line, t->get<std::int64_t>(), text_of(*json, "wall_time"), text_of(*json, "sensor"),
        text_of(*json, "quantity"), number, text_of(*json, "reason"));
  }

  void cells(std::size_t line, const Header& columns, const std::vector<std::string>& cells) {
    if (cells.size() != columns.size()) {
      return bad_.add(line, fmt::format("{} cells instead of {}", cells.size(), columns.size()));
    }
    const auto cell = [&](std::string_view name) {
      const auto column = columns.find(name);
      return column ? cells[*column] : std::string();
    };
    const auto t_ns = parse_integer(cell("monotonic_ns"));
    if (!t_ns) return bad_.add(line, "no monotonic_ns");
    const std::string value = cell("value");
    std::optional<double> number;
    if (!value.empty()) {
      number = parse_number(value);
      if (!number) return bad_.add(line, "a value that is no number");
    }
    row(line, *t_ns, cell("wall_time"), cell("sensor"), cell("quantity"), number, cell("reason"));
  }

  void bad(std::size_t line, std::string_view why) { bad_.add(line, why); }

  SensorLog finish(bool cut_off) {
    log_.cut_off = cut_off;
    bad_.note_in(log_);
    return std::move(log_);
  }

 private:
  static std::optional<std::int64_t> parse_integer(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
  }

  Status channels(const Json& json) {
    const Json& sensors = list_of(json, "sensors");
    const Json& gauges = list_of(json, "gauges");
    if (sensors.size() + gauges.size() > kMostSensors) {
      return fail(ErrorCode::invalid_format, "it names more sensors than a machine has");
    }
    for (const Json& sensor : sensors) {
      if (!sensor.is_object()) continue;
      LogPower power;
      power.info = sensor_info(sensor);
      power_of_[power.info.id] = log_.power.size();
      log_.power.push_back(std::move(power));
    }
    for (const Json& gauge : gauges) {
      if (!gauge.is_object()) continue;
      LogGauge entry;
      entry.info = gauge_info(gauge);
      gauge_of_[entry.info.id] = log_.gauges.size();
      log_.gauges.push_back(std::move(entry));
    }
    const auto total = json.find("total");
    if (total == json.end() || !total->is_object()) return {};
    log_.total_note = text_of(*total, "note");
    for (const Json& id : list_of(*total, "members")) {
      const auto it = id.is_string() ? power_of_.find(id.get<std::string>()) : power_of_.end();
      if (it != power_of_.end()) log_.total.push_back(it->second);
    }
    return {};
  }

  void row(std::size_t line, std::int64_t t_ns, std::string_view wall, const std::string& sensor,
           std::string_view quantity, std::optional<double> value, std::string reason) {
    // Whatever is subtracted from whatever (log_time.cpp), it fits in 64 bits.
    constexpr std::int64_t kEarliest = -1'000'000'000'000'000;
    constexpr std::int64_t kLatest = 4'100'000'000'000'000'000;
    if (t_ns < kEarliest || t_ns > kLatest) return bad_.add(line, "a time out of range");
    if (!value && reason.empty()) reason = "no value";
    if (const auto gauge = gauge_of_.find(sensor); gauge != gauge_of_.end()) {
      log_.gauges[gauge->second].readings.push_back({t_ns, value, std::move(reason)});
    } else if (const auto power = power_of_.find(sensor); power != power_of_.end()) {
      LogPower& entry = log_.power[power->second];
      const bool is_energy = quantity == "energy_j";
      if (!is_energy && quantity != "power_w") return bad_.add(line, "an unknown quantity");
      if (value && entry.readings.empty()) entry.is_energy = is_energy;
      if (value && entry.is_energy != is_energy && !has_value_[sensor]) entry.is_energy = is_energy;
      if (value && entry.is_energy != is_energy) return bad_.add(line, "power and energy mixed");
      if (value) has_value_[sensor] = true;
      entry.readings.push_back({t_ns, value, std::move(reason)});
    } else {
      return bad_.add(line, "a sensor that the header does not name");
    }
    follow_clock(t_ns, wall);
  }

  void follow_clock(std::int64_t t_ns, std::string_view wall) {
    const auto time = parse_timestamp(wall);
    if (!time) return;
    const std::int64_t offset_ns = time->ns - t_ns;
    if (!offset_ns_) log_.wall_offset_ns = offset_ns;
    const std::int64_t step_ns = offset_ns - offset_ns_.value_or(offset_ns);
    if (std::llabs(step_ns) > kClockStepNs) {
      log_.notes.push_back(fmt::format(
          "the clock was set by {:+.3f} s at {}; times of day after it count by the clock before",
          static_cast<double>(step_ns) * 1e-9, wall));
    }
    offset_ns_ = offset_ns;
  }

  SensorLog log_;
  std::map<std::string, std::size_t> power_of_;
  std::map<std::string, std::size_t> gauge_of_;
  std::map<std::string, bool> has_value_;
  std::optional<std::int64_t> offset_ns_;
  BadLines bad_;
};

Result<SensorLog> parse_jsonl(CsvRows& lines) {
  Reader reader;
  WATTLE_CHECK(reader.header(lines.take_line()));
  bool cut_off = lines.unfinished();
  while (!lines.rest().empty()) {
    const std::string_view line = lines.take_line();
    cut_off = lines.unfinished();
    if (cut_off || line.empty()) continue;
    if (line.size() > kLongestLogLine) {
      reader.bad(lines.line(), "longer than a line of a log can be");
    } else {
      reader.object(lines.line(), line);
    }
  }
  return reader.finish(cut_off);
}

Result<SensorLog> parse_csv(CsvRows& rows) {
  Reader reader;
  WATTLE_CHECK(reader.header(trim(rows.take_line().substr(1))));
  std::vector<std::string> cells;
  WATTLE_TRY(const bool has_columns, rows.next(cells));
  const Header columns(cells);
  if (!has_columns || !columns.find("monotonic_ns") || !columns.find("sensor") ||
      !columns.find("value")) {
    return fail(ErrorCode::invalid_format, "the line of column names is missing",
                "See docs/formats/sense-log.md.");
  }
  bool cut_off = rows.unfinished();
  while (!rows.rest().empty()) {
    if (rows.rest().starts_with('#')) {
      const std::string_view line = rows.take_line();
      if (!rows.unfinished() && line.size() <= kLongestLogLine) {
        reader.object(rows.line(), trim(line.substr(1)));
      }
    } else {
      WATTLE_TRY(const bool more, rows.next(cells));
      if (!more) break;
      const bool blank = cells.size() == 1 && cells[0].empty();
      if (!rows.unfinished() && !blank) reader.cells(rows.line(), columns, cells);
    }
    cut_off = rows.unfinished();
  }
  return reader.finish(cut_off);
}

}  // namespace

Result<SensorLog> parse_wattle_log(std::string_view text) {
  CsvRows rows(text);
  const std::string_view rest = rows.rest();
  const auto line_end = rest.find('\n');
  if (std::min(line_end, rest.size()) > 64 * kLongestLogLine) {
    return fail(ErrorCode::invalid_format, "the first line is longer than a header can be");
  }
  return rest.starts_with('#') ? parse_csv(rows) : parse_jsonl(rows);
}

}  // namespace wattle::sense
