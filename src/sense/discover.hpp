#pragma once
// What can be read on this machine, and for everything that cannot, why and how to fix it.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "sense/sensor.hpp"
#include "sense/total.hpp"

namespace wattle::sense {

struct Inventory {
  std::vector<std::unique_ptr<PowerSensor>> sensors;
  std::vector<Unavailable> unavailable;
};

// The ends of the utilisation model; empty: the board's usual ones (utilisation_model.hpp).
struct ModelOptions {
  std::optional<double> idle_w;
  std::optional<double> max_w;
};

struct DiscoverOptions {
  ModelOptions model;
  // A log that a running tegrastats writes; empty: it is started where it is installed and the
  // rails cannot be read directly. Like meter_csv taken as it is, not below the root: the user
  // named it.
  std::filesystem::path tegrastats_log;
  // A CSV file that an external power meter goes on writing (docs/formats/meter-csv.md).
  std::filesystem::path meter_csv;
  // The library to load for NVML; empty: libnvidia-ml.so.1, and only where the root is "/".
  std::filesystem::path nvml_library;
};

// Every source there is below `root`. Each sensor listed was read once. `clock` must outlive the
// sensors.
[[nodiscard]] Inventory discover(const FsRoot& root, const Clock& clock,
                                 const DiscoverOptions& options = {});

[[nodiscard]] std::vector<SensorInfo> infos(const Inventory& inventory);

}  // namespace wattle::sense
