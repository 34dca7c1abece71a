#pragma once
// Which sensors a command measures with: the same options wherever energy is measured.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "meter/measure.hpp"
#include "sense/discover.hpp"

namespace wattle::cli {

struct EnergyOptions {
  std::string root = "/";
  std::vector<std::string> sensors;
  std::string meter_csv;
  std::string tegrastats_log;
  std::optional<double> model_idle_w, model_max_w;
};

void add_energy_options(CLI::App& command, EnergyOptions& options);

// `not_found` if the root is no folder.
[[nodiscard]] Status check_root(const EnergyOptions& options);
[[nodiscard]] sense::DiscoverOptions discover_options(const EnergyOptions& options);
void apply(const EnergyOptions& options, meter::MeterOptions& meter);

}  // namespace wattle::cli
