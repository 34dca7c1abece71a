#include "sense/wattle_log.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "sense/log_time.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kFormat = "wattle-sense-log";
constexpr const char* kColumns = "monotonic_ns,wall_time,sensor,quantity,value,reason\n";

Json to_json(const SensorInfo& info) {
  return {{"id", info.id},
          {"source", info.source},
          {"scope", info.scope},
          {"kind", kind_name(info.kind)},
          {"rail", rail_name(info.rail)},
          {"socket", info.socket},
          {"group", info.group},
          {"inside", info.inside},
          {"board_total", info.board_total},
          {"update_period_s", info.update_period_s},
          {"sample_rate_hz", info.default_rate_hz},
          {"resolution_j", info.resolution_j},
          {"resolution_w", info.resolution_w}};
}

Json to_json(const GaugeInfo& info) {
  Json trips = Json::array();
  for (const TripPoint& trip : info.trips) {
    trips.push_back({{"type", trip.type}, {"temperature_c", trip.temperature_c}});
  }
  return {{"id", info.id},
          {"source", info.source},
          {"scope", info.scope},
          {"quantity", quantity_name(info.quantity)},
          {"sample_rate_hz", info.default_rate_hz},
          {"trips", trips}};
}

const char* clock_name(LogClock clock) {
  switch (clock) {
    case LogClock::utc:
      return "utc";
    case LogClock::unstated:
      return "unstated";
    case LogClock::none:
      return "none";
  }
  return "utc";
}

void append_csv_cell(std::string_view cell, std::string& text) {
  if (cell.find_first_of(",\"\r\n") == std::string_view::npos &&
      (cell.empty() || (cell.front() != ' ' && cell.back() != ' '))) {
    text += cell;
    return;
  }
  text += '"';
  for (const char c : cell) {
    if (c == '"') text += '"';
    text += c == '\n' || c == '\r' ? ' ' : c;
  }
  text += '"';
}

void append_csv_row(const LogRow& row, std::string& text) {
  fmt::format_to(std::back_inserter(text), "{},{},", row.t_ns, wall_time_us(row.wall_ns));
  append_csv_cell(row.sensor, text);
  text += ',';
  append_csv_cell(row.quantity, text);
  text += ',';
  if (row.value) fmt::format_to(std::back_inserter(text), "{}", *row.value);
  text += ',';
  append_csv_cell(row.reason, text);
  text += '\n';
}

std::string json_text(std::string_view text) {
  return dump_json(Json(std::string(text)));
}

void append_jsonl_row(const LogRow& row, std::string& text) {
  fmt::format_to(std::back_inserter(text),
                 R"({{"monotonic_ns":{},"wall_time":"{}","sensor":{},"quantity":{},"value":)",
                 row.t_ns, wall_time_us(row.wall_ns), json_text(row.sensor),
                 json_text(row.quantity));
  if (row.value) {
    fmt::format_to(std::back_inserter(text), "{}", *row.value);
  } else {
    text += "null";
  }
  if (!row.reason.empty()) text += ",\"reason\":" + json_text(row.reason);
  text += "}\n";
}

}  // namespace

Json to_json(const LogHeader& header) {
  Json sensors = Json::array();
  for (const SensorInfo& info : header.sensors) sensors.push_back(to_json(info));
  Json gauges = Json::array();
  for (const GaugeInfo& info : header.gauges) gauges.push_back(to_json(info));
  Json members = Json::array();
  for (const std::size_t i : header.total.members) members.push_back(header.sensors[i].id);
  Json missing = Json::array();
  for (const Unavailable& u : header.unavailable) {
    missing.push_back({{"id", u.id}, {"reason", u.reason}});
  }
  Json json = {{"format", kFormat},
               {"version", 1},
               {"wattle", header.wattle},
               {"host", header.host},
               {"clock", clock_name(header.clock)},
               {"date_known", header.date_known}};
  if (!header.converted.empty()) json["converted_from"] = header.converted;
  json["sensors"] = std::move(sensors);
  json["gauges"] = std::move(gauges);
  json["total"] = {{"members", members}, {"note", header.total.note}};
  json["unavailable"] = std::move(missing);
  return json;
}

std::string header_text(LogFormat format, const LogHeader& header) {
  const std::string json = dump_json(to_json(header));
  if (format == LogFormat::wattle_jsonl) return json + "\n";
  return fmt::format("# {}\n{}", json, kColumns);
}

void append_row(LogFormat format, const LogRow& row, std::string& text) {
  if (format == LogFormat::wattle_jsonl) {
    append_jsonl_row(row, text);
  } else {
    append_csv_row(row, text);
  }
}

std::string trailer_text(LogFormat format, const Json& trailer) {
  const Json json = {{"trailer", trailer}};
  return (format == LogFormat::wattle_jsonl ? "" : "# ") + dump_json(json) + "\n";
}

}  // namespace wattle::sense
