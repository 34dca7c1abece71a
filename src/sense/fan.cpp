// Fans: hwmon's fan*_input (rpm) and pwm* (0–255) (Documentation/hwmon/sysfs-interface), a Jetson's
// tachometer (rpm) and, on JetPack 4, its /sys/devices/pwm-fan. And what a battery holds
// (/sys/class/power_supply/*/capacity, percent).
#include <fmt/format.h>

#include "sense/gauge_source.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kChips = "/sys/class/hwmon";
constexpr const char* kLegacyDuty = "/sys/devices/pwm-fan/target_pwm";
constexpr const char* kSupplies = "/sys/class/power_supply";
constexpr std::int64_t kMostRpm = 100'000;
constexpr std::int64_t kFullDuty = 255;

void offer_rpm(GaugeCollector& out, const std::string& chip, const std::string& name,
               const std::string& file) {
  out.offer({fmt::format("fan:{}/{}", chip, name),
             file,
             fmt::format("{} of {}", name, chip),
             Quantity::fan_rpm,
             1.0,
             {}},
            file_gauge(out.root(), file, 1.0, 0, kMostRpm));
}

void offer_duty(GaugeCollector& out, const std::string& chip, const std::string& name,
                const std::string& file) {
  out.offer({fmt::format("fan:{}/{}", chip, name),
             file,
             fmt::format("{} of {}", name, chip),
             Quantity::fan_duty,
             1.0,
             {}},
            file_gauge(out.root(), file, 1.0 / static_cast<double>(kFullDuty), 0, kFullDuty));
}

void discover_chip(GaugeCollector& out, const std::string& folder) {
  const std::string chip = text_or_empty(out.root(), folder + "/name");
  const auto names = out.root().list(folder);
  if (chip.empty() || !names) return;
  for (const std::string& name : *names) {
    const std::string file = folder + "/" + name;
    if (const int n = number_in(name, "fan", "_input"); n >= 0) {
      const std::string label = text_or_empty(out.root(), fmt::format("{}/fan{}_label", folder, n));
      offer_rpm(out, chip, label.empty() ? fmt::format("fan{}", n) : label, file);
    } else if (name == "rpm") {
      offer_rpm(out, chip, name, file);
    } else if (number_in(name, "pwm") >= 0) {
      offer_duty(out, chip, name, file);
    }
  }
}

}  // namespace

void discover_fans(GaugeCollector& out) {
  for (const std::string& chip : out.root().list(kChips).value_or(std::vector<std::string>{})) {
    discover_chip(out, std::string(kChips) + "/" + chip);
  }
  if (out.root().exists(kLegacyDuty)) offer_duty(out, "pwm-fan", "target_pwm", kLegacyDuty);
}

void discover_charge(GaugeCollector& out) {
  constexpr double kPercent = 0.01;
  constexpr std::int64_t kFullPercent = 100;
  for (const std::string& name : out.root().list(kSupplies).value_or(std::vector<std::string>{})) {
    const std::string folder = std::string(kSupplies) + "/" + name;
    const bool battery = text_or_empty(out.root(), folder + "/type") == "Battery";
    // A mouse's battery says nothing about this machine.
    const bool of_a_device = text_or_empty(out.root(), folder + "/scope") == "Device";
    const std::string file = folder + "/capacity";
    if (!battery || of_a_device || !out.root().exists(file)) continue;
    out.offer({"charge:" + name, file, "battery " + name, Quantity::charge, 0.1, {}},
              file_gauge(out.root(), file, kPercent, 0, kFullPercent));
  }
}

}  // namespace wattle::sense
