#pragma once
// One process: /proc/PID/stat (proc(5)), and the lines "Key:  123 kB" of /proc/PID/status,
// /proc/PID/smaps_rollup and /proc/meminfo.

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace wattle::sense {

struct ProcessStat {
  char state = '?';  // 'R', 'S', …; 'Z' and 'X' have ended
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t cpu_ticks = 0;    // user and system
  std::uint64_t start_ticks = 0;  // since the machine started: tells two users of a PID apart
};

// The name of the program, in parentheses, may itself hold spaces and parentheses. `source` names
// the text in errors.
[[nodiscard]] Result<ProcessStat> parse_process_stat(std::string_view text,
                                                     std::string_view source);

// The first line "<key>: <number> kB", in bytes.
[[nodiscard]] Result<std::uint64_t> parse_kib_line(std::string_view text, std::string_view key,
                                                   std::string_view source);

}  // namespace wattle::sense
