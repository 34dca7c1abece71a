#pragma once

#include "base/fs_root.hpp"
#include "base/json.hpp"

namespace wattle::lab {

// What a reader of results wants to know of the machine, as far as it can be read: cpu, cores,
// memory_bytes, kernel, governor, load_average. Keys that cannot be read are absent.
[[nodiscard]] Json describe_machine(const FsRoot& root);

}  // namespace wattle::lab
