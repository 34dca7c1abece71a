#pragma once
// Processor time from the text of /proc/stat (proc(5)).

#include <cstdint>
#include <map>
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

// What one core did, or all together (kAllCores), in ticks since the machine started.
struct CoreTimes {
  std::uint64_t busy_ticks = 0;    // as in CpuTimes
  std::uint64_t idle_ticks = 0;    // and steal: not busy for us
  std::uint64_t iowait_ticks = 0;  // idle too; may go backwards (proc(5))
};
inline constexpr int kAllCores = -1;
// By core number; a core that is offline has no line. `source` names the text in errors.
[[nodiscard]] Result<std::map<int, CoreTimes>> parse_core_times(std::string_view text,
                                                                std::string_view source);

// `source` names the text in errors.
[[nodiscard]] Result<CpuTimes> parse_proc_stat(std::string_view text, std::string_view source);

}  // namespace wattle::sense
