#pragma once
// What can be read on this machine, and for everything that cannot, why and how to fix it.

#include <memory>
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

struct ModelOptions {
  double idle_w = 5.0;
  double max_w = 15.0;
};

// RAPL, hwmon and the utilisation model, below `root`. Each sensor listed was read once. `clock`
// must outlive the sensors.
[[nodiscard]] Inventory discover(const FsRoot& root, const Clock& clock,
                                 const ModelOptions& model = {});

[[nodiscard]] std::vector<SensorInfo> infos(const Inventory& inventory);

}  // namespace wattle::sense
