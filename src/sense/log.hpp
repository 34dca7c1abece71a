#pragma once
// A recorded log of sensors, whoever wrote it. What stands in the file and cannot be right (time
// going back, a negative power, a counter that falls) becomes a gap with its reason, as with a
// sensor that is read live; nothing is dropped without a note. Formats: docs/formats/sense-log.md.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sense/gauge.hpp"
#include "sense/sensor.hpp"

namespace wattle::sense {

enum class LogFormat {
  detect,  // from the content
  wattle_csv,
  wattle_jsonl,
  power_gadget,  // Intel Power Gadget's PowerLog
  nvidia_smi,    // nvidia-smi --query-gpu=... --format=csv[,nounits]
  tegrastats,
  power_csv,  // any CSV with a time and columns of power
};
[[nodiscard]] const char* log_format_name(LogFormat format);  // "nvidia-smi"
[[nodiscard]] std::optional<LogFormat> log_format_from_name(std::string_view name);

struct LogReading {
  std::int64_t t_ns = 0;
  std::optional<double> value;  // empty: the reading failed, `reason` says why
  std::string reason;           // beside a value: the energy since the reading before is unknown
};

struct LogPower {
  SensorInfo info;
  bool is_energy = false;  // values are J, growing; otherwise W
  std::vector<LogReading> readings;
};

struct LogGauge {
  GaugeInfo info;
  std::vector<LogReading> readings;
};

enum class LogClock {
  utc,       // times of day are UTC
  unstated,  // times of day without a zone: UTC or local
  none,      // no time of day: times count from the first reading
};

// What recording cost, from the trailer of our own logs.
struct LogCost {
  double cpu_seconds = 0.0;
  double wall_seconds = 0.0;
};

struct SensorLog {
  LogFormat format = LogFormat::detect;
  std::string source;  // the file, for messages
  std::string host;    // empty where unknown
  std::string wattle;  // version that wrote it
  std::vector<LogPower> power;
  std::vector<LogGauge> gauges;
  std::vector<std::size_t> total;  // indices into power: what together may be called the total
  std::string total_note;          // what is missing from it, or why there is none
  LogClock clock = LogClock::utc;
  bool date_known = true;           // false: days are counted from 1970-01-01
  std::int64_t wall_offset_ns = 0;  // time of day = t_ns + this
  bool cut_off = false;             // the file ends in the middle of a line
  std::optional<LogCost> cost;
  std::vector<std::string> notes;  // what was left out and why

  [[nodiscard]] std::optional<std::int64_t> first_ns() const;  // of all power readings
  [[nodiscard]] std::optional<std::int64_t> last_ns() const;
};

struct ReadLogOptions {
  LogFormat format = LogFormat::detect;
  // The day on which a log without dates begins; without it `date_known` is false.
  std::optional<std::int64_t> date_ns;
  double interval_s = 1.0;  // between the lines of a tegrastats log without times
};

// `unsupported` if it looks like none of them.
[[nodiscard]] Result<LogFormat> detect_log(std::string_view text);

// `source` names the text in errors. A text without a single usable reading is `invalid_format`.
[[nodiscard]] Result<SensorLog> parse_log(std::string_view text, const std::string& source,
                                          const ReadLogOptions& options = {});
[[nodiscard]] Result<SensorLog> read_log(const std::filesystem::path& path,
                                         const ReadLogOptions& options = {});

// The parsers, one file each; parse_log() also puts right (see above) what they return.
[[nodiscard]] Result<SensorLog> parse_wattle_log(std::string_view text);
[[nodiscard]] Result<SensorLog> parse_power_gadget(std::string_view text,
                                                   const ReadLogOptions& options);
[[nodiscard]] Result<SensorLog> parse_nvidia_smi(std::string_view text);
[[nodiscard]] Result<SensorLog> parse_tegrastats_log(std::string_view text,
                                                     const ReadLogOptions& options);
[[nodiscard]] Result<SensorLog> parse_power_csv(std::string_view text);

}  // namespace wattle::sense
