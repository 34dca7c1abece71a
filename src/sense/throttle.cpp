// Whether the machine is held back: Intel's throttle counters, the Raspberry Pi's firmware, cooling
// devices of the kernel's thermal zones, a Jetson's over-current counters. NVML's reasons are in
// nvml_gauges.cpp.
#include "sense/throttle.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "base/subprocess.hpp"
#include "sense/gauge_source.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kCpus = "/sys/devices/system/cpu";
constexpr const char* kThermal = "/sys/class/thermal";
constexpr const char* kChips = "/sys/class/hwmon";
constexpr std::int64_t kMostEvents = std::int64_t{1} << 62;

// Sums one counter of several cores. A core that goes offline keeps the count it had, because the
// events have happened.
class SummedCounters {
 public:
  SummedCounters(FsRoot root, std::vector<std::string> files) : root_(std::move(root)) {
    for (std::string& file : files) counters_.emplace_back(std::move(file), 0);
  }
  Result<std::optional<double>> read() {
    double sum = 0.0;
    bool any = false;
    Error last;
    for (auto& [file, count] : counters_) {
      const auto value = root_.read_uint(file);
      if (value) {
        count = *value;
        any = true;
      } else if (value.error().code == ErrorCode::not_found) {
        last = value.error();
      } else {
        return std::unexpected(value.error());
      }
      sum += static_cast<double>(count);
    }
    if (!any) return std::unexpected(last);
    return sum;
  }

 private:
  FsRoot root_;
  std::vector<std::pair<std::string, std::uint64_t>> counters_;
};

void offer_sum(GaugeCollector& out, const std::string& id, const std::string& scope,
               const std::vector<std::string>& files) {
  const auto sum = std::make_shared<SummedCounters>(out.root(), files);
  out.offer({id, files.front(), scope, Quantity::throttle_count, 1.0, {}},
            [sum](std::int64_t) { return sum->read(); });
}

// Every core of a package repeats the package's count: one of them is read.
void discover_x86(GaugeCollector& out) {
  std::vector<std::string> cores;
  std::map<std::int64_t, std::string> packages;
  for (const std::string& name : out.root().list(kCpus).value_or(std::vector<std::string>{})) {
    const std::string folder = fmt::format("{}/{}", kCpus, name);
    if (number_in(name, "cpu") < 0 || !out.root().exists(folder + "/thermal_throttle")) continue;
    cores.push_back(folder + "/thermal_throttle/core_throttle_count");
    const std::int64_t package =
        out.root().read_int(folder + "/topology/physical_package_id").value_or(0);
    packages.emplace(package, folder + "/thermal_throttle/package_throttle_count");
  }
  if (cores.empty()) return;
  offer_sum(out, "throttle:cores", "all cores: times throttled by heat", cores);
  for (const auto& [package, file] : packages) {
    offer_sum(out, fmt::format("throttle:package-{}", package),
              fmt::format("package-{}: times throttled by heat", package), {file});
  }
}

// One start of the program for all its bits: it costs some milliseconds.
class Firmware {
 public:
  explicit Firmware(FsRoot root) : root_(std::move(root)) {}

  Result<std::optional<double>> bit(unsigned number, std::int64_t t_ns) {
    constexpr std::int64_t kFreshNs = 100'000'000;
    if (!t_ns_ || t_ns - *t_ns_ >= kFreshNs || t_ns < *t_ns_) {
      bits_ = read();
      t_ns_ = t_ns;
    }
    if (!bits_) return std::unexpected(bits_.error());
    return (*bits_ >> number & 1U) != 0 ? 1.0 : 0.0;
  }

 private:
  [[nodiscard]] Result<std::uint32_t> read() const {
    WATTLE_TRY(const CommandOutput output, run_command(root_, {"vcgencmd", "get_throttled"}));
    if (output.exit_code != 0) {
      return fail(ErrorCode::permission_denied,
                  fmt::format("vcgencmd get_throttled ended with {}: {}", output.exit_code,
                              trim(output.err)),
                  "Add the user to the group video, or run with sudo.");
    }
    return parse_throttled(output.out);
  }
  FsRoot root_;
  std::optional<std::int64_t> t_ns_;
  Result<std::uint32_t> bits_;
};

void discover_raspberry(GaugeCollector& out) {
  struct Bit {
    unsigned number;
    const char* name;
    const char* scope;
  };
  constexpr std::array<Bit, 4> kBits{{{0, "under-voltage", "the supply is below 4.63 V"},
                                      {1, "frequency-capped", "Arm frequency capped"},
                                      {2, "firmware", "throttled by the firmware"},
                                      {3, "soft-temperature-limit", "soft temperature limit"}}};
  constexpr unsigned kSinceStart = 16;
  if (!find_program(out.root(), "vcgencmd")) return;
  const auto firmware = std::make_shared<Firmware>(out.root());
  for (const Bit& bit : kBits) {
    out.offer({fmt::format("throttled:{}", bit.name),
               "vcgencmd get_throttled",
               bit.scope,
               Quantity::throttled,
               1.0,
               {}},
              [firmware, n = bit.number](std::int64_t t_ns) { return firmware->bit(n, t_ns); });
  }
  for (const Bit& bit : kBits) {
    out.offer({fmt::format("was-throttled:{}", bit.name),
               "vcgencmd get_throttled",
               fmt::format("{}, at some time since the start", bit.scope),
               Quantity::was_throttled,
               1.0,
               {}},
              [firmware, n = bit.number + kSinceStart](std::int64_t t_ns) {
                return firmware->bit(n, t_ns);
              });
  }
}

// Fans cool without slowing anything; a screen's brightness and the like are not ours.
bool slows_down(std::string_view type) {
  for (const std::string_view part : {"cpufreq", "devfreq", "throttle", "-balanced", "-alert"}) {
    if (type.find(part) != std::string_view::npos) return true;
  }
  return type == "Processor";
}

void discover_cooling(GaugeCollector& out) {
  constexpr std::int64_t kMostStates = 100'000;
  for (const std::string& name : out.root().list(kThermal).value_or(std::vector<std::string>{})) {
    if (number_in(name, "cooling_device") < 0) continue;
    const std::string folder = fmt::format("{}/{}", kThermal, name);
    const std::string type = text_or_empty(out.root(), folder + "/type");
    if (!slows_down(type)) continue;
    const std::string file = folder + "/cur_state";
    const GaugeRead state = file_gauge(out.root(), file, 1.0, 0, kMostStates);
    out.offer({"throttled:" + type, file, "cooling by " + type, Quantity::throttled, 1.0, {}},
              [state](std::int64_t t_ns) -> GaugeValue {
                WATTLE_TRY(const std::optional<double> value, state(t_ns));
                return *value > 0.0 ? 1.0 : 0.0;
              });
  }
}

void discover_over_current(GaugeCollector& out) {
  for (const std::string& chip : out.root().list(kChips).value_or(std::vector<std::string>{})) {
    const std::string folder = fmt::format("{}/{}", kChips, chip);
    for (const std::string& name : out.root().list(folder).value_or(std::vector<std::string>{})) {
      const int n = number_in(name, "oc", "_event_cnt");
      if (n < 0) continue;
      const std::string file = folder + "/" + name;
      out.offer({fmt::format("throttle:oc{}", n),
                 file,
                 fmt::format("over-current alarm {}", n),
                 Quantity::throttle_count,
                 1.0,
                 {}},
                file_gauge(out.root(), file, 1.0, 0, kMostEvents));
    }
  }
}

}  // namespace

Result<std::uint32_t> parse_throttled(std::string_view text) {
  constexpr std::string_view kPrefix = "throttled=0x";
  constexpr int kHex = 16;
  const std::string_view line = trim(text);
  std::uint32_t bits = 0;
  const char* const end = line.data() + line.size();
  if (line.starts_with(kPrefix)) {
    const auto [stop, error] = std::from_chars(line.data() + kPrefix.size(), end, bits, kHex);
    if (error == std::errc{} && stop == end) return bits;
  }
  return fail(
      ErrorCode::invalid_format,
      fmt::format("expected 'throttled=0x<hex>' from vcgencmd, found '{}'", line.substr(0, 40)));
}

void discover_throttling(GaugeCollector& out) {
  discover_x86(out);
  discover_raspberry(out);
  discover_cooling(out);
  discover_over_current(out);
}

}  // namespace wattle::sense
