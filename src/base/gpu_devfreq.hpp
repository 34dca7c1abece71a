#pragma once
// The folder through which the kernel's devfreq drives the GPU of a board (Jetsons, Arm boards).
// Its name and place change with the board and the JetPack, so it is found by the device tree's
// name.

#include <string>

#include "base/fs_root.hpp"
#include "base/result.hpp"

namespace wattle {

// Path below the root of the folder with available_frequencies, min_freq, max_freq, cur_freq
// (all Hz) and governor. `unavailable` where there is no such GPU. In this order:
//   /sys/class/devfreq/gpu-gpc-0                                    Jetson Thor
//   /sys/class/devfreq/* with device/of_node/name one of gpu, ga10b, gv11b, gp10b, gb10b
//   /sys/devices/[platform/[bus@0/]]<address>.<one of these>/devfreq/<the same>
[[nodiscard]] Result<std::string> find_gpu_devfreq(const FsRoot& root);

}  // namespace wattle
