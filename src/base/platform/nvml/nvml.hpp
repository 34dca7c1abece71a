#pragma once
// NVIDIA's management library, loaded at run time: Wattle neither builds against it nor needs it.
// The declarations are our own, after the documented interface (NVML API Reference). What a driver
// or a GPU does not offer is `unsupported`, never a crash. Safe from several threads, as NVML is.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace wattle::nvml {

inline constexpr const char* kDefaultLibrary = "libnvidia-ml.so.1";

enum class ClockDomain : int { graphics = 0, sm = 1, memory = 2, video = 3 };

// Why the clocks are below what was asked for (bits of nvmlClocksEventReason*).
namespace event_reason {
inline constexpr std::uint64_t kIdle = 0x1;
inline constexpr std::uint64_t kClocksSetting = 0x2;
inline constexpr std::uint64_t kSoftwarePowerCap = 0x4;
inline constexpr std::uint64_t kHardwareSlowdown = 0x8;
inline constexpr std::uint64_t kSyncBoost = 0x10;
inline constexpr std::uint64_t kSoftwareThermal = 0x20;
inline constexpr std::uint64_t kHardwareThermal = 0x40;
inline constexpr std::uint64_t kHardwarePowerBrake = 0x80;
inline constexpr std::uint64_t kDisplayClockSetting = 0x100;
// Heat, power or current; not idleness nor a clock that somebody set.
inline constexpr std::uint64_t kHeldBack = kSoftwarePowerCap | kHardwareSlowdown |
                                           kSoftwareThermal | kHardwareThermal |
                                           kHardwarePowerBrake;
}  // namespace event_reason

struct Utilisation {
  double gpu = 0.0;     // [0, 1]: part of the sample period in which a kernel ran
  double memory = 0.0;  // [0, 1]: part in which device memory was read or written
};

struct Memory {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t used_bytes = 0;
};

class Loaded;  // the open library; closed with the last Device

class Device {
 public:
  Device(std::shared_ptr<const Loaded> library, void* handle, unsigned index);

  [[nodiscard]] unsigned index() const { return index_; }
  [[nodiscard]] Result<std::string> name() const;
  [[nodiscard]] Result<std::string> uuid() const;

  // Since the driver was loaded, in mJ; changes about every 100 ms. Volta and later.
  [[nodiscard]] Result<std::uint64_t> total_energy_mj() const;
  // NVML_FI_DEV_POWER_INSTANT.
  [[nodiscard]] Result<std::uint32_t> power_instant_mw() const;
  // A mean over 1 s on Ampere and later except GA100, instantaneous before.
  [[nodiscard]] Result<std::uint32_t> power_usage_mw() const;

  [[nodiscard]] Result<std::uint32_t> temperature_c() const;  // of the die
  [[nodiscard]] Result<std::uint32_t> clock_mhz(ClockDomain domain) const;
  [[nodiscard]] Result<Utilisation> utilisation() const;
  [[nodiscard]] Result<std::uint64_t> clocks_event_reasons() const;
  // Percent of the greatest speed that is asked for, may be above 100; `unsupported` without fan.
  [[nodiscard]] Result<std::uint32_t> fan_speed_percent() const;
  [[nodiscard]] Result<Memory> memory() const;

  // In falling order as NVML gives them.
  [[nodiscard]] Result<std::vector<std::uint32_t>> supported_memory_clocks_mhz() const;
  [[nodiscard]] Result<std::vector<std::uint32_t>> supported_graphics_clocks_mhz(
      std::uint32_t memory_mhz) const;
  // Needs root. Kept until reset, the driver's unloading or a reboot, also after this process.
  // NVML has no way to read the lock itself: clock_mhz(graphics) under load shows it.
  [[nodiscard]] Status lock_graphics_clocks(std::uint32_t min_mhz, std::uint32_t max_mhz) const;
  [[nodiscard]] Status reset_graphics_clocks() const;

 private:
  std::shared_ptr<const Loaded> library_;
  void* handle_;
  unsigned index_;
};

struct Library {
  std::string driver_version;  // "" where it is not told
  std::vector<Device> devices;
  std::vector<Error> missing;  // devices that are there, but cannot be opened
};

// dlopen, nvmlInit, every device. `unavailable` where there is no library, no driver or no GPU.
[[nodiscard]] Result<Library> load(const std::filesystem::path& library = kDefaultLibrary);

// A value of nvmlReturn_t other than 0 as an Error: "NVML cannot <what>: no permission".
[[nodiscard]] Error error_of(int nvml_return, const std::string& what);

}  // namespace wattle::nvml
