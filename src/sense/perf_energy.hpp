#pragma once
// RAPL's energy through perf: the PMU `power` with events energy-{cores,pkg,ram,gpu,psys}
// (/sys/bus/event_source/devices/power). The same registers as powercap, but the kernel extends
// them to 64 bits, and the capability CAP_PERFMON is enough to read them.

#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "sense/discover.hpp"

namespace wattle::sense {

class PerfCounter {
 public:
  virtual ~PerfCounter() = default;
  [[nodiscard]] virtual Result<std::uint64_t> read() = 0;  // counts since it was opened
};

// perf_event_open(2) as an argument.
class PerfEvents {
 public:
  virtual ~PerfEvents() = default;
  // System-wide (every process) on one processor.
  [[nodiscard]] virtual Result<std::unique_ptr<PerfCounter>> open(std::uint32_t type,
                                                                  std::uint64_t config,
                                                                  int cpu) = 0;
};

// Those of the machine this runs on.
[[nodiscard]] std::unique_ptr<PerfEvents> system_perf_events();

// "0-1,8" → 0, 1, 8, as in `cpumask`.
[[nodiscard]] Result<std::vector<int>> parse_cpu_list(std::string_view text);
// "event=0x02" → 2.
[[nodiscard]] Result<std::uint64_t> parse_perf_event(std::string_view text);

// Every event on every processor of the PMU's cpumask (one a package). Nothing where there is no
// such PMU. `events` null: the root is a recorded tree, and perf would read the wrong machine.
void discover_perf_energy(const FsRoot& root, const Clock& clock, PerfEvents* events,
                          Inventory& inventory);

}  // namespace wattle::sense
