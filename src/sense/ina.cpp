#include "sense/ina.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "sense/jetson_rails.hpp"

namespace wattle::sense {
namespace {

constexpr double kMilli = 1e-3;
constexpr double kMicro = 1e-6;
constexpr double kShuntStepV = 40e-6;  // INA3221 datasheet, 7.3: one count of the shunt voltage
constexpr double kUsualShuntOhm = 5e-3;
constexpr double kZeroErrorSteps = 3.0;  // so far below 0 the chip may read when nothing flows
constexpr double kMaxPowerW = 2000.0;
constexpr double kMaxVolt = 100.0;
constexpr const char* kDrivers = "/sys/bus/i2c/drivers";
constexpr const char* kIna238 = "ina238";
constexpr double kIna238ReadingsPerSecond = 20.0;  // not stated: taken to be so often at least
constexpr const char* kFix = "Check the board's power monitor and its driver (dmesg | grep ina).";

struct Channel {
  std::string chip = "ina3221";
  std::string label;
  std::string device;     // "1-0040"
  std::string volt_file;  // with current_file, or
  std::string curr_file;
  std::string power_file;  // alone
  double power_unit_w = kMilli;
  double current_step_a = kShuntStepV / kUsualShuntOhm;
  double conversion_s = 0.0;  // as the chip states it; 0: it does not
};

class InaSensor final : public PowerSensor {
 public:
  InaSensor(SensorInfo info, Channel channel, FsRoot root, const Clock& clock)
      : info_(std::move(info)),
        channel_(std::move(channel)),
        root_(std::move(root)),
        clock_(clock) {}

  [[nodiscard]] const SensorInfo& info() const override { return info_; }

  Result<Reading> read() override {
    const std::int64_t before_ns = clock_.monotonic_ns();
    auto power_w = channel_.power_file.empty() ? volt_times_ampere() : power();
    const std::int64_t t_ns = before_ns + (clock_.monotonic_ns() - before_ns) / 2;
    if (!power_w) return std::unexpected(explain(std::move(power_w).error()));
    return Reading{t_ns, std::nullopt, *power_w, std::nullopt};
  }

 private:
  Result<double> power() const {
    WATTLE_TRY(const std::int64_t value, root_.read_int(channel_.power_file));
    const double power_w = static_cast<double>(value) * channel_.power_unit_w;
    if (power_w < 0.0 || power_w > kMaxPowerW) return impossible(channel_.power_file, value);
    return power_w;
  }

  Result<double> volt_times_ampere() const {
    WATTLE_TRY(const std::int64_t mv, root_.read_int(channel_.volt_file));
    WATTLE_TRY(const std::int64_t ma, root_.read_int(channel_.curr_file));
    const double volt = static_cast<double>(mv) * kMilli;
    const double ampere = static_cast<double>(ma) * kMilli;
    if (volt < 0.0 || volt > kMaxVolt) return impossible(channel_.volt_file, mv);
    // Slightly negative is kept as it is: cutting it off would bias the mean upwards.
    if (ampere < -kZeroErrorSteps * channel_.current_step_a || ampere * volt > kMaxPowerW) {
      return impossible(channel_.curr_file, ma);
    }
    return volt * ampere;
  }

  [[nodiscard]] std::unexpected<Error> impossible(const std::string& file,
                                                  std::int64_t value) const {
    return fail(ErrorCode::out_of_range,
                fmt::format("{} reads {}, which {} of this rail cannot be",
                            root_.resolve(file).string(), value, info_.scope),
                kFix);
  }

  [[nodiscard]] static Error explain(Error error) {
    if (error.code == ErrorCode::permission_denied) {
      error.remedy = "Run with sudo, or install deploy/udev/99-wattle.rules (docs/permissions.md).";
    } else if (error.remedy.empty()) {
      error.remedy = kFix;
    }
    return error;
  }

  SensorInfo info_;
  Channel channel_;
  FsRoot root_;
  const Clock& clock_;
};

std::string text_or_empty(const FsRoot& root, const std::string& path) {
  const auto text = root.read_text(path);
  return text ? std::string(trim(*text)) : std::string();
}

std::vector<std::string> list_or_nothing(const FsRoot& root, const std::string& folder) {
  return root.list(folder).value_or(std::vector<std::string>{});
}

bool is_rail(const std::string& label) {
  return !label.empty() && label != "NC";
}

double current_step_of(const FsRoot& root, const std::string& shunt_file) {
  const auto micro_ohm = root.read_int(shunt_file);
  const bool plausible = micro_ohm && *micro_ohm >= 10 && *micro_ohm <= 10'000'000;
  return kShuntStepV / (plausible ? static_cast<double>(*micro_ohm) * kMicro : kUsualShuntOhm);
}

// in1 to in3 only: in4 to in6 are shunt voltages, in7 is their sum.
void add_hwmon_channels(const FsRoot& root, const std::string& folder, const std::string& device,
                        std::vector<Channel>& channels, Inventory& inventory) {
  constexpr double kLongestConversionS = 60.0;
  for (const char* n : {"1", "2", "3"}) {
    const std::string in = fmt::format("{}/in{}", folder, n);
    Channel channel;
    channel.label = text_or_empty(root, in + "_label");
    if (!is_rail(channel.label)) continue;
    if (text_or_empty(root, in + "_enable") == "0") {
      inventory.unavailable.push_back(
          {"ina3221:" + channel.label, in + "_enable", "the channel is switched off",
           "echo 1 | sudo tee " + root.resolve(in + "_enable").string()});
      continue;
    }
    channel.device = device;
    channel.volt_file = in + "_input";
    channel.curr_file = fmt::format("{}/curr{}_input", folder, n);
    channel.current_step_a = current_step_of(root, fmt::format("{}/shunt{}_resistor", folder, n));
    const double stated_s =
        static_cast<double>(root.read_int(folder + "/update_interval").value_or(0)) * kMilli;
    if (stated_s > 0.0 && stated_s <= kLongestConversionS) channel.conversion_s = stated_s;
    channels.push_back(std::move(channel));
  }
}

void add_iio_channels(const FsRoot& root, const std::string& folder, const std::string& device,
                      std::vector<Channel>& channels) {
  for (const char* n : {"0", "1", "2"}) {
    Channel channel;
    channel.label = text_or_empty(root, fmt::format("{}/rail_name_{}", folder, n));
    if (!is_rail(channel.label)) continue;
    channel.device = device;
    channel.power_file = fmt::format("{}/in_power{}_input", folder, n);
    channels.push_back(std::move(channel));
  }
}

std::vector<Channel> ina3221_channels(const FsRoot& root, Inventory& inventory) {
  std::vector<Channel> channels;
  const std::string drivers = std::string(kDrivers) + "/";
  std::set<std::string> chips;
  for (const std::string& device : list_or_nothing(root, drivers + "ina3221")) {
    const std::string folder = drivers + "ina3221/" + device + "/hwmon";
    for (const std::string& hwmon : list_or_nothing(root, folder)) {
      if (!hwmon.starts_with("hwmon")) continue;
      chips.insert(hwmon);
      add_hwmon_channels(root, folder + "/" + hwmon, device, channels, inventory);
    }
  }
  for (const std::string& device : list_or_nothing(root, drivers + "ina3221x")) {
    const std::string folder = drivers + "ina3221x/" + device;
    for (const std::string& iio : list_or_nothing(root, folder)) {
      if (iio.starts_with("iio:device")) {
        add_iio_channels(root, folder + "/" + iio, device, channels);
      }
    }
  }
  // Where /sys/bus is not there (containers), the same chips by their class.
  for (const std::string& hwmon : list_or_nothing(root, "/sys/class/hwmon")) {
    const std::string folder = "/sys/class/hwmon/" + hwmon;
    if (chips.contains(hwmon) || text_or_empty(root, folder + "/name") != "ina3221") continue;
    add_hwmon_channels(root, folder, {}, channels, inventory);
  }
  return channels;
}

bool is_input_ina238(const FsRoot& root, const std::string& folder) {
  if (text_or_empty(root, folder + "/name") != "ina238") return false;
  for (const char* file : {"/label", "/power1_label", "/in1_label"}) {
    if (text_or_empty(root, folder + file) == "VIN") return true;
  }
  return false;
}

std::vector<Channel> ina238_channels(const FsRoot& root) {
  std::vector<Channel> channels;
  for (const std::string& hwmon : list_or_nothing(root, "/sys/class/hwmon")) {
    const std::string folder = "/sys/class/hwmon/" + hwmon;
    if (!is_input_ina238(root, folder)) continue;
    Channel channel;
    channel.chip = kIna238;
    channel.label = "VIN";
    if (root.exists(folder + "/power1_input")) {
      channel.power_file = folder + "/power1_input";
      channel.power_unit_w = kMicro;
    } else {
      channel.volt_file = folder + "/in1_input";
      channel.curr_file = folder + "/curr1_input";
    }
    channels.push_back(std::move(channel));
  }
  return channels;
}

std::string id_of(const Channel& channel) {
  return channel.chip + ":" + channel.label;
}

// Of the smallest step in power: that of the file, or of the current at the present voltage.
double resolution_of(const FsRoot& root, const Channel& channel) {
  if (!channel.power_file.empty()) return channel.power_unit_w;
  const auto mv = root.read_int(channel.volt_file);
  const double volt = mv && *mv > 0 ? static_cast<double>(*mv) * kMilli : 0.0;
  return std::min(volt, kMaxVolt) * channel.current_step_a;
}

SensorInfo info_of(const FsRoot& root, const Channel& channel, const RailPlan& plan,
                   double period_s) {
  SensorInfo info;
  info.id = id_of(channel);
  apply_plan(plan, {}, info);
  info.source = channel.power_file.empty() ? channel.volt_file : channel.power_file;
  info.kind = Kind::sampled;
  info.group = kInaGroup;
  info.update_period_s = std::max(period_s, channel.conversion_s);
  info.default_rate_hz = 1.0 / info.update_period_s;
  info.resolution_w = resolution_of(root, channel);
  return info;
}

void name_missing(const std::vector<std::string>& labels, Inventory& inventory) {
  for (const std::string& label : labels) {
    const std::string id = "ina3221:" + label;
    const auto same = [&](const Unavailable& u) { return u.id == id; };
    const auto known =
        std::find_if(inventory.unavailable.begin(), inventory.unavailable.end(), same);
    if (known != inventory.unavailable.end()) {
      known->board_total = true;
    } else {
      inventory.unavailable.push_back(
          {id, kDrivers,
           "a board with these rails has one labelled " + label + " too, and none was found", kFix,
           true});
    }
  }
}

void add_sensors(const FsRoot& root, const Clock& clock, std::vector<Channel> channels,
                 Inventory& inventory) {
  std::vector<std::string> labels;
  std::map<std::string, std::string> id_of_label;
  std::map<std::string, double> n_of_chip;
  for (const Channel& channel : channels) {
    labels.push_back(channel.label);
    id_of_label.emplace(channel.label, id_of(channel));
    ++n_of_chip[channel.chip];
  }
  const BoardRails board = plan_rails(labels);
  std::map<std::string, int> uses;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    Channel& channel = channels[i];
    const double rate_hz =
        channel.chip == kIna238 ? kIna238ReadingsPerSecond : kInaReadingsPerSecond;
    SensorInfo info = info_of(root, channel, board.rails[i], n_of_chip[channel.chip] / rate_hz);
    for (std::string& outer : info.inside) outer = id_of_label[outer];
    if (const int n = ++uses[info.id]; n > 1) {  // a second of that name: of no board known
      info.id += channel.device.empty() ? fmt::format("#{}", n) : "@" + channel.device;
      info.rail = Rail::other;
      info.board_total = false;
    }
    auto sensor = std::make_unique<InaSensor>(info, std::move(channel), root, clock);
    if (const auto reading = sensor->read(); !reading) {
      inventory.unavailable.push_back(
          {info.id, info.source, reading.error().what, reading.error().remedy, info.board_total});
    } else {
      inventory.sensors.push_back(std::move(sensor));
    }
  }
  name_missing(board.missing, inventory);
}

}  // namespace

bool is_board_ina(const FsRoot& root, const std::string& hwmon_folder) {
  return text_or_empty(root, hwmon_folder + "/name") == "ina3221" ||
         is_input_ina238(root, hwmon_folder);
}

void discover_ina(const FsRoot& root, const Clock& clock, Inventory& inventory) {
  std::vector<Channel> channels = ina3221_channels(root, inventory);
  for (Channel& channel : ina238_channels(root)) channels.push_back(std::move(channel));
  if (!channels.empty()) add_sensors(root, clock, std::move(channels), inventory);
}

}  // namespace wattle::sense
