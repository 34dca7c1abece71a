#include "sense/nvml_power.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/platform/nvml/nvml.hpp"
#include "sense/counter.hpp"

namespace wattle::sense {
namespace {

constexpr double kMilli = 1e-3;
constexpr double kUpdatePeriodS = 0.1;
constexpr double kAveragePeriodS = 1.0;
constexpr double kMaxPowerW = 5000.0;

enum class Source { energy, instant, usage };

class NvmlSensor final : public PowerSensor {
 public:
  NvmlSensor(SensorInfo info, nvml::Device device, Source source, const Clock& clock)
      : info_(std::move(info)),
        device_(std::move(device)),
        source_(source),
        clock_(clock),
        counter_(0, kMilli, kMaxPowerW, kUpdatePeriodS) {}

  [[nodiscard]] const SensorInfo& info() const override { return info_; }

  Result<Reading> read() override {
    const std::int64_t before_ns = clock_.monotonic_ns();
    const auto value = read_value();
    const std::int64_t t_ns = before_ns + (clock_.monotonic_ns() - before_ns) / 2;
    if (!value) {
      counter_.forget();
      return std::unexpected(value.error());
    }
    if (source_ == Source::energy) {
      auto step = counter_.add(*value, t_ns);
      return Reading{t_ns, step.energy_j, std::nullopt, std::move(step.lost)};
    }
    const double power_w = static_cast<double>(*value) * kMilli;
    if (power_w > kMaxPowerW) {
      counter_.forget();
      return fail(ErrorCode::out_of_range,
                  fmt::format("NVML reads {:g} W, which is no power of a GPU", power_w));
    }
    return Reading{t_ns, std::nullopt, power_w, std::nullopt};
  }

 private:
  [[nodiscard]] Result<std::uint64_t> read_value() const {
    if (source_ == Source::energy) return device_.total_energy_mj();
    WATTLE_TRY(const std::uint32_t mw,
               source_ == Source::instant ? device_.power_instant_mw() : device_.power_usage_mw());
    return mw;
  }

  SensorInfo info_;
  nvml::Device device_;
  Source source_;
  const Clock& clock_;
  CounterUnwrapper counter_;
};

SensorInfo info_of(const nvml::Device& device, Source source) {
  const std::string name = device.name().value_or("GPU");
  SensorInfo info;
  info.id = fmt::format("nvml:{}", device.index());
  info.rail = Rail::gpu;
  info.group = "nvml";
  info.scope = fmt::format("GPU {} ({})", device.index(), name);
  info.update_period_s = kUpdatePeriodS;
  info.kind = source == Source::energy ? Kind::counter : Kind::sampled;
  (source == Source::energy ? info.resolution_j : info.resolution_w) = kMilli;
  switch (source) {
    case Source::energy:
      info.source = "nvmlDeviceGetTotalEnergyConsumption";
      break;
    case Source::instant:
      info.source = "NVML_FI_DEV_POWER_INSTANT";
      break;
    case Source::usage:
      info.source = "nvmlDeviceGetPowerUsage";
      info.scope += ", mean over 1 s on Ampere and later";
      info.update_period_s = kAveragePeriodS;
      break;
  }
  info.default_rate_hz = 1.0 / info.update_period_s;
  return info;
}

// The first of the three that the GPU can do.
void add_device(const nvml::Device& device, const Clock& clock, Inventory& inventory) {
  Error why;
  for (const Source source : {Source::energy, Source::instant, Source::usage}) {
    auto sensor = std::make_unique<NvmlSensor>(info_of(device, source), device, source, clock);
    if (const auto reading = sensor->read()) {
      inventory.sensors.push_back(std::move(sensor));
      return;
    } else {
      why = reading.error();
    }
  }
  inventory.unavailable.push_back(
      {fmt::format("nvml:{}", device.index()), "NVML", why.what, why.remedy});
}

}  // namespace

void discover_nvml_power(const FsRoot& root, const Clock& clock,
                         const std::filesystem::path& library, Inventory& inventory) {
  if (library.empty() && root.root() != "/") return;
  const std::filesystem::path file = library.empty() ? nvml::kDefaultLibrary : library;
  const auto loaded = nvml::load(file);
  if (!loaded) {
    inventory.unavailable.push_back(
        {"nvml", file.string(), loaded.error().what, loaded.error().remedy});
    return;
  }
  for (const nvml::Device& device : loaded->devices) add_device(device, clock, inventory);
  for (const Error& error : loaded->missing) {
    inventory.unavailable.push_back({"nvml", file.string(), error.what, error.remedy});
  }
}

}  // namespace wattle::sense
