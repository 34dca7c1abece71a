#include "base/platform/nvml/nvml.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace wattle::nvml {
namespace {

// The part of NVML's binary interface that is used here.
using Return = int;
using Handle = void*;
constexpr Return kSuccess = 0;
constexpr Return kInsufficientSize = 7;
constexpr int kTemperatureOfGpu = 0;
constexpr unsigned kFieldPowerInstant = 186;
constexpr std::size_t kTextBytes = 128;
constexpr unsigned kMostClocks = 4096;
constexpr unsigned kMostDevices = 1024;

enum ValueType : int { kDouble, kUint, kUlong, kUlonglong, kLonglong, kInt, kUshort };
union Value {
  double as_double;
  int as_int;
  unsigned as_uint;
  unsigned long as_ulong;
  unsigned long long as_ulonglong;
  long long as_longlong;
  unsigned short as_ushort;
};
struct FieldValue {
  unsigned field_id;
  unsigned scope_id;  // 0: the GPU alone
  long long timestamp_us;
  long long latency_us;
  int value_type;
  Return result;
  Value value;
};
struct UtilisationRates {
  unsigned gpu;
  unsigned memory;
};
struct MemoryInfo {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

const char* reason_of(Return code) {
  switch (code) {
    case 1:
      return "not initialised";
    case 2:
      return "an argument is invalid";
    case 3:
      return "not supported by this GPU";
    case 4:
      return "no permission";
    case 6:
      return "not found";
    case 7:
      return "insufficient size";
    case 8:
      return "the power cables are not attached";
    case 9:
      return "the NVIDIA driver is not loaded";
    case 10:
      return "time-out";
    case 11:
      return "an interrupt problem of the kernel";
    case 12:
      return "a library is missing";
    case 13:
      return "this driver does not have the function";
    case 14:
      return "the GPU's infoROM is corrupted";
    case 15:
      return "the GPU has fallen off the bus or is otherwise inaccessible";
    case 16:
      return "the GPU requires a reset";
    case 17:
      return "the operating system blocks the GPU";
    case 18:
      return "the library and the loaded driver differ in version";
    case 19:
      return "the GPU is in use";
    case 20:
      return "insufficient memory";
    case 21:
      return "no data";
    default:
      return "unknown error";
  }
}

ErrorCode code_of(Return code) {
  switch (code) {
    case 2:
      return ErrorCode::invalid_argument;
    case 3:
    case 13:
      return ErrorCode::unsupported;
    case 4:
      return ErrorCode::permission_denied;
    case 6:
      return ErrorCode::not_found;
    case 20:
      return ErrorCode::resource_exhausted;
    case 10:
    case 11:
    case 14:
      return ErrorCode::io;
    default:
      return ErrorCode::unavailable;
  }
}

const char* remedy_of(Return code) {
  switch (code) {
    case 4:
      return "Run with sudo, or give the program CAP_SYS_ADMIN (docs/permissions.md).";
    case 8:
      return "Attach the GPU's power cables.";
    case 9:
      return "Load the driver: sudo modprobe nvidia. In a container, pass the GPU through.";
    case 13:
      return "Update the NVIDIA driver.";
    case 15:
    case 16:
      return "See the kernel's log (dmesg | grep -i xid); reset the GPU or restart the machine.";
    case 18:
      return "Restart the machine after an update of the driver.";
    default:
      return "";
  }
}

}  // namespace

Error error_of(int nvml_return, const std::string& what) {
  return {code_of(nvml_return),
          fmt::format("NVML cannot {}: {} (code {})", what, reason_of(nvml_return), nvml_return),
          remedy_of(nvml_return)};
}

class Loaded {
 public:
  explicit Loaded(void* library) : library_(library) {}
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  ~Loaded() {
    if (initialised_) (void)call("shut down", "nvmlShutdown");
    ::dlclose(library_);
  }

  Status init() {
    WATTLE_CHECK(call("start", "nvmlInit_v2"));
    initialised_ = true;
    return {};
  }

  // The arguments' types are the function's: they must be exactly those of the interface.
  template <class... Arguments>
  Status call(const std::string& what, const char* symbol, Arguments... arguments) const {
    WATTLE_TRY(const Return code, raw(what, symbol, arguments...));
    if (code != kSuccess) return std::unexpected(error_of(code, what));
    return {};
  }

  template <class... Arguments>
  Result<Return> raw(const std::string& what, const char* symbol, Arguments... arguments) const {
    using Function = Return (*)(Arguments...);
    const auto function = reinterpret_cast<Function>(::dlsym(library_, symbol));
    if (function == nullptr) {
      return fail(ErrorCode::unsupported,
                  fmt::format("NVML cannot {}: this driver does not have {}", what, symbol),
                  "Update the NVIDIA driver.");
    }
    return function(arguments...);
  }

 private:
  void* library_;
  bool initialised_ = false;
};

namespace {

// Structures go as void *, because a function's type is checked by name (UBSan), and the library
// has names of its own for them.
template <class Struct>
void* as_bytes(Struct& value) {
  return &value;
}

Result<std::string> text_of(const Loaded& library, const std::string& what, const char* symbol,
                            Handle handle) {
  std::array<char, kTextBytes> text{};
  const auto size = static_cast<unsigned>(text.size() - 1);
  WATTLE_CHECK(library.call(what, symbol, handle, text.data(), size));
  return std::string(text.data());
}

Result<std::uint32_t> number_of(const Loaded& library, const std::string& what, const char* symbol,
                                Handle handle) {
  unsigned value = 0;
  WATTLE_CHECK(library.call(what, symbol, handle, &value));
  return value;
}

// Two calls: how many, then which.
template <class... Before>
Result<std::vector<std::uint32_t>> list_of(const Loaded& library, const std::string& what,
                                           const char* symbol, Handle handle, Before... before) {
  unsigned count = 0;
  unsigned* nothing = nullptr;
  WATTLE_TRY(const Return code, library.raw(what, symbol, handle, before..., &count, nothing));
  if (code != kSuccess && code != kInsufficientSize) {
    return std::unexpected(error_of(code, what));
  }
  if (count > kMostClocks) {
    return fail(ErrorCode::invalid_format,
                fmt::format("NVML cannot {}: it lists {} of them", what, count));
  }
  std::vector<std::uint32_t> values(count);
  if (count == 0) return values;
  WATTLE_CHECK(library.call(what, symbol, handle, before..., &count, values.data()));
  if (count < values.size()) values.resize(count);
  return values;
}

Result<std::uint32_t> milliwatts(const FieldValue& field) {
  double mw = -1.0;
  switch (field.value_type) {
    case kDouble:
      mw = field.value.as_double;
      break;
    case kUint:
      mw = field.value.as_uint;
      break;
    case kUlong:
      mw = static_cast<double>(field.value.as_ulong);
      break;
    case kUlonglong:
      mw = static_cast<double>(field.value.as_ulonglong);
      break;
    case kLonglong:
      mw = static_cast<double>(field.value.as_longlong);
      break;
    case kInt:
      mw = field.value.as_int;
      break;
    case kUshort:
      mw = field.value.as_ushort;
      break;
    default:
      break;
  }
  constexpr double kMostMw = 1e8;
  if (!(mw >= 0.0 && mw <= kMostMw)) {
    return fail(ErrorCode::out_of_range,
                fmt::format("NVML reads {} mW, which is no power of a GPU", mw));
  }
  return static_cast<std::uint32_t>(std::lround(mw));
}

}  // namespace

Device::Device(std::shared_ptr<const Loaded> library, void* handle, unsigned index)
    : library_(std::move(library)), handle_(handle), index_(index) {}

Result<std::string> Device::name() const {
  return text_of(*library_, "read the GPU's name", "nvmlDeviceGetName", handle_);
}

Result<std::string> Device::uuid() const {
  return text_of(*library_, "read the GPU's UUID", "nvmlDeviceGetUUID", handle_);
}

Result<std::uint64_t> Device::total_energy_mj() const {
  unsigned long long value = 0;
  WATTLE_CHECK(library_->call("read the GPU's energy", "nvmlDeviceGetTotalEnergyConsumption",
                              handle_, &value));
  return value;
}

Result<std::uint32_t> Device::power_instant_mw() const {
  FieldValue field{};
  field.field_id = kFieldPowerInstant;
  const int one = 1;
  const std::string what = "read the GPU's instantaneous power";
  WATTLE_CHECK(library_->call(what, "nvmlDeviceGetFieldValues", handle_, one, as_bytes(field)));
  if (field.result != kSuccess) return std::unexpected(error_of(field.result, what));
  return milliwatts(field);
}

Result<std::uint32_t> Device::power_usage_mw() const {
  return number_of(*library_, "read the GPU's power", "nvmlDeviceGetPowerUsage", handle_);
}

Result<std::uint32_t> Device::temperature_c() const {
  unsigned value = 0;
  WATTLE_CHECK(library_->call("read the GPU's temperature", "nvmlDeviceGetTemperature", handle_,
                              kTemperatureOfGpu, &value));
  return value;
}

Result<std::uint32_t> Device::clock_mhz(ClockDomain domain) const {
  unsigned value = 0;
  WATTLE_CHECK(library_->call("read the GPU's clock", "nvmlDeviceGetClockInfo", handle_,
                              static_cast<int>(domain), &value));
  return value;
}

Result<Utilisation> Device::utilisation() const {
  UtilisationRates rates{};
  WATTLE_CHECK(library_->call("read the GPU's utilisation", "nvmlDeviceGetUtilizationRates",
                              handle_, as_bytes(rates)));
  constexpr unsigned kAll = 100;
  if (rates.gpu > kAll || rates.memory > kAll) {
    return fail(ErrorCode::out_of_range,
                fmt::format("NVML reads {} % utilisation", std::max(rates.gpu, rates.memory)));
  }
  return Utilisation{rates.gpu / 100.0, rates.memory / 100.0};
}

Result<std::uint64_t> Device::clocks_event_reasons() const {
  const std::string what = "read why the GPU's clock is held back";
  unsigned long long bits = 0;
  Status status = library_->call(what, "nvmlDeviceGetCurrentClocksEventReasons", handle_, &bits);
  if (!status && status.error().code == ErrorCode::unsupported) {  // its name before driver 535
    status = library_->call(what, "nvmlDeviceGetCurrentClocksThrottleReasons", handle_, &bits);
  }
  if (!status) return std::unexpected(status.error());
  return bits;
}

Result<std::uint32_t> Device::fan_speed_percent() const {
  return number_of(*library_, "read the GPU's fan", "nvmlDeviceGetFanSpeed", handle_);
}

Result<Memory> Device::memory() const {
  MemoryInfo info{};
  WATTLE_CHECK(
      library_->call("read the GPU's memory", "nvmlDeviceGetMemoryInfo", handle_, as_bytes(info)));
  return Memory{info.total, info.free, info.used};
}

Result<std::vector<std::uint32_t>> Device::supported_memory_clocks_mhz() const {
  return list_of(*library_, "list the GPU's memory clocks", "nvmlDeviceGetSupportedMemoryClocks",
                 handle_);
}

Result<std::vector<std::uint32_t>> Device::supported_graphics_clocks_mhz(
    std::uint32_t memory_mhz) const {
  return list_of(*library_, "list the GPU's clocks", "nvmlDeviceGetSupportedGraphicsClocks",
                 handle_, static_cast<unsigned>(memory_mhz));
}

Status Device::lock_graphics_clocks(std::uint32_t min_mhz, std::uint32_t max_mhz) const {
  if (min_mhz > max_mhz) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} to {} MHz is no range", min_mhz, max_mhz));
  }
  return library_->call("lock the GPU's clocks", "nvmlDeviceSetGpuLockedClocks", handle_,
                        static_cast<unsigned>(min_mhz), static_cast<unsigned>(max_mhz));
}

Status Device::reset_graphics_clocks() const {
  return library_->call("reset the GPU's clocks", "nvmlDeviceResetGpuLockedClocks", handle_);
}

Result<Library> load(const std::filesystem::path& library) {
  void* const opened = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) {
    const char* const why = ::dlerror();
    return fail(ErrorCode::unavailable,
                fmt::format("cannot load NVML: {}", why != nullptr ? why : library.string()),
                "Only machines with an NVIDIA GPU and its driver have it (most Jetsons do not).");
  }
  const auto loaded = std::make_shared<Loaded>(opened);
  WATTLE_CHECK(loaded->init());
  Library result;
  std::array<char, kTextBytes> version{};
  if (loaded->call("read its version", "nvmlSystemGetDriverVersion", version.data(),
                   static_cast<unsigned>(version.size() - 1))) {
    result.driver_version = version.data();
  }
  unsigned count = 0;
  WATTLE_CHECK(loaded->call("count the GPUs", "nvmlDeviceGetCount_v2", &count));
  for (unsigned i = 0; i < count && i < kMostDevices; ++i) {
    Handle handle = nullptr;
    const Status status =
        loaded->call(fmt::format("open GPU {}", i), "nvmlDeviceGetHandleByIndex_v2", i, &handle);
    if (status) {
      result.devices.emplace_back(loaded, handle, i);
    } else {
      result.missing.push_back(status.error());
    }
  }
  if (count == 0) {
    return fail(ErrorCode::unavailable, "NVML finds no GPU",
                "In a container, pass the GPU through.");
  }
  return result;
}

}  // namespace wattle::nvml
