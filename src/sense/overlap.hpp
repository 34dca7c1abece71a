#pragma once
// Whether two sensors may count the same joules, so that they must not be added.

#include <optional>
#include <string>

#include "sense/sensor.hpp"

namespace wattle::sense {

// Why they may, or nothing where they are known not to: lines of one source that do not contain
// each other, packages of different sockets, a processor's package and a discrete GPU by NVML.
// Where it is not known, they may. A model and a measurement always "overlap": they are never
// added. Symmetric.
[[nodiscard]] std::optional<std::string> overlap(const SensorInfo& a, const SensorInfo& b);

// The group of sensors that covers one card: "nvml:0" of "nvml:0" and "nvml:0/power". Empty for
// others.
[[nodiscard]] std::string nvml_card(const SensorInfo& info);

}  // namespace wattle::sense
