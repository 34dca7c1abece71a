#include "sense/perf_energy.hpp"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "sense/counter.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kPmu = "/sys/bus/event_source/devices/power";
constexpr const char* kParanoid = "/proc/sys/kernel/perf_event_paranoid";
constexpr double kUpdatePeriodS = 1e-3;  // as RAPL: these are its registers
constexpr double kResolutionJ = 61e-6;
constexpr double kRateHz = 100.0;
constexpr double kMaxPowerW = 2000.0;

class SystemPerfCounter final : public PerfCounter {
 public:
  explicit SystemPerfCounter(int fd) : fd_(fd) {}
  SystemPerfCounter(const SystemPerfCounter&) = delete;
  SystemPerfCounter& operator=(const SystemPerfCounter&) = delete;
  ~SystemPerfCounter() override { ::close(fd_); }
  Result<std::uint64_t> read() override {
    std::uint64_t value = 0;
    const ssize_t n = ::read(fd_, &value, sizeof value);
    if (n < 0) return fail_errno(errno, "cannot read a perf event");
    if (n != sizeof value) {  // 0: its processor went offline
      return fail(ErrorCode::unavailable, "the perf event has ended: its processor is offline");
    }
    return value;
  }

 private:
  int fd_;
};

class SystemPerfEvents final : public PerfEvents {
 public:
  Result<std::unique_ptr<PerfCounter>> open(std::uint32_t type, std::uint64_t config,
                                            int cpu) override {
    perf_event_attr attributes{};
    attributes.size = sizeof attributes;
    attributes.type = type;
    attributes.config = config;
    constexpr pid_t kEveryProcess = -1;
    constexpr int kNoGroup = -1;
    const long fd = ::syscall(SYS_perf_event_open, &attributes, kEveryProcess, cpu, kNoGroup,
                              PERF_FLAG_FD_CLOEXEC);
    if (fd < 0) return fail_errno(errno, fmt::format("cannot open a perf event on core {}", cpu));
    return std::make_unique<SystemPerfCounter>(static_cast<int>(fd));
  }
};

class PerfEnergySensor final : public PowerSensor {
 public:
  PerfEnergySensor(SensorInfo info, std::unique_ptr<PerfCounter> event, double unit_j,
                   const Clock& clock)
      : info_(std::move(info)),
        event_(std::move(event)),
        clock_(clock),
        counter_(0, unit_j, kMaxPowerW, kUpdatePeriodS) {}

  [[nodiscard]] const SensorInfo& info() const override { return info_; }

  Result<Reading> read() override {
    const std::int64_t before_ns = clock_.monotonic_ns();
    const auto value = event_->read();
    const std::int64_t t_ns = before_ns + (clock_.monotonic_ns() - before_ns) / 2;
    if (!value) {
      counter_.forget();
      return std::unexpected(value.error());
    }
    auto step = counter_.add(*value, t_ns);
    return Reading{t_ns, step.energy_j, std::nullopt, std::move(step.lost)};
  }

 private:
  SensorInfo info_;
  std::unique_ptr<PerfCounter> event_;
  const Clock& clock_;
  CounterUnwrapper counter_;
};

struct Pmu {
  std::uint32_t type = 0;
  std::vector<int> cpus;            // one a package
  std::vector<int> packages;        // their numbers
  std::vector<std::string> events;  // "energy-pkg"
};

struct Event {
  std::string name;
  std::uint64_t config = 0;
  double unit_j = 0.0;
};

Rail rail_of(std::string_view event) {
  if (event == "energy-pkg") return Rail::package;
  if (event == "energy-cores") return Rail::core;
  if (event == "energy-ram") return Rail::dram;
  if (event == "energy-gpu") return Rail::gpu;
  if (event == "energy-psys") return Rail::psys;
  return Rail::other;
}

Result<Pmu> read_pmu(const FsRoot& root) {
  const std::string folder = kPmu;
  Pmu pmu;
  WATTLE_TRY(const std::uint64_t type, root.read_uint(folder + "/type"));
  pmu.type = static_cast<std::uint32_t>(type);
  WATTLE_TRY(const std::string mask, root.read_text(folder + "/cpumask"));
  WATTLE_TRY(pmu.cpus, parse_cpu_list(mask));
  for (std::size_t i = 0; i < pmu.cpus.size(); ++i) {
    const auto package = root.read_int(
        fmt::format("/sys/devices/system/cpu/cpu{}/topology/physical_package_id", pmu.cpus[i]));
    pmu.packages.push_back(static_cast<int>(package.value_or(static_cast<std::int64_t>(i))));
  }
  WATTLE_TRY(pmu.events, root.list(folder + "/events"));
  std::erase_if(pmu.events, [](const std::string& name) {
    return !name.starts_with("energy-") || name.find('.') != std::string::npos;
  });
  return pmu;
}

Result<Event> read_event(const FsRoot& root, const std::string& name) {
  const std::string file = fmt::format("{}/events/{}", kPmu, name);
  Event event{name, 0, 0.0};
  WATTLE_TRY(const std::string config, root.read_text(file));
  WATTLE_TRY(event.config, parse_perf_event(config));
  WATTLE_TRY(const std::string unit, root.read_text(file + ".unit"));
  WATTLE_TRY(const std::string scale, root.read_text(file + ".scale"));
  const std::string_view digits = trim(scale);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), event.unit_j);
  const bool number = error == std::errc{} && end == digits.data() + digits.size();
  if (trim(unit) != "Joules" || !number || !(event.unit_j > 0.0 && event.unit_j < 1.0)) {
    return fail(ErrorCode::invalid_format,
                fmt::format("{} is in units of '{}' '{}', expected joules",
                            root.resolve(file).string(), digits, trim(unit)));
  }
  return event;
}

SensorInfo info_of(const Pmu& pmu, const Event& event, std::size_t i) {
  const std::string suffix = pmu.cpus.size() > 1 ? fmt::format("/{}", pmu.packages[i]) : "";
  const std::string package = fmt::format("package-{}", pmu.packages[i]);
  SensorInfo info;
  info.id = "perf:" + event.name + suffix;
  info.source = fmt::format("{}/events/{}", kPmu, event.name);
  info.kind = Kind::counter;
  info.rail = rail_of(event.name);
  info.scope = info.rail == Rail::package ? package
               : info.rail == Rail::psys  ? std::string("psys")
                                          : fmt::format("{} of {}", rail_name(info.rail), package);
  info.socket = pmu.packages[i];
  info.group = "perf";
  const bool inside = info.rail == Rail::core || info.rail == Rail::gpu;
  if (inside) info.inside = {"perf:energy-pkg" + suffix};
  info.update_period_s = kUpdatePeriodS;
  info.default_rate_hz = kRateHz;
  info.resolution_j = std::max(kResolutionJ, event.unit_j);
  return info;
}

Unavailable refused(const FsRoot& root, const SensorInfo& info, const Error& error) {
  if (error.code != ErrorCode::permission_denied) {
    return {info.id, info.source, error.what,
            "Read the same counters through powercap (docs/permissions.md)."};
  }
  const auto level = root.read_int(kParanoid);
  return {info.id, info.source,
          fmt::format("cannot count energy with perf: system-wide events need the right to it{}",
                      level ? fmt::format(" (perf_event_paranoid is {})", *level) : ""),
          "sudo setcap cap_perfmon=ep on the program, or sudo sysctl kernel.perf_event_paranoid=0 "
          "until the next boot, or run with sudo (docs/permissions.md)."};
}

void add(const FsRoot& root, const Clock& clock, PerfEvents& events, const Pmu& pmu,
         const Event& event, Inventory& inventory) {
  for (std::size_t i = 0; i < pmu.cpus.size(); ++i) {
    SensorInfo info = info_of(pmu, event, i);
    auto counter = events.open(pmu.type, event.config, pmu.cpus[i]);
    if (!counter) {
      inventory.unavailable.push_back(refused(root, info, counter.error()));
      continue;
    }
    auto sensor =
        std::make_unique<PerfEnergySensor>(info, std::move(*counter), event.unit_j, clock);
    if (const auto reading = sensor->read(); !reading) {
      inventory.unavailable.push_back(refused(root, info, reading.error()));
      continue;
    }
    inventory.sensors.push_back(std::move(sensor));
  }
}

}  // namespace

std::unique_ptr<PerfEvents> system_perf_events() {
  return std::make_unique<SystemPerfEvents>();
}

Result<std::vector<int>> parse_cpu_list(std::string_view text) {
  constexpr int kMostCpus = 8192;
  const std::string_view all = trim(text);
  std::string_view rest = all;
  std::vector<int> cpus;
  const auto number = [&rest]() -> int {
    int value = -1;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc{} || value < 0 || value >= kMostCpus) return -1;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return value;
  };
  while (true) {
    const int first = number();
    int last = first;
    if (first >= 0 && rest.starts_with('-')) {
      rest.remove_prefix(1);
      last = number();
    }
    if (first < 0 || last < first || (!rest.empty() && rest[0] != ',') ||
        cpus.size() + static_cast<std::size_t>(last - first) >= kMostCpus) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("expected a list of processors, found '{}'", all.substr(0, 40)));
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (rest.empty()) return cpus;
    rest.remove_prefix(1);
  }
}

Result<std::uint64_t> parse_perf_event(std::string_view text) {
  constexpr std::string_view kPrefix = "event=0x";
  constexpr int kHex = 16;
  const std::string_view line = trim(text);
  std::uint64_t config = 0;
  const char* const end = line.data() + line.size();
  if (line.starts_with(kPrefix)) {
    const auto [stop, error] = std::from_chars(line.data() + kPrefix.size(), end, config, kHex);
    if (error == std::errc{} && stop == end) return config;
  }
  return fail(ErrorCode::invalid_format,
              fmt::format("expected 'event=0x<hex>', found '{}'", line.substr(0, 40)));
}

void discover_perf_energy(const FsRoot& root, const Clock& clock, PerfEvents* events,
                          Inventory& inventory) {
  if (!root.exists(kPmu)) return;
  if (events == nullptr) {
    inventory.unavailable.push_back(
        {"perf", kPmu, "perf counts only on the machine this runs on, not below another root", {}});
    return;
  }
  const auto pmu = read_pmu(root);
  if (!pmu) {
    inventory.unavailable.push_back({"perf", kPmu, pmu.error().what, pmu.error().remedy});
    return;
  }
  for (const std::string& name : pmu->events) {
    const auto event = read_event(root, name);
    if (event) {
      add(root, clock, *events, *pmu, *event, inventory);
    } else {
      inventory.unavailable.push_back({"perf:" + name, fmt::format("{}/events/{}", kPmu, name),
                                       event.error().what, event.error().remedy});
    }
  }
}

}  // namespace wattle::sense
