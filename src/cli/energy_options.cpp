#include "cli/energy_options.hpp"

#include <filesystem>

namespace wattle::cli {

void add_energy_options(CLI::App& command, EnergyOptions& options) {
  constexpr const char* kGroup = "Energy";
  command.add_option("--root", options.root, "Read /sys and /proc of sensors below this folder")
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--sensor", options.sensors,
                  "Measure with this sensor instead of the best set (repeat for a sum; ids: wattle "
                  "sense list)")
      ->allow_extra_args(false)
      ->group(kGroup);
  command
      .add_option("--meter-csv", options.meter_csv,
                  "CSV file that an external power meter goes on writing")
      ->group(kGroup);
  command
      .add_option("--tegrastats-log", options.tegrastats_log,
                  "Log that a running tegrastats writes")
      ->group(kGroup);
  command
      .add_option("--model-idle-w", options.model_idle_w,
                  "Where nothing can be measured: modelled watts when idle (5)")
      ->group(kGroup);
  command
      .add_option("--model-max-w", options.model_max_w,
                  "Where nothing can be measured: modelled watts at full load (15; Jetson Nano 10)")
      ->group(kGroup);
}

Status check_root(const EnergyOptions& options) {
  std::error_code ignored;
  if (std::filesystem::is_directory(options.root, ignored)) return {};
  return fail(ErrorCode::not_found, "no folder " + options.root,
              "Name the root of a Linux system with --root.");
}

sense::DiscoverOptions discover_options(const EnergyOptions& options) {
  return {.model = {options.model_idle_w, options.model_max_w},
          .tegrastats_log = options.tegrastats_log,
          .meter_csv = options.meter_csv};
}

void apply(const EnergyOptions& options, meter::MeterOptions& meter) {
  meter.root = FsRoot(options.root);
  meter.sensors = options.sensors;
  meter.meter_csv = options.meter_csv;
  meter.tegrastats_log = options.tegrastats_log;
  meter.model_idle_w = options.model_idle_w;
  meter.model_max_w = options.model_max_w;
}

}  // namespace wattle::cli
