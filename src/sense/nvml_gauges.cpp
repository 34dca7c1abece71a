// What NVML tells beside power, for every GPU of the driver.
#include <fmt/format.h>

#include <algorithm>

#include "base/platform/nvml/nvml.hpp"
#include "sense/gauge_source.hpp"

namespace wattle::sense {
namespace {

constexpr std::uint32_t kFull = 100;

// A function of the device as a gauge, its number times `unit`.
template <class Read>
GaugeRead scaled(const nvml::Device& device, double unit, const Read& read) {
  return [device, unit, read](std::int64_t) -> GaugeValue {
    WATTLE_TRY(const auto value, read(device));
    return static_cast<double>(value) * unit;
  };
}

void discover_device(GaugeCollector& out, const nvml::Device& device) {
  constexpr double kHzPerMhz = 1e6;
  constexpr double kPercent = 0.01;
  const std::string name = device.name().value_or("GPU");
  const auto offer = [&](const char* kind, const char* what, Quantity quantity,
                         const GaugeRead& read) {
    out.offer({fmt::format("{}:nvml:{}", kind, device.index()),
               "NVML",
               fmt::format("{} of {} (GPU {})", what, name, device.index()),
               quantity,
               1.0,
               {}},
              read);
  };
  offer("temp", "temperature", Quantity::temperature_c,
        scaled(device, 1.0, [](const nvml::Device& d) { return d.temperature_c(); }));
  offer("freq", "graphics clock", Quantity::frequency_hz,
        scaled(device, kHzPerMhz,
               [](const nvml::Device& d) { return d.clock_mhz(nvml::ClockDomain::graphics); }));
  offer("util", "utilisation", Quantity::utilisation, [device](std::int64_t) -> GaugeValue {
    WATTLE_TRY(const nvml::Utilisation part, device.utilisation());
    return part.gpu;
  });
  offer("mem", "used memory", Quantity::memory_bytes, [device](std::int64_t) -> GaugeValue {
    WATTLE_TRY(const nvml::Memory memory, device.memory());
    return static_cast<double>(memory.used_bytes);
  });
  offer("throttled", "held back by heat, power or current", Quantity::throttled,
        [device](std::int64_t) -> GaugeValue {
          WATTLE_TRY(const std::uint64_t bits, device.clocks_event_reasons());
          return (bits & nvml::event_reason::kHeldBack) != 0 ? 1.0 : 0.0;
        });
  offer("fan", "fan", Quantity::fan_duty,
        scaled(device, kPercent, [](const nvml::Device& d) -> Result<std::uint32_t> {
          WATTLE_TRY(const std::uint32_t percent, d.fan_speed_percent());
          return std::min(percent, kFull);  // it may ask for more than the rated speed
        }));
}

}  // namespace

void discover_nvml_gauges(GaugeCollector& out, const GaugeOptions& options) {
  const bool named = !options.nvml_library.empty();
  if (!named && out.root().root() != "/") return;
  const auto library = nvml::load(named ? options.nvml_library : nvml::kDefaultLibrary);
  if (!library) {
    // Most machines have none, and `discover` says so once.
    if (named) out.refuse("nvml", options.nvml_library.string(), library.error());
    return;
  }
  for (const nvml::Device& device : library->devices) discover_device(out, device);
  for (const Error& error : library->missing) out.refuse("nvml", "NVML", error);
}

}  // namespace wattle::sense
