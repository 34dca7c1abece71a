#pragma once
// RAPL through the kernel's powercap tree: /sys/class/powercap/intel-rapl:N[:M]/{name,energy_uj,
// max_energy_range_uj} in µJ (Documentation/power/powercap; AMD uses the same tree). Zone names:
// package-N, package-N-die-D, core, uncore, dram, psys.

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "sense/discover.hpp"

namespace wattle::sense {

// Appends every zone that can be read, and every reason why one cannot. intel-rapl-mmio repeats
// zones of intel-rapl: the second of a name is left out and said to be a duplicate.
void discover_rapl(const FsRoot& root, const Clock& clock, Inventory& inventory);

}  // namespace wattle::sense
