#pragma once
// Which sensors together are "the energy of this machine", without counting a joule twice.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sense/sensor.hpp"

namespace wattle::sense {

struct TotalSet {
  std::vector<std::size_t> members;  // indices into the span; empty: nothing to go by
  std::string id;                    // "rapl:package-0+rapl:package-1"
  std::string scope;                 // "package-0 + dram of package-0"
  Kind kind = Kind::counter;
  std::string note;  // what is missing from it or left out of it; empty if nothing
};

// In this order, the first that exists; never a parent and its child, nor two sensors of one rail:
//   an external meter (it is only there if the user named it)
//   counters  RAPL packages with their dram, else those of perf, else package counters of hwmon;
//   each
//             with the GPUs that NVML counts, which draw from other lines; psys or another system
//             counter alone
//   sampled   a board's own rails (board_total), INA before tegrastats, complete before incomplete;
//             hwmon system power; the Raspberry Pi 5's power chip; batteries; hwmon packages
//   model     the utilisation model
// Packages come before psys because psys differs from platform to platform (docs/measurement.md). A
// GPU alone is never the machine: beside a model it is named in the note.
// `unavailable` is for the note (a package or rail that could not be read is named as missing) and
// to tell a complete board from an incomplete one.
[[nodiscard]] TotalSet choose_total(std::span<const SensorInfo> sensors,
                                    std::span<const Unavailable> unavailable = {});

// The sensors of these ids, in their order. invalid_argument with the reason where two of them may
// count the same joules (overlap.hpp): they are refused, not summed. not_found with what there is,
// or why it cannot be read, for an id that is none.
[[nodiscard]] Result<TotalSet> select_total(std::span<const SensorInfo> sensors,
                                            std::span<const Unavailable> unavailable,
                                            std::span<const std::string> ids);

}  // namespace wattle::sense
