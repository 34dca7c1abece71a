#pragma once
// Which sensors together are "the energy of this machine", without counting a joule twice.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "sense/sensor.hpp"

namespace wattle::sense {

struct TotalSet {
  std::vector<std::size_t> members;  // indices into the span; empty: nothing to go by
  std::string id;                    // "rapl:package-0+rapl:package-1"
  std::string scope;                 // "package-0 + dram of package-0"
  Kind kind = Kind::counter;
  std::string note;  // what is missing from it or left out of it; empty if nothing
};

// In this order, the first that exists; one source at a time, so never a parent and its child, nor
// two sensors of one rail:
//   counters  RAPL packages with their dram; hwmon packages; psys or another system counter alone
//   sampled   hwmon system power; hwmon packages
//   model     the utilisation model
// Packages come before psys because psys differs from platform to platform (docs/measurement.md).
// `unavailable` is only for the note: a package that could not be read is named as missing.
[[nodiscard]] TotalSet choose_total(std::span<const SensorInfo> sensors,
                                    std::span<const Unavailable> unavailable = {});

}  // namespace wattle::sense
