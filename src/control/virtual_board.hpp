#pragma once
// The files of an AGX Orin on JetPack 6 that a virtual device writes once, and the paths of those
// that move.

#include <cstdint>
#include <string>
#include <vector>

#include "control/virtual_tree.hpp"

namespace wattle::control {

namespace board {
inline constexpr const char* kIna40 =
    "/sys/devices/platform/bus@0/c240000.i2c/i2c-1/1-0040/hwmon/hwmon1";
inline constexpr const char* kIna41 =
    "/sys/devices/platform/bus@0/c240000.i2c/i2c-1/1-0041/hwmon/hwmon2";
inline constexpr const char* kFan = "/sys/devices/platform/pwm-fan/hwmon/hwmon3";
inline constexpr const char* kTachometer = "/sys/devices/platform/39c0000.tachometer/hwmon/hwmon4";
inline constexpr const char* kGpu = "/sys/devices/platform/bus@0/17000000.gpu";
inline constexpr const char* kGpuClock =
    "/sys/devices/platform/bus@0/17000000.gpu/devfreq/17000000.gpu";
inline constexpr const char* kMemoryClock = "/sys/kernel/debug/bpmp/debug/clk/emc";
// Kilohertz of the memory clock that were used: what tegrastats divides by the clock.
inline constexpr const char* kMemoryActivity = "/sys/kernel/actmon_avg_activity/mc_all";
inline constexpr const char* kThermal = "/sys/class/thermal";
inline constexpr const char* kCpus = "/sys/devices/system/cpu";

inline constexpr int kCores = 12;
inline constexpr int kCoresEach = 4;  // of a policy: three clusters
inline constexpr double kSupplyMv = 20'000.0;
inline constexpr double kSys5v0Mv = 5'000.0;

// Zones that follow the one temperature of the model. cv0 to cv2, the vision engines, are off.
inline constexpr int kWarmZones[] = {0, 1, 5, 6, 7, 8};
inline constexpr int kGpuCooling = 3;    // bins taken from the GPU
inline constexpr int kGpuThrottled = 5;  // 1 while there are any
}  // namespace board

[[nodiscard]] std::string cpu_policy(int first_core);
[[nodiscard]] const std::vector<double>& cpu_table_khz();
[[nodiscard]] const std::vector<std::uint64_t>& memory_table_hz();
[[nodiscard]] const std::vector<std::string>& gpu_governors();
[[nodiscard]] const std::vector<std::string>& cpu_governors();

struct BoardTexts {
  std::vector<double> gpu_bins_hz;
  double throttle_trip_c = 99.0;
  double throttle_hysteresis_c = 3.0;
};
[[nodiscard]] Status write_board(VirtualTree& tree, const BoardTexts& texts);

// Programs of the board as scripts for /bin/sh. They find their tree from where they lie.
[[nodiscard]] const char* nvpmodel_script();
[[nodiscard]] const char* tegrastats_script();

}  // namespace wattle::control
