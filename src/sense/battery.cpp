#include "sense/battery.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>

namespace wattle::sense {
namespace {

constexpr const char* kFolder = "/sys/class/power_supply";
constexpr double kMicro = 1e-6;
constexpr double kPeriodS = 1.0;  // not stated; fuel gauges convert about once a second
constexpr double kMaxPowerW = 1000.0;
constexpr const char* kUnplug = "Unplug the charger to measure with the battery.";

class BatterySensor final : public PowerSensor {
 public:
  BatterySensor(const std::string& name, FsRoot root, const Clock& clock)
      : folder_(std::string(kFolder) + "/" + name), root_(std::move(root)), clock_(clock) {
    info_.id = "battery:" + name;
    info_.source = folder_;
    info_.scope = "the machine, from battery " + name;
    info_.kind = Kind::sampled;
    info_.rail = Rail::battery;
    info_.group = "battery";
    info_.update_period_s = kPeriodS;
    info_.default_rate_hz = 1.0 / kPeriodS;
    info_.resolution_w = 1e-3;
  }

  [[nodiscard]] const SensorInfo& info() const override { return info_; }

  Result<Reading> read() override {
    const std::int64_t before_ns = clock_.monotonic_ns();
    WATTLE_CHECK(discharging());
    WATTLE_TRY(const double power_w, power());
    const std::int64_t t_ns = before_ns + (clock_.monotonic_ns() - before_ns) / 2;
    // The charger may have come between: then this was its power.
    WATTLE_CHECK(discharging());
    if (!(power_w > 0.0 && power_w <= kMaxPowerW)) {
      return fail(ErrorCode::out_of_range,
                  fmt::format("{} discharges at {} W, which no machine takes",
                              root_.resolve(folder_).string(), power_w),
                  "Wait a few seconds after unplugging; some batteries never state their power.");
    }
    return Reading{t_ns, std::nullopt, power_w, std::nullopt};
  }

 private:
  [[nodiscard]] Status discharging() const {
    const auto status = root_.read_text(folder_ + "/status");
    if (!status) {
      if (root_.exists(folder_)) return std::unexpected(status.error());
      return fail(ErrorCode::unavailable, root_.resolve(folder_).string() + " is gone",
                  "Put the battery back, then start again.");
    }
    const std::string_view word = trim(*status);
    if (word == "Discharging") return {};
    return fail(ErrorCode::unavailable,
                fmt::format("{} is '{}': what flows there is the charger's doing, not what the "
                            "machine takes",
                            root_.resolve(folder_).string(), word.substr(0, 40)),
                kUnplug);
  }

  [[nodiscard]] Result<double> power() const {
    const auto power_uw = root_.read_int(folder_ + "/power_now");
    if (power_uw) return std::abs(static_cast<double>(*power_uw)) * kMicro;
    const auto volt_uv = root_.read_int(folder_ + "/voltage_now");
    const auto current_ua = root_.read_int(folder_ + "/current_now");
    if (volt_uv && current_ua) {
      return std::abs(static_cast<double>(*volt_uv) * static_cast<double>(*current_ua)) * kMicro *
             kMicro;
    }
    if (power_uw.error().code != ErrorCode::not_found) return std::unexpected(power_uw.error());
    return fail(ErrorCode::unavailable,
                root_.resolve(folder_).string() + " states neither power nor voltage and current",
                "Measure with an external meter (--meter-csv).");
  }

  SensorInfo info_;
  std::string folder_;
  FsRoot root_;
  const Clock& clock_;
};

// Not ucsi-source-psy-*: what a USB-C port has negotiated, not what flows. Not a mouse's.
bool is_battery_of_machine(const FsRoot& root, const std::string& name) {
  if (name.starts_with("ucsi-source-psy-")) return false;
  const std::string folder = std::string(kFolder) + "/" + name;
  const auto type = root.read_text(folder + "/type");
  if (!type || trim(*type) != "Battery") return false;
  const auto scope = root.read_text(folder + "/scope");
  return !scope || trim(*scope) != "Device";
}

}  // namespace

void discover_batteries(const FsRoot& root, const Clock& clock, Inventory& inventory) {
  const auto names = root.list(kFolder);
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
    if (!is_battery_of_machine(root, name)) continue;
    auto sensor = std::make_unique<BatterySensor>(name, root, clock);
    if (const auto reading = sensor->read(); !reading) {
      inventory.unavailable.push_back(
          {sensor->info().id, sensor->info().source, reading.error().what, reading.error().remedy});
    } else {
      inventory.sensors.push_back(std::move(sensor));
    }
  }
}

}  // namespace wattle::sense
