#include "sense/hwmon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string>
#include <utility>

#include "sense/counter.hpp"
#include "sense/ina.hpp"
#include "sense/machine.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kFolder = "/sys/class/hwmon";
constexpr double kMicro = 1e-6;
// Where the chip does not say how often it converts, 10 readings a second are taken as its rate,
// and an average is taken to cover a second.
constexpr double kInputPeriodS = 0.1;
constexpr double kAveragePeriodS = 1.0;
constexpr double kEnergyPeriodS = 0.1;
constexpr double kAmdEnergyPeriodS = 1e-3;  // Documentation/hwmon/amd_energy
constexpr double kFastestRateHz = 100.0;
constexpr double kMaxPowerW = 20'000.0;

struct Channel {
  std::string folder;  // "/sys/class/hwmon/hwmon3"
  std::string chip;    // "amd_energy"
  std::string device;  // "1-0040", or "" where unknown
  std::string file;    // "power1_input"
  std::string label;   // "VDD_IN", or ""
  [[nodiscard]] bool is_energy() const { return file.starts_with("energy"); }
  [[nodiscard]] bool is_average() const { return file.ends_with("_average"); }
};

class HwmonSensor final : public PowerSensor {
 public:
  HwmonSensor(SensorInfo info, FsRoot root, const Clock& clock)
      : info_(std::move(info)),
        root_(std::move(root)),
        clock_(clock),
        counter_(0, kMicro, kMaxPowerW, info_.update_period_s) {}

  [[nodiscard]] const SensorInfo& info() const override { return info_; }

  Result<Reading> read() override {
    const std::int64_t before_ns = clock_.monotonic_ns();
    const auto value = root_.read_int(info_.source);
    const std::int64_t t_ns = before_ns + (clock_.monotonic_ns() - before_ns) / 2;
    if (!value) return failed(value.error());
    if (*value < 0 || static_cast<double>(*value) * kMicro > largest()) {
      return failed({ErrorCode::out_of_range,
                     fmt::format("{} reads {}, which is no {} of this machine",
                                 root_.resolve(info_.source).string(), *value,
                                 info_.kind == Kind::counter ? "energy" : "power"),
                     "Check the sensor's wiring and driver."});
    }
    if (info_.kind == Kind::sampled) {
      return Reading{t_ns, std::nullopt, static_cast<double>(*value) * kMicro, std::nullopt};
    }
    auto step = counter_.add(static_cast<std::uint64_t>(*value), t_ns);
    return Reading{t_ns, step.energy_j, std::nullopt, std::move(step.lost)};
  }

 private:
  [[nodiscard]] double largest() const { return info_.kind == Kind::counter ? 1e15 : kMaxPowerW; }
  Result<Reading> failed(const Error& error) {
    counter_.forget();
    if (error.code != ErrorCode::permission_denied) return std::unexpected(error);
    return fail(error.code,
                "cannot read power: " + root_.resolve(info_.source).string() + " is root-only",
                "Run with sudo, or install deploy/udev/99-wattle.rules (docs/permissions.md).");
  }

  SensorInfo info_;
  FsRoot root_;
  const Clock& clock_;
  CounterUnwrapper counter_;
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return out;
}

int number_at_end(std::string_view text) {
  const auto first = text.find_last_not_of("0123456789") + 1;
  int number = -1;
  std::from_chars(text.data() + first, text.data() + text.size(), number);
  return number;
}

std::string text_or_empty(const FsRoot& root, const std::string& path) {
  const auto text = root.read_text(path);
  return text ? std::string(trim(*text)) : std::string();
}

// "power1_average" → "power1"
std::string stem_of(const std::string& file) {
  return file.substr(0, file.find('_'));
}

double period_of(const FsRoot& root, const Channel& channel) {
  constexpr double kMilli = 1e-3;
  constexpr std::int64_t kLongestMs = 60'000;
  const auto stated = channel.is_average()
                          ? root.read_int(channel.folder + "/" + channel.file + "_interval")
                          : root.read_int(channel.folder + "/update_interval");
  if (stated && *stated > 0 && *stated <= kLongestMs) return static_cast<double>(*stated) * kMilli;
  if (channel.is_energy()) {
    return channel.chip == "amd_energy" ? kAmdEnergyPeriodS : kEnergyPeriodS;
  }
  return channel.is_average() ? kAveragePeriodS : kInputPeriodS;
}

SensorInfo info_of(const FsRoot& root, const Channel& channel) {
  const RailOfChannel of = classify_hwmon(channel.chip, channel.label);
  const std::string channel_name = channel.label.empty() ? stem_of(channel.file) : channel.label;
  SensorInfo info;
  info.id = "hwmon:" + channel.chip + (channel.device.empty() ? "" : "@" + channel.device) + "/" +
            channel_name;
  info.source = channel.folder + "/" + channel.file;
  info.scope = of.rail == Rail::package && of.socket >= 0
                   ? fmt::format("package-{}", of.socket)
                   : fmt::format("{} ({} of {})", rail_name(of.rail), channel_name, channel.chip);
  info.kind = channel.is_energy() ? Kind::counter : Kind::sampled;
  info.rail = of.rail;
  info.group = "hwmon:" + channel.chip + channel.folder.substr(channel.folder.rfind('/'));
  info.socket = of.socket;
  info.update_period_s = period_of(root, channel);
  info.default_rate_hz = std::min(kFastestRateHz, 1.0 / info.update_period_s);
  (channel.is_energy() ? info.resolution_j : info.resolution_w) = kMicro;
  return info;
}

bool is_channel_file(std::string_view name) {
  for (const auto& [prefix, suffix] :
       {std::pair{"power", "_average"}, {"power", "_input"}, {"energy", "_input"}}) {
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    const std::string_view number =
        name.substr(std::string_view(prefix).size(), name.size() - std::string_view(prefix).size() -
                                                         std::string_view(suffix).size());
    return !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
  }
  return false;
}

// The power and energy channels of one chip. Where a channel has both, its average is taken: it
// hides nothing between two readings. Batteries are left out: they are read elsewhere.
std::vector<Channel> channels_of(const FsRoot& root, const std::string& folder,
                                 const std::vector<std::string>& names) {
  Channel base;
  base.folder = folder;
  base.chip = text_or_empty(root, folder + "/name");
  if (base.chip.empty()) base.chip = "unnamed";
  if (root.exists("/sys/class/power_supply/" + base.chip)) return {};
  std::error_code ignored;
  base.device =
      std::filesystem::read_symlink(root.resolve(folder + "/device"), ignored).filename().string();
  std::vector<Channel> channels;
  for (const std::string& name : names) {
    if (!is_channel_file(name)) continue;
    const std::string stem = stem_of(name);
    const bool has_average =
        std::find(names.begin(), names.end(), stem + "_average") != names.end();
    if (name.ends_with("_input") && has_average) continue;
    if (text_or_empty(root, folder + "/" + stem + "_is_battery") == "1") continue;
    Channel channel = base;
    channel.file = name;
    channel.label = text_or_empty(root, folder + "/" + stem + "_label");
    channels.push_back(std::move(channel));
  }
  return channels;
}

Unavailable nothing_here(const FsRoot& root, std::size_t n_chips) {
  Unavailable missing{"hwmon", kFolder, {}, {}};
  if (n_chips > 0) {
    missing.reason = fmt::format("none of the {} hwmon chips measures power or energy", n_chips);
    missing.remedy = "Attach a power monitor with a kernel driver (an INA226 on I2C, for example).";
    return missing;
  }
  missing.reason = fmt::format("no chip in {}", kFolder);
  if (!root.exists(kFolder)) missing.reason = fmt::format("no {}", kFolder);
  if (machine_of(root) == Machine::virtual_x86) {
    missing.reason += ": inside a virtual machine there are no hardware monitors";
    missing.remedy = "Run on the machine itself, or measure on the host.";
  } else {
    missing.remedy = "Load the driver of the board's power monitor (acpi_power_meter, ina2xx, …).";
  }
  return missing;
}

}  // namespace

RailOfChannel classify_hwmon(std::string_view chip, std::string_view label) {
  const std::string l = lower(label);
  if (chip == "amd_energy") {
    if (l.starts_with("esocket")) return {Rail::package, number_at_end(l)};
    if (l.starts_with("ecore")) return {Rail::core, -1};
    return {};
  }
  if (chip == "power_meter") return {Rail::system, -1};    // ACPI 4.0, 10.4
  if (chip == "fam15h_power") return {Rail::package, -1};  // AMD families 15h and 16h
  constexpr std::array kGpuChips{"amdgpu", "radeon", "i915", "xe", "nouveau"};
  if (std::find(kGpuChips.begin(), kGpuChips.end(), chip) != kGpuChips.end())
    return {Rail::gpu, -1};
  // The whole board's supply, by the labels boards and power supplies give it. Whole words only:
  // VIN_SYS_5V0 of a Jetson AGX Orin is one rail among several.
  constexpr std::array kSystemLabels{"vdd_in",       "vin",         "pom_5v_in",
                                     "total power",  "power total", "total system power",
                                     "system power", "system",      "total"};
  if (std::find(kSystemLabels.begin(), kSystemLabels.end(), l) != kSystemLabels.end()) {
    return {Rail::system, -1};
  }
  return {};
}

void discover_hwmon(const FsRoot& root, const Clock& clock, Inventory& inventory) {
  const auto chips = root.list(kFolder);
  std::vector<Channel> channels;
  for (const std::string& chip : chips.value_or(std::vector<std::string>{})) {
    const std::string folder = std::string(kFolder) + "/" + chip;
    if (is_board_ina(root, folder)) continue;  // listed there, by rails
    const auto names = root.list(folder);
    if (!names) {
      inventory.unavailable.push_back(
          {"hwmon:" + chip, folder, names.error().what, names.error().remedy});
      continue;
    }
    for (Channel& channel : channels_of(root, folder, *names))
      channels.push_back(std::move(channel));
  }
  if (channels.empty()) {
    const auto by_ina = [](const auto& sensor) { return sensor->info().group == kInaGroup; };
    if (std::any_of(inventory.sensors.begin(), inventory.sensors.end(), by_ina)) return;
    inventory.unavailable.push_back(nothing_here(root, chips ? chips->size() : 0));
    return;
  }
  // The device is part of the name only where two chips share theirs.
  std::map<std::string, std::string> folder_of_chip;
  std::map<std::string, bool> shared;
  for (const Channel& channel : channels) {
    const auto [it, is_new] = folder_of_chip.emplace(channel.chip, channel.folder);
    if (!is_new && it->second != channel.folder) shared[channel.chip] = true;
  }
  std::map<std::string, int> uses;
  for (Channel& channel : channels) {
    if (!shared[channel.chip]) channel.device.clear();
    SensorInfo info = info_of(root, channel);
    if (const int n = ++uses[info.id]; n > 1) info.id += fmt::format("#{}", n);
    auto sensor = std::make_unique<HwmonSensor>(info, root, clock);
    if (const auto reading = sensor->read(); !reading) {
      inventory.unavailable.push_back(
          {info.id, info.source, reading.error().what, reading.error().remedy});
    } else {
      inventory.sensors.push_back(std::move(sensor));
    }
  }
}

}  // namespace wattle::sense
