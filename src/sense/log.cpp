#include "sense/log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/fs_root.hpp"
#include "sense/log_build.hpp"
#include "sense/log_table.hpp"

namespace wattle::sense {
namespace {

constexpr double kNs = 1e-9;
constexpr double kMaxPowerW = 20'000.0;  // more is no power of a machine, as for hwmon
constexpr std::size_t kLargestLog = std::size_t{1} << 29;

struct FormatName {
  LogFormat format;
  const char* name;
};
constexpr std::array<FormatName, 7> kFormats{{{LogFormat::detect, "auto"},
                                              {LogFormat::wattle_csv, "wattle-csv"},
                                              {LogFormat::wattle_jsonl, "wattle-jsonl"},
                                              {LogFormat::power_gadget, "power-gadget"},
                                              {LogFormat::nvidia_smi, "nvidia-smi"},
                                              {LogFormat::tegrastats, "tegrastats"},
                                              {LogFormat::power_csv, "power-csv"}}};

// Readings in the order of time; what is not becomes a gap.
class TimeOrder {
 public:
  // The reading, changed where it must be; empty if it is to be dropped.
  std::optional<LogReading> pass(LogReading reading) {
    if (!started_ || reading.t_ns > last_ns_) {
      started_ = true;
      last_ns_ = reading.t_ns;
      in_the_past_ = false;
      return reading;
    }
    if (reading.t_ns == last_ns_ && !in_the_past_) {
      ++n_twice_;
      return std::nullopt;
    }
    ++n_back_;
    if (std::exchange(in_the_past_, true)) return std::nullopt;
    return LogReading{last_ns_, std::nullopt,
                      fmt::format("time went back by {:.3f} s",
                                  static_cast<double>(last_ns_ - reading.t_ns) * kNs)};
  }
  void note_in(SensorLog& log, const std::string& id) const {
    if (n_twice_ > 0) {
      log.notes.push_back(
          fmt::format("{}: {} readings at a time that had one, left out", id, n_twice_));
    }
    if (n_back_ > 0) {
      log.notes.push_back(fmt::format(
          "{}: time went back; {} readings until it had caught up left out", id, n_back_));
    }
  }

 private:
  std::int64_t last_ns_ = 0;
  bool started_ = false;
  bool in_the_past_ = false;
  std::size_t n_twice_ = 0;
  std::size_t n_back_ = 0;
};

void check_power(LogReading& reading) {
  if (!reading.value || (*reading.value >= 0.0 && *reading.value <= kMaxPowerW)) return;
  reading.reason = fmt::format("{:g} W is no power of a machine", *reading.value);
  reading.value.reset();
}

// A counter that fell or leapt: the energy in between is unknown, the sum goes on without it.
class GrowingEnergy {
 public:
  explicit GrowingEnergy(double update_period_s) : update_period_s_(update_period_s) {}

  void check(LogReading& reading) {
    if (!reading.value) return;
    const double raw_j = *reading.value;
    if (!started_) {
      started_ = true;
      last_ns_ = reading.t_ns;
      last_raw_j_ = raw_j;
      base_j_ = -raw_j;
    }
    const double seconds = static_cast<double>(reading.t_ns - last_ns_) * kNs;
    const double step_j = raw_j - last_raw_j_;
    if (step_j < 0.0 || step_j > kMaxPowerW * (seconds + update_period_s_)) {
      base_j_ -= step_j;
      reading.reason =
          fmt::format("the counter went from {:g} to {:g} J in {:.3f} s: taken as a reset",
                      last_raw_j_, raw_j, seconds);
    }
    last_ns_ = reading.t_ns;
    last_raw_j_ = raw_j;
    reading.value = raw_j + base_j_;
  }

 private:
  double update_period_s_;
  double base_j_ = 0.0;
  double last_raw_j_ = 0.0;
  std::int64_t last_ns_ = 0;
  bool started_ = false;
};

// Of the log's own statement, or as its readings come. What is hours apart is no sampling.
void set_pace(LogPower& sensor) {
  constexpr double kSlowestS = 3600.0;
  constexpr double kFastestHz = 1e6;
  SensorInfo& info = sensor.info;
  const double interval_s = median_interval_s(sensor.readings);
  if (info.update_period_s <= 0.0) info.update_period_s = interval_s;
  if (info.default_rate_hz <= 0.0 && interval_s > 0.0) info.default_rate_hz = 1.0 / interval_s;
  info.update_period_s = std::clamp(info.update_period_s, 0.0, kSlowestS);
  if (info.default_rate_hz > 0.0) {
    info.default_rate_hz = std::clamp(info.default_rate_hz, 1.0 / kSlowestS, kFastestHz);
  }
}

void put_right(LogPower& sensor, SensorLog& log) {
  set_pace(sensor);
  TimeOrder order;
  GrowingEnergy energy(sensor.info.update_period_s);
  std::vector<LogReading> kept;
  kept.reserve(sensor.readings.size());
  for (LogReading& reading : sensor.readings) {
    auto passed = order.pass(std::move(reading));
    if (!passed) continue;
    if (sensor.is_energy) {
      energy.check(*passed);
    } else {
      check_power(*passed);
    }
    kept.push_back(std::move(*passed));
  }
  sensor.readings = std::move(kept);
  order.note_in(log, sensor.info.id);
}

void put_right(LogGauge& gauge, SensorLog& log) {
  const double interval_s = median_interval_s(gauge.readings);
  if (gauge.info.default_rate_hz <= 0.0 && interval_s > 0.0) {
    gauge.info.default_rate_hz = 1.0 / interval_s;
  }
  TimeOrder order;
  std::vector<LogReading> kept;
  for (LogReading& reading : gauge.readings) {
    if (auto passed = order.pass(std::move(reading))) kept.push_back(std::move(*passed));
  }
  gauge.readings = std::move(kept);
  order.note_in(log, gauge.info.id);
}

bool has_reading(const SensorLog& log) {
  const auto good = [](const LogReading& r) { return r.value.has_value(); };
  return std::any_of(log.power.begin(), log.power.end(),
                     [&](const LogPower& s) {
                       return std::any_of(s.readings.begin(), s.readings.end(), good);
                     }) ||
         std::any_of(log.gauges.begin(), log.gauges.end(), [&](const LogGauge& g) {
           return std::any_of(g.readings.begin(), g.readings.end(), good);
         });
}

Result<SensorLog> parse_as(LogFormat format, std::string_view text, const ReadLogOptions& options) {
  switch (format) {
    case LogFormat::wattle_csv:
    case LogFormat::wattle_jsonl:
      return parse_wattle_log(text);
    case LogFormat::power_gadget:
      return parse_power_gadget(text, options);
    case LogFormat::nvidia_smi:
      return parse_nvidia_smi(text);
    case LogFormat::tegrastats:
      return parse_tegrastats_log(text, options);
    case LogFormat::power_csv:
      return parse_power_csv(text);
    case LogFormat::detect:
      break;
  }
  return fail(ErrorCode::internal, "no format chosen");
}

std::string_view first_line_of(std::string_view text) {
  CsvRows rows(text);
  while (!rows.rest().empty()) {
    const std::string_view line = rows.take_line();
    if (!line.empty()) return line.substr(0, kLongestLogLine);
  }
  return {};
}

}  // namespace

const char* log_format_name(LogFormat format) {
  for (const FormatName& f : kFormats) {
    if (f.format == format) return f.name;
  }
  return "unknown";
}

std::optional<LogFormat> log_format_from_name(std::string_view name) {
  for (const FormatName& f : kFormats) {
    if (f.name == name) return f.format;
  }
  return std::nullopt;
}

std::optional<std::int64_t> SensorLog::first_ns() const {
  std::optional<std::int64_t> first;
  for (const LogPower& sensor : power) {
    if (!sensor.readings.empty()) {
      first = std::min(first.value_or(sensor.readings.front().t_ns), sensor.readings.front().t_ns);
    }
  }
  return first;
}

std::optional<std::int64_t> SensorLog::last_ns() const {
  std::optional<std::int64_t> last;
  for (const LogPower& sensor : power) {
    if (!sensor.readings.empty()) {
      last = std::max(last.value_or(sensor.readings.back().t_ns), sensor.readings.back().t_ns);
    }
  }
  return last;
}

Result<LogFormat> detect_log(std::string_view text) {
  const std::string_view line = first_line_of(text);
  const std::string lower = lower_case(line);
  const auto has = [&](std::string_view part) { return lower.find(part) != std::string::npos; };
  if (has("wattle-sense-log")) {
    return line.starts_with('#') ? LogFormat::wattle_csv : LogFormat::wattle_jsonl;
  }
  if (has("system time") && (has("watt") || has("joules"))) return LogFormat::power_gadget;
  if (has("timestamp") && has("power.draw")) return LogFormat::nvidia_smi;
  if (has("ram ") && (has("cpu [") || has("mw") || has("gr3d"))) return LogFormat::tegrastats;
  if (has(",") && (has("power") || has("watt"))) return LogFormat::power_csv;
  return fail(ErrorCode::unsupported,
              line.empty() ? "the log is empty" : "what kind of log this is cannot be told",
              line.empty() ? "Was its writer stopped at once?"
                           : "Name its format (--from); a CSV needs its line of column names. See "
                             "docs/formats/sense-log.md.");
}

Result<SensorLog> parse_log(std::string_view text, const std::string& source,
                            const ReadLogOptions& options) {
  const auto named = [&](Error error) {
    error.what = "cannot read " + source + ": " + error.what;
    return std::unexpected(std::move(error));
  };
  LogFormat format = options.format;
  if (format == LogFormat::detect) {
    const auto detected = detect_log(text);
    if (!detected) return named(detected.error());
    format = *detected;
  }
  auto log = parse_as(format, text, options);
  if (!log) return named(std::move(log.error()));
  log->format = format;
  log->source = source;
  for (LogPower& sensor : log->power) put_right(sensor, *log);
  for (LogGauge& gauge : log->gauges) put_right(gauge, *log);
  if (!has_reading(*log)) {
    return named({ErrorCode::invalid_format,
                  fmt::format("there is no reading in it{}{}", log->notes.empty() ? "" : ": ",
                              log->notes.empty() ? "" : log->notes.front()),
                  "See docs/formats/sense-log.md."});
  }
  if (log->cut_off) log->notes.emplace_back("its last line is cut off and left out");
  return log;
}

Result<SensorLog> read_log(const std::filesystem::path& path, const ReadLogOptions& options) {
  WATTLE_TRY(const std::string text, read_file(path, kLargestLog));
  return parse_log(text, path.string(), options);
}

}  // namespace wattle::sense
