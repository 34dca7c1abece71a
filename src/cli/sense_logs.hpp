#pragma once
// What `wattle sense replay` and `wattle sense align` share: options that say how a log is read.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "sense/log.hpp"

namespace wattle::cli {

struct LogOptions {
  std::string from = "auto";
  std::string date;
  double interval_s = 1.0;
};
void add_log_options(CLI::App& app, LogOptions& options);
[[nodiscard]] Result<sense::ReadLogOptions> read_log_options(const LogOptions& options);

// What was left out of the log and why, on standard error.
void print_notes(const sense::SensorLog& log);

// The sensors with these ids; without ids those that make up the log's total, and where it has
// none an error that names the choice.
[[nodiscard]] Result<std::vector<std::size_t>> sensors_or_total(
    const sense::SensorLog& log, const std::vector<std::string>& ids);

// "+0.040", "12.3 W", "–" where there is nothing.
[[nodiscard]] std::string number_or_dash(std::optional<double> value, int decimals);

}  // namespace wattle::cli
