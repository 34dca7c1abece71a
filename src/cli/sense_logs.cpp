#include "cli/sense_logs.hpp"

#include <fmt/format.h>

#include "sense/log_time.hpp"
#include "sense/replay.hpp"

namespace wattle::cli {

void add_log_options(CLI::App& app, LogOptions& options) {
  app.add_option("--from", options.from,
                 "Format of the log: auto, wattle-csv, wattle-jsonl, power-gadget, nvidia-smi, "
                 "tegrastats, power-csv")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "wattle-csv", "wattle-jsonl", "power-gadget", "nvidia-smi",
                             "tegrastats", "power-csv"}));
  app.add_option("--date", options.date,
                 "The day a log without dates (Power Gadget) begins: YYYY-MM-DD");
  app.add_option("--interval", options.interval_s,
                 "Seconds between the lines of a tegrastats log without times")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 3600.0));
}

Result<sense::ReadLogOptions> read_log_options(const LogOptions& options) {
  sense::ReadLogOptions read;
  read.format = sense::log_format_from_name(options.from).value_or(sense::LogFormat::detect);
  read.interval_s = options.interval_s;
  if (options.date.empty()) return read;
  read.date_ns = sense::parse_date(options.date);
  if (!read.date_ns) {
    return fail(ErrorCode::invalid_argument, "'" + options.date + "' is no day",
                "Write it as 2026-11-20.");
  }
  return read;
}

void print_notes(const sense::SensorLog& log) {
  for (const std::string& note : log.notes) {
    fmt::print(stderr, "wattle: {}: {}\n", log.source, note);
  }
}

Result<std::vector<std::size_t>> sensors_or_total(const sense::SensorLog& log,
                                                  const std::vector<std::string>& ids) {
  if (!ids.empty()) return sense::choose_sensors(log, ids);
  if (!log.total.empty()) return log.total;
  std::string known;
  for (const auto& sensor : log.power) known += (known.empty() ? "" : ", ") + sensor.info.id;
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("{} has no total{}{}", log.source, log.total_note.empty() ? "" : ": ",
                  log.total_note),
      known.empty() ? "It has no sensor of power." : "Choose with --sensor: " + known + ".");
}

std::string number_or_dash(std::optional<double> value, int decimals) {
  return value ? fmt::format("{:.{}f}", *value, decimals) : std::string("–");
}

}  // namespace wattle::cli
