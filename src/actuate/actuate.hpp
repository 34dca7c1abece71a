#pragma once
// Front header: the knobs of this machine. Each is found below a filesystem root, refuses values
// outside the device's own table, is locked against a second driver, and is put back as it was
// found, after a kill -9 too (docs/actuators.md).

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "actuate/actuator.hpp"

namespace wattle::actuate {

struct Inventory {
  std::vector<std::unique_ptr<Actuator>> actuators;
  std::vector<Unavailable> unavailable;
};

struct DiscoverOptions {
  // The library to load for NVML; empty: libnvidia-ml.so.1, and only where the root is "/".
  std::filesystem::path nvml_library;
};

// Every knob there is below `root`, its table read and its present setting readable:
//   cpuN.freq, cpuN.governor   one cpufreq policy each, N its first core; groups cpu.freq, …
//   cpu.cores                  which cores are online
//   gpu.freq                   limits of the GPU's devfreq
//   nvmlN.clocks               locked clocks of an NVIDIA GPU
//   nvpmodel                   the power mode of a Jetson
//   fan.pwm                    duty of the fan
[[nodiscard]] Inventory discover(const FsRoot& root, const DiscoverOptions& options = {});

// The knob of that id, or all of that group. None: `not_found`, with those that there are; known
// but not here: `unavailable` with its reason.
[[nodiscard]] Result<std::vector<Actuator*>> find_knobs(const Inventory& inventory,
                                                        std::string_view id_or_group);

// One knob and a setting of it that its table has.
struct Target {
  Actuator* actuator = nullptr;
  std::string asked;    // "816MHz"
  std::string setting;  // "816000..816000"
};

// "cpu.freq=816MHz" as targets in the order in which they must be set; a later assignment of the
// same knob replaces the earlier. Nothing is written; the first refusal is the result.
[[nodiscard]] Result<std::vector<Target>> parse_targets(
    const Inventory& inventory, const std::vector<std::string>& assignments);

// What setting it would do now, in order (the dry run). A knob that does not say what it is set to
// is planned from nothing.
[[nodiscard]] Result<std::vector<Step>> plan_target(const Target& target);

}  // namespace wattle::actuate
