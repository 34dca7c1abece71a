// Temperatures: /sys/class/thermal/thermal_zone*/{type, temp (m°C), trip_point_*_{type,temp}}
// (Documentation/driver-api/thermal/sysfs-api), and hwmon's temp*_input where no zone covers it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sense/gauge_source.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kZones = "/sys/class/thermal";
constexpr const char* kChips = "/sys/class/hwmon";
constexpr double kMilli = 1e-3;
// Jetsons read -256 °C for a zone whose part of the chip is switched off.
constexpr std::int64_t kSwitchedOffMilli = -256'000;
constexpr std::int64_t kColdestMilli = -100'000;
constexpr std::int64_t kHottestMilli = 300'000;

GaugeRead temperature(const FsRoot& root, const std::string& file) {
  const GaugeRead any = file_gauge(root, file, kMilli, kSwitchedOffMilli, kHottestMilli);
  return [any, path = root.resolve(file).string()](std::int64_t t_ns) -> GaugeValue {
    const auto celsius_or = any(t_ns);
    if (!celsius_or) {
      Error error = celsius_or.error();
      if (error.remedy.empty())
        error.remedy = "A part that is switched off gives an error or nothing.";
      return std::unexpected(error);
    }
    const std::optional<double> celsius = *celsius_or;
    if (*celsius > static_cast<double>(kColdestMilli) * kMilli) return celsius;
    return fail(
        ErrorCode::unavailable,
        fmt::format("{} reads {:g} °C: this part of the chip is switched off", path, *celsius),
        "It returns when that part is in use.");
  };
}

// Trip points of 0 °C or below are not set.
std::vector<TripPoint> trips_of(const FsRoot& root, const std::string& folder) {
  std::vector<TripPoint> trips;
  const auto names = root.list(folder);
  if (!names) return trips;
  for (const std::string& name : *names) {
    if (number_in(name, "trip_point_", "_temp") < 0) continue;
    const auto milli = root.read_int(folder + "/" + name);
    if (!milli || *milli <= 0 || *milli > kHottestMilli) continue;
    const std::string stem = name.substr(0, name.size() - std::string_view("_temp").size());
    trips.push_back(
        {text_or_empty(root, folder + "/" + stem + "_type"), static_cast<double>(*milli) * kMilli});
  }
  std::stable_sort(trips.begin(), trips.end(), [](const TripPoint& a, const TripPoint& b) {
    return a.temperature_c < b.temperature_c;
  });
  return trips;
}

// hwmon writes the zone "cpu-thermal" as "cpu_thermal".
std::string as_hwmon_name(std::string type) {
  std::replace(type.begin(), type.end(), '-', '_');
  return type;
}

// The types of the zones that can be read.
std::set<std::string> discover_zones(GaugeCollector& out) {
  std::set<std::string> readable;
  const auto names = out.root().list(kZones);
  if (!names) return readable;
  for (const std::string& name : *names) {
    if (number_in(name, "thermal_zone") < 0) continue;
    const std::string folder = std::string(kZones) + "/" + name;
    const std::string type = text_or_empty(out.root(), folder + "/type");
    if (type.empty()) continue;
    GaugeInfo info{"temp:" + type, folder + "/temp", type, Quantity::temperature_c, 1.0, {}};
    info.trips = trips_of(out.root(), folder);
    const GaugeRead read = temperature(out.root(), info.source);
    if (out.offer(std::move(info), read)) readable.insert(as_hwmon_name(type));
  }
  return readable;
}

// Of the processor's chip the package is enough: its cores would be one line each.
bool is_wanted(const std::string& chip, const std::string& label,
               const std::set<std::string>& zones) {
  if (zones.contains(as_hwmon_name(chip))) return false;
  if (chip == "coretemp") return label.starts_with("Package") && !zones.contains("x86_pkg_temp");
  return true;
}

void discover_chip(GaugeCollector& out, const std::string& folder,
                   const std::set<std::string>& zones) {
  const std::string chip = text_or_empty(out.root(), folder + "/name");
  const auto names = out.root().list(folder);
  if (chip.empty() || !names) return;
  for (const std::string& name : *names) {
    const int n = number_in(name, "temp", "_input");
    if (n < 0) continue;
    std::string label = text_or_empty(out.root(), fmt::format("{}/temp{}_label", folder, n));
    if (!is_wanted(chip, label, zones)) continue;
    if (label.empty()) label = fmt::format("temp{}", n);
    const std::string file = folder + "/" + name;
    out.offer({fmt::format("temp:{}/{}", chip, label),
               file,
               fmt::format("{} of {}", label, chip),
               Quantity::temperature_c,
               1.0,
               {}},
              temperature(out.root(), file));
  }
}

}  // namespace

void discover_temperatures(GaugeCollector& out) {
  const std::set<std::string> zones = discover_zones(out);
  const auto chips = out.root().list(kChips);
  if (!chips) return;
  for (const std::string& chip : *chips) {
    discover_chip(out, std::string(kChips) + "/" + chip, zones);
  }
}

}  // namespace wattle::sense
