#pragma once
// Processor time from the text of /proc/stat (proc(5)).

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace wattle::sense {

// /proc/stat counts in USER_HZ, which is 100 on every architecture Linux runs Wattle on.
inline constexpr double kTickSeconds = 0.01;

struct CpuTimes {
  // user + nice + system + irq + softirq, summed over all cores. Not idle, not iowait, not steal
  // (time the host gave to others); guest time is already inside user and nice.
  std::uint64_t busy_ticks = 0;
  int n_cores = 0;  // lines "cpuN": cores that are online
};

// `source` names the text in errors.
[[nodiscard]] Result<CpuTimes> parse_proc_stat(std::string_view text, std::string_view source);

}  // namespace wattle::sense
