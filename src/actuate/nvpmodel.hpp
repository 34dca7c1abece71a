#pragma once
// What NVIDIA's nvpmodel prints (Jetson Linux Developer Guide, "Power Mode Controls").

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wattle::actuate {

struct PowerMode {
  int id = 0;
  std::string name;  // "MAXN", "15W"
};

// `nvpmodel -p --verbose`: every "POWER_MODEL … ID=n NAME=x". None, an ID or name twice, or what is
// no ID: `invalid_format`.
[[nodiscard]] Result<std::vector<PowerMode>> parse_power_modes(std::string_view text);

// `nvpmodel -q`: "NV Power Mode: MODE_30W" and, on a line of its own, the ID.
[[nodiscard]] Result<int> parse_power_mode_query(std::string_view text);

}  // namespace wattle::actuate
