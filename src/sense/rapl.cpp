#include "sense/rapl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string>
#include <utility>

#include "base/polled_file.hpp"
#include "sense/counter.hpp"
#include "sense/machine.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kFolder = "/sys/class/powercap";
constexpr double kMicro = 1e-6;
// The register changes about every millisecond; one count is 15.3 or 61 µJ (2^-16 or 2^-14 J,
// Intel SDM vol. 3B, 15.10): the coarser is assumed.
constexpr double kUpdatePeriodS = 1e-3;
constexpr double kResolutionJ = 61e-6;
constexpr double kRateHz = 100.0;
// No socket and no board of this class takes more: a step beyond it is a reset.
constexpr double kMaxPowerW = 2000.0;

struct Zone {
  std::string folder;  // "intel-rapl:0:1"
  std::string name;    // "dram"
  std::string parent;  // "package-0", empty at the top
};

class RaplSensor final : public PowerSensor {
 public:
  RaplSensor(SensorInfo info, std::string file, std::uint64_t range_uj, FsRoot root,
             const Clock& clock)
      : info_(std::move(info)),
        path_(root.resolve(file).string()),
        file_(std::move(root), std::move(file)),
        clock_(clock),
        counter_(range_uj, kMicro, kMaxPowerW, kUpdatePeriodS) {}

  [[nodiscard]] const SensorInfo& info() const override { return info_; }

  Result<Reading> read() override {
    const std::int64_t before_ns = clock_.monotonic_ns();
    const auto value = file_.read_uint();
    const std::int64_t t_ns = before_ns + (clock_.monotonic_ns() - before_ns) / 2;
    if (!value) {
      counter_.forget();
      return std::unexpected(explain(value.error()));
    }
    auto step = counter_.add(*value, t_ns);
    return Reading{t_ns, step.energy_j, std::nullopt, std::move(step.lost)};
  }

 private:
  [[nodiscard]] Error explain(const Error& error) const {
    if (error.code == ErrorCode::permission_denied) {
      return {error.code, "cannot read power: " + path_ + " is root-only (since CVE-2020-8694)",
              "Run with sudo, or install deploy/udev/99-wattle.rules (docs/permissions.md)."};
    }
    if (error.code == ErrorCode::invalid_format) {
      return {error.code, error.what,
              "Reload the driver: sudo modprobe -r intel_rapl_msr; "
              "sudo modprobe intel_rapl_msr."};
    }
    return {error.code, error.what,
            "Check that the driver is loaded: sudo modprobe intel_rapl_msr."};
  }

  SensorInfo info_;
  std::string path_;
  PolledFile file_;
  const Clock& clock_;
  CounterUnwrapper counter_;
};

// "package-1-die-0" → 1.
int socket_of(std::string_view name) {
  constexpr std::string_view kPackage = "package-";
  if (!name.starts_with(kPackage)) return -1;
  name.remove_prefix(kPackage.size());
  int socket = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), socket);
  return error == std::errc{} && socket >= 0 ? socket : -1;
}

Rail rail_of(std::string_view name) {
  if (name.starts_with("package-")) return Rail::package;
  if (name == "core") return Rail::core;
  if (name == "uncore") return Rail::uncore;
  if (name == "dram") return Rail::dram;
  if (name == "psys") return Rail::psys;
  return Rail::other;
}

SensorInfo info_of(const Zone& zone, const std::string& file) {
  SensorInfo info;
  info.id = "rapl:" + (zone.parent.empty() ? zone.name : zone.parent + "/" + zone.name);
  info.source = file;
  info.scope = zone.parent.empty() ? zone.name : zone.name + " of " + zone.parent;
  info.kind = Kind::counter;
  info.group = "rapl";
  if (!zone.parent.empty() && zone.name != "dram") info.inside = {"rapl:" + zone.parent};
  info.rail = rail_of(zone.name);
  info.socket = socket_of(zone.parent.empty() ? zone.name : zone.parent);
  info.update_period_s = kUpdatePeriodS;
  info.default_rate_hz = kRateHz;
  info.resolution_j = kResolutionJ;
  return info;
}

std::size_t depth_of(std::string_view folder) {
  return static_cast<std::size_t>(std::count(folder.begin(), folder.end(), ':'));
}

void add_zone(const FsRoot& root, const Clock& clock, const Zone& zone, Inventory& inventory) {
  const std::string folder = std::string(kFolder) + "/" + zone.folder;
  const std::string file = folder + "/energy_uj";
  const SensorInfo info = info_of(zone, file);
  const std::uint64_t range_uj = root.read_uint(folder + "/max_energy_range_uj").value_or(0);
  auto sensor = std::make_unique<RaplSensor>(info, file, range_uj, root, clock);
  if (const auto reading = sensor->read(); !reading) {
    inventory.unavailable.push_back({info.id, file, reading.error().what, reading.error().remedy});
    return;
  }
  inventory.sensors.push_back(std::move(sensor));
}

Unavailable no_tree(const FsRoot& root, bool folder_exists) {
  Unavailable missing{"rapl", kFolder, {}, {}};
  const std::string what = folder_exists ? fmt::format("no intel-rapl zone in {}", kFolder)
                                         : fmt::format("no {}", kFolder);
  switch (machine_of(root)) {
    case Machine::virtual_x86:
      missing.reason =
          what +
          ": inside a virtual machine the processor's energy counters are not passed through";
      missing.remedy = "Run on the machine itself, or measure on the host.";
      break;
    case Machine::arm:
      missing.reason = what + ": ARM processors have no RAPL";
      missing.remedy = "Use the board's power monitor (hwmon).";
      break;
    case Machine::physical_x86:
    case Machine::unknown:
      missing.reason = what + ": the RAPL driver is not loaded";
      missing.remedy =
          "Load it: sudo modprobe intel_rapl_msr (Intel, and AMD since kernel 5.8). In a "
          "container, "
          "mount the host's /sys and name its root with --root.";
      break;
  }
  return missing;
}

// The zones of one control type ("intel-rapl:"), parents before their children.
std::vector<Zone> zones_of(const FsRoot& root, const std::vector<std::string>& names,
                           std::string_view type, Inventory& inventory) {
  std::vector<Zone> zones;
  for (const std::string& folder : names) {
    if (!folder.starts_with(type)) continue;
    const std::string path = std::string(kFolder) + "/" + folder;
    const auto name = root.read_text(path + "/name");
    if (!name || trim(*name).empty()) {
      inventory.unavailable.push_back(
          {"rapl:" + folder, path, name ? path + "/name is empty" : name.error().what,
           "Reload the driver: sudo modprobe -r intel_rapl_msr; sudo modprobe intel_rapl_msr."});
      continue;
    }
    Zone zone{folder, std::string(trim(*name)), {}};
    if (depth_of(folder) > 1) {
      const std::string parent_folder = folder.substr(0, folder.rfind(':'));
      const auto parent = std::find_if(zones.begin(), zones.end(), [&](const Zone& other) {
        return other.folder == parent_folder;
      });
      zone.parent = parent != zones.end() ? parent->name : parent_folder;
    }
    zones.push_back(std::move(zone));
  }
  return zones;
}

}  // namespace

void discover_rapl(const FsRoot& root, const Clock& clock, Inventory& inventory) {
  const auto names = root.list(kFolder);
  if (!names && root.exists(kFolder)) {
    inventory.unavailable.push_back({"rapl", kFolder, names.error().what, names.error().remedy});
    return;
  }
  const bool any = names && std::any_of(names->begin(), names->end(), [](const std::string& name) {
                     return name.starts_with("intel-rapl") && depth_of(name) > 0;
                   });
  if (!any) {
    inventory.unavailable.push_back(no_tree(root, names.has_value()));
    return;
  }
  // The MSR zones first: intel-rapl-mmio repeats some of them.
  std::set<std::string> seen;
  for (const std::string_view type : {"intel-rapl:", "intel-rapl-mmio:"}) {
    for (const Zone& zone : zones_of(root, *names, type, inventory)) {
      const std::string file = std::string(kFolder) + "/" + zone.folder + "/energy_uj";
      const std::string id = info_of(zone, file).id;
      if (seen.insert(id).second) {
        add_zone(root, clock, zone, inventory);
      } else {
        inventory.unavailable.push_back({id + " (" + zone.folder + ")",
                                         file,
                                         "repeats " + id + ", which is already listed",
                                         {}});
      }
    }
  }
}

}  // namespace wattle::sense
