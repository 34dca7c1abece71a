#pragma once
// What kind of machine this is, so that "not there" comes with the right reason and remedy.

#include "base/fs_root.hpp"

namespace wattle::sense {

enum class Machine { physical_x86, virtual_x86, arm, unknown };
// From /proc/cpuinfo: the flag "hypervisor" marks a virtual x86 machine, "CPU implementer" an ARM.
[[nodiscard]] Machine machine_of(const FsRoot& root);

}  // namespace wattle::sense
