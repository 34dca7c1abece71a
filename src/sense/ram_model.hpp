#pragma once
// What the memory modules may take where no rail covers them: a constant, always labelled as model,
// listed and never part of a total. 1.5 W a module on ARM (at least 3 W), 5 W on x86 (at least 10
// W), as energy trackers commonly assume. Modules are counted by the memory controller's driver
// (/sys/devices/system/edac/mc/mc*/dimm*, Documentation/admin-guide/ras.rst); where it is not
// loaded, the least is taken and the scope says so.

#include "sense/discover.hpp"

namespace wattle::sense {

struct RamModel {
  int n_modules = 0;  // 0: unknown
  double power_w = 0.0;
};
// Of a machine's kind; no power where that is unknown.
[[nodiscard]] RamModel ram_model(bool arm, int n_modules);

// After all other sources: only where none of theirs contains the memory.
void discover_ram_model(const FsRoot& root, const Clock& clock, Inventory& inventory);

}  // namespace wattle::sense
