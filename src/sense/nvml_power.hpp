#pragma once
// Power of NVIDIA's GPUs through NVML: the energy counter where there is one (Volta and later), or
// the instantaneous power, or else what nvmlDeviceGetPowerUsage gives.

#include <filesystem>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "sense/discover.hpp"

namespace wattle::sense {

// `library` empty: libnvidia-ml.so.1, and only where the root is "/".
void discover_nvml_power(const FsRoot& root, const Clock& clock,
                         const std::filesystem::path& library, Inventory& inventory);

}  // namespace wattle::sense
