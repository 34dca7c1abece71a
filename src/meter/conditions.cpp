#include "meter/conditions.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace wattle::meter {
namespace {

using sense::GaugeInfo;
using sense::Quantity;

constexpr double kMega = 1e6;

// The first of these that a machine has: junction or processor, as drivers name it.
constexpr std::array<std::string_view, 7> kTemperatures{
    "temp:tj-thermal", "temp:x86_pkg_temp",        "temp:cpu-thermal", "temp:CPU-therm",
    "temp:BCPU-therm", "temp:coretemp/Package id", "temp:k10temp/Tctl"};

std::size_t preference(const GaugeInfo& info) {
  const auto found = std::ranges::find_if(
      kTemperatures, [&](std::string_view name) { return info.id.starts_with(name); });
  return static_cast<std::size_t>(found - kTemperatures.begin());
}

bool is_clock(const GaugeInfo& info) {
  return info.id.starts_with("freq:cpu") || info.id == "freq:gpu";
}

bool is_throttle(const GaugeInfo& info) {
  return info.quantity == Quantity::throttled || info.quantity == Quantity::throttle_count;
}

}  // namespace

std::vector<std::unique_ptr<sense::Gauge>> condition_gauges(sense::GaugeInventory inventory) {
  std::vector<std::unique_ptr<sense::Gauge>> chosen;
  std::unique_ptr<sense::Gauge> temperature;
  for (auto& gauge : inventory.gauges) {
    const GaugeInfo& info = gauge->info();
    if (info.quantity == Quantity::temperature_c) {
      if (!temperature || preference(info) < preference(temperature->info())) {
        temperature = std::move(gauge);
      }
    } else if (is_clock(info) || is_throttle(info)) {
      chosen.push_back(std::move(gauge));
    }
  }
  if (temperature && preference(temperature->info()) < kTemperatures.size()) {
    chosen.push_back(std::move(temperature));
  }
  return chosen;
}

void fill_conditions(InferenceRecord& record, const sense::EnergyMonitor& monitor,
                     std::int64_t begin_ns, std::int64_t end_ns) {
  double cpu_hz = 0.0;
  int n_cores = 0;
  for (std::size_t i = 0; i < monitor.gauge_infos().size(); ++i) {
    const GaugeInfo& info = monitor.gauge_infos()[i];
    const sense::GaugeSpan span = monitor.gauge_between(i, begin_ns, end_ns);
    if (span.n == 0) continue;
    if (info.quantity == Quantity::temperature_c) {
      record.temperature_start_c = span.first;
      record.temperature_max_c = span.max;
    } else if (info.id == "freq:gpu") {
      record.gpu_frequency_mhz = *span.mean / kMega;
    } else if (is_clock(info)) {
      cpu_hz += *span.mean;
      ++n_cores;
    } else if (is_throttle(info)) {
      const bool held_back =
          info.quantity == Quantity::throttled ? *span.max > 0.0 : *span.last > *span.first;
      record.throttled = record.throttled.value_or(false) || held_back;
    }
  }
  if (n_cores > 0) record.cpu_frequency_mhz = cpu_hz / n_cores / kMega;
  if (record.throttled.value_or(false)) {
    record.flags.emplace_back("the machine was throttled during this answer");
  }
}

}  // namespace wattle::meter
