// A simulated NVML for the tests, built as a shared library so that the real path through dlopen is
// taken. It is no GPU: its numbers come from a text file of lines "key value", named by the
// variable WATTLE_FAKE_NVML_STATE and read again at every call, so that a test (or another process)
// changes the device while it is in use. "1.power_mw" is for device 1 alone; without a file the
// defaults below hold. The keys are those asked for below. Locked clocks are written into the file
// and so outlive the process that set them, as on a real device.
//   unsupported F,G   these functions answer "not supported"; `lost 1`: every one "GPU is lost"
//   time_ms T         the simulated time; without it the machine's clock
// The energy counter moves every 100 ms, as on real devices.
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace {

using Return = int;
[[maybe_unused]] constexpr Return kSuccess = 0, kInvalidArgument = 2, kNotSupported = 3,
                                  kNoPermission = 4, kInsufficientSize = 7, kDriverNotLoaded = 9,
                                  kLost = 15;

std::string state_path() {
  const char* const path = std::getenv("WATTLE_FAKE_NVML_STATE");
  return path != nullptr ? path : "";
}

std::map<std::string, std::string> read_state() {
  std::map<std::string, std::string> state;
  std::ifstream file(state_path());
  for (std::string line; std::getline(file, line);) {
    const auto space = line.find(' ');
    if (space != std::string::npos) state[line.substr(0, space)] = line.substr(space + 1);
  }
  return state;
}

// Handles are 1 + index: nothing is allocated, nothing can dangle.
struct Device {
  std::uintptr_t index;
  std::map<std::string, std::string> state;

  explicit Device(void* handle)
      : index(reinterpret_cast<std::uintptr_t>(handle) - 1), state(read_state()) {}
  [[nodiscard]] std::string text(const std::string& key, const std::string& otherwise) const {
    if (const auto own = state.find(std::to_string(index) + "." + key); own != state.end()) {
      return own->second;
    }
    const auto all = state.find(key);
    return all != state.end() ? all->second : otherwise;
  }
  [[nodiscard]] unsigned long long number(const std::string& key,
                                          unsigned long long otherwise) const {
    const std::string value = text(key, "");
    return value.empty() ? otherwise : std::strtoull(value.c_str(), nullptr, 10);
  }
  [[nodiscard]] Return refuses(const char* function) const {
    if (number("lost", 0) != 0) return kLost;
    std::istringstream names(text("unsupported", ""));
    for (std::string name; std::getline(names, name, ',');) {
      if (name == function) return kNotSupported;
    }
    return kSuccess;
  }
};

Return copy(const std::string& text, char* to, unsigned size) {
  if (text.size() + 1 > size) return kInsufficientSize;
  std::memcpy(to, text.c_str(), text.size() + 1);
  return kSuccess;
}

Return number_into(void* handle, const char* function, const char* key, unsigned otherwise,
                   unsigned* value) {
  const Device device(handle);
  if (const Return refused = device.refuses(function); refused != kSuccess) return refused;
  *value = static_cast<unsigned>(device.number(key, otherwise));
  return kSuccess;
}

#ifndef WATTLE_FAKE_NVML_OLD
unsigned long long milliseconds(const Device& device) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return device.number("time_ms", static_cast<unsigned long long>(now.tv_sec) * 1000 +
                                      static_cast<unsigned long long>(now.tv_nsec) / 1'000'000);
}

// "1980,1830,…" into NVML's pair of a count and an array.
Return copy_list(const std::string& text, unsigned* count, unsigned* values) {
  unsigned n = 0;
  std::istringstream numbers(text);
  for (std::string number; std::getline(numbers, number, ','); ++n) {
    if (values != nullptr && n < *count) {
      values[n] = static_cast<unsigned>(std::strtoul(number.c_str(), nullptr, 10));
    }
  }
  const bool fits = values != nullptr && n <= *count;
  *count = n;
  return fits ? kSuccess : kInsufficientSize;
}

// Writes the lock of one device into the state file, or removes it.
Return keep_lock(const Device& device, const std::string& lock) {
  if (device.number("permitted", 1) == 0) return kNoPermission;
  auto state = read_state();
  const std::string key = std::to_string(device.index) + ".locked_mhz";
  state.erase(key);
  if (!lock.empty()) state[key] = lock;
  const std::string path = state_path();
  const std::string temporary = path + "." + std::to_string(::getpid());
  {
    std::ofstream file(temporary);
    for (const auto& [name, value] : state) file << name << ' ' << value << '\n';
  }
  return std::rename(temporary.c_str(), path.c_str()) == 0 ? kSuccess : kNotSupported;
}
#endif

// What the device runs at: the wanted clock within the lock "min max".
unsigned graphics_mhz(const Device& device) {
  auto mhz = static_cast<unsigned>(device.number("graphics_mhz", 1410));
  std::istringstream lock(device.text("locked_mhz", ""));
  unsigned min = 0;
  unsigned max = 0;
  if (!(lock >> min >> max)) return mhz;
  return mhz < min ? min : (mhz > max ? max : mhz);
}

}  // namespace

extern "C" {

Return nvmlInit_v2() {
  return Device(nullptr).number("driver_loaded", 1) != 0 ? kSuccess : kDriverNotLoaded;
}
Return nvmlShutdown() {
  return kSuccess;
}
Return nvmlSystemGetDriverVersion(char* text, unsigned size) {
  return copy("550.54.14", text, size);
}
Return nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(Device(nullptr).number("devices", 1));
  return kSuccess;
}
Return nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  if (index >= Device(nullptr).number("devices", 1)) return kInvalidArgument;
  *handle = reinterpret_cast<void*>(static_cast<std::uintptr_t>(index) + 1);
  return Device(*handle).refuses("nvmlDeviceGetHandleByIndex_v2");
}
Return nvmlDeviceGetName(void* handle, char* text, unsigned size) {
  const Device device(handle);
  const Return refused = device.refuses("nvmlDeviceGetName");
  return refused != kSuccess ? refused : copy(device.text("name", "Simulated GPU"), text, size);
}
Return nvmlDeviceGetUUID(void* handle, char* text, unsigned size) {
  const Device device(handle);
  return copy("GPU-00000000-0000-0000-0000-00000000000" + std::to_string(device.index), text, size);
}
Return nvmlDeviceGetPowerUsage(void* handle, unsigned* mw) {
  return number_into(handle, "nvmlDeviceGetPowerUsage", "power_mw", 50'000, mw);
}
Return nvmlDeviceGetTemperature(void* handle, int /*sensor*/, unsigned* celsius) {
  return number_into(handle, "nvmlDeviceGetTemperature", "temperature_c", 40, celsius);
}
Return nvmlDeviceGetClockInfo(void* handle, int domain, unsigned* mhz) {
  constexpr int kMemoryDomain = 2;
  const Device device(handle);
  const Return refused = device.refuses("nvmlDeviceGetClockInfo");
  if (refused != kSuccess) return refused;
  *mhz = domain == kMemoryDomain ? static_cast<unsigned>(device.number("memory_mhz", 5001))
                                 : graphics_mhz(device);
  return kSuccess;
}
Return nvmlDeviceGetUtilizationRates(void* handle, void* rates) {
  auto* const gpu_and_memory = static_cast<unsigned*>(rates);
  const Return refused =
      number_into(handle, "nvmlDeviceGetUtilizationRates", "utilisation", 25, &gpu_and_memory[0]);
  if (refused != kSuccess) return refused;
  return number_into(handle, "", "memory_utilisation", 10, &gpu_and_memory[1]);
}
Return nvmlDeviceGetCurrentClocksThrottleReasons(void* handle, unsigned long long* bits) {
  const Device device(handle);
  *bits = device.number("reasons", 1);
  return device.refuses("nvmlDeviceGetCurrentClocksThrottleReasons");
}
Return nvmlDeviceGetFanSpeed(void* handle, unsigned* percent) {
  return number_into(handle, "nvmlDeviceGetFanSpeed", "fan_percent", 30, percent);
}
Return nvmlDeviceGetMemoryInfo(void* handle, void* info) {
  auto* const total_free_used = static_cast<unsigned long long*>(info);
  const Device device(handle);
  total_free_used[0] = device.number("memory_total", 8ULL << 30);
  total_free_used[2] = device.number("memory_used", 1ULL << 30);
  total_free_used[1] = total_free_used[0] - total_free_used[2];
  return device.refuses("nvmlDeviceGetMemoryInfo");
}

#ifndef WATTLE_FAKE_NVML_OLD  // what drivers before Volta's do not have

Return nvmlDeviceGetTotalEnergyConsumption(void* handle, unsigned long long* mj) {
  constexpr unsigned long long kUpdateMs = 100;
  const Device device(handle);
  const unsigned long long now_ms = milliseconds(device) / kUpdateMs * kUpdateMs;
  *mj = device.number("energy_mj", 1'000'000) + device.number("power_mw", 50'000) * now_ms / 1000;
  return device.refuses("nvmlDeviceGetTotalEnergyConsumption");
}

struct FakeFieldValue {
  unsigned field_id;
  unsigned scope_id;
  long long timestamp_us;
  long long latency_us;
  int value_type;
  Return result;
  unsigned long long value;
};
Return nvmlDeviceGetFieldValues(void* handle, int count, void* values) {
  auto* const fields = static_cast<FakeFieldValue*>(values);
  constexpr unsigned kPowerInstant = 186;
  const Device device(handle);
  for (int i = 0; i < count; ++i) {
    fields[i].result = kNotSupported;
    if (fields[i].field_id != kPowerInstant || device.state.contains("no_instant_power")) continue;
    fields[i].result = kSuccess;
    fields[i].value_type = 1;  // unsigned int
    const auto mw = static_cast<unsigned>(device.number("instant_mw", 55'000));
    std::memcpy(&fields[i].value, &mw, sizeof mw);
  }
  return device.refuses("nvmlDeviceGetFieldValues");
}
Return nvmlDeviceGetCurrentClocksEventReasons(void* handle, unsigned long long* bits) {
  const Device device(handle);
  *bits = device.number("reasons", 1);
  return device.refuses("nvmlDeviceGetCurrentClocksEventReasons");
}
Return nvmlDeviceGetSupportedMemoryClocks(void* handle, unsigned* count, unsigned* mhz) {
  const Device device(handle);
  const Return refused = device.refuses("nvmlDeviceGetSupportedMemoryClocks");
  return refused != kSuccess ? refused
                             : copy_list(device.text("memory_clocks", "5001,405"), count, mhz);
}
Return nvmlDeviceGetSupportedGraphicsClocks(void* handle, unsigned /*memory_mhz*/, unsigned* count,
                                            unsigned* mhz) {
  const Device device(handle);
  const Return refused = device.refuses("nvmlDeviceGetSupportedGraphicsClocks");
  return refused != kSuccess
             ? refused
             : copy_list(device.text("graphics_clocks", "1410,1200,990,780,570,360,210"), count,
                         mhz);
}
Return nvmlDeviceSetGpuLockedClocks(void* handle, unsigned min_mhz, unsigned max_mhz) {
  const Device device(handle);
  const Return refused = device.refuses("nvmlDeviceSetGpuLockedClocks");
  if (refused != kSuccess) return refused;
  return keep_lock(device, std::to_string(min_mhz) + " " + std::to_string(max_mhz));
}
Return nvmlDeviceResetGpuLockedClocks(void* handle) {
  const Device device(handle);
  const Return refused = device.refuses("nvmlDeviceResetGpuLockedClocks");
  return refused != kSuccess ? refused : keep_lock(device, "");
}

#endif

}  // extern "C"
