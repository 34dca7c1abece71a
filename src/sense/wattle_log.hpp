#pragma once
// Our own log, as text: docs/formats/sense-log.md. log.hpp reads it, log_writer.hpp writes it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "sense/log.hpp"
#include "sense/total.hpp"

namespace wattle::sense {

struct LogHeader {
  std::vector<SensorInfo> sensors;  // default_rate_hz: as sampled here
  std::vector<GaugeInfo> gauges;
  TotalSet total;
  std::vector<Unavailable> unavailable;
  std::string host;
  std::string wattle;     // version
  std::string converted;  // the format it was made from; empty: recorded
  LogClock clock = LogClock::utc;
  bool date_known = true;
};

[[nodiscard]] Json to_json(const LogHeader& header);

struct LogRow {
  std::int64_t t_ns = 0;
  std::int64_t wall_ns = 0;
  std::string_view sensor;
  std::string_view quantity;  // "power_w", "energy_j", a gauge's
  std::optional<double> value;
  std::string_view reason;
};

// `format` is wattle_csv or wattle_jsonl. Each gives whole lines with their ends.
[[nodiscard]] std::string header_text(LogFormat format, const LogHeader& header);
void append_row(LogFormat format, const LogRow& row, std::string& text);
[[nodiscard]] std::string trailer_text(LogFormat format, const Json& trailer);

}  // namespace wattle::sense
