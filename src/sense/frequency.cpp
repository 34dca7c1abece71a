// Clocks: cores (/sys/devices/system/cpu/cpuN/cpufreq, kHz), a board's GPU (devfreq, Hz), a
// Jetson's memory controller (debugfs, Hz).
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/gpu_devfreq.hpp"
#include "sense/gauge_source.hpp"
#include "sense/machine.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kCpus = "/sys/devices/system/cpu";
constexpr const char* kCpuinfo = "/proc/cpuinfo";
constexpr const char* kEmc = "/sys/kernel/debug/bpmp/debug/clk/emc/rate";
constexpr double kHzPerKhz = 1e3;
constexpr std::int64_t kMostHz = 20'000'000'000;
constexpr std::int64_t kMostKhz = 20'000'000;
constexpr std::size_t kLargestCpuinfo = 16U << 20;

GaugeInfo info_of(std::string id, std::string source, std::string scope) {
  return {std::move(id), std::move(source), std::move(scope), Quantity::frequency_hz, 1.0, {}};
}

bool discover_core(GaugeCollector& out, int core) {
  const std::string folder = fmt::format("{}/cpu{}/cpufreq", kCpus, core);
  if (!out.root().exists(folder)) return false;
  // cpuinfo_cur_freq asks the hardware, but is root-only; without the other it is what there is.
  const std::string first = folder + "/scaling_cur_freq";
  const std::string second = folder + "/cpuinfo_cur_freq";
  const std::string file =
      out.root().read_uint(first) || !out.root().read_uint(second) ? first : second;
  out.offer(info_of(fmt::format("freq:cpu{}", core), file, fmt::format("core {}", core)),
            file_gauge(out.root(), file, kHzPerKhz, 1, kMostKhz));
  return true;
}

// The line "cpu MHz : 2394.372" of one processor.
Result<std::optional<double>> mhz_in_cpuinfo(const FsRoot& root, int processor) {
  WATTLE_TRY(const std::string text, root.read_text(kCpuinfo, kLargestCpuinfo));
  std::string_view rest = text;
  int at = -1;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = trim(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    if (key == "processor") std::from_chars(value.data(), value.data() + value.size(), at);
    if (key != "cpu MHz" || at != processor) continue;
    double mhz = 0.0;
    const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), mhz);
    constexpr double kHzPerMhz = 1e6;
    if (error == std::errc{} && stop == value.data() + value.size() && mhz > 0.0 &&
        mhz * kHzPerMhz < static_cast<double>(kMostHz)) {
      return mhz * kHzPerMhz;
    }
  }
  return fail(ErrorCode::unavailable, fmt::format("{} states no clock of core {}",
                                                  root.resolve(kCpuinfo).string(), processor));
}

// Not in a virtual machine, where it is the nominal clock and not a reading.
void discover_from_cpuinfo(GaugeCollector& out) {
  const Machine machine = machine_of(out.root());
  if (machine != Machine::physical_x86) {
    out.refuse(
        "freq:cpu", kCpus,
        {ErrorCode::unavailable,
         machine == Machine::virtual_x86 ? "a virtual machine does not show the clocks of its cores"
                                         : fmt::format("no core has a folder cpufreq in {}", kCpus),
         machine == Machine::virtual_x86 ? "Read them on the host."
                                         : "Load the cpufreq driver of this processor."});
    return;
  }
  for (int core = 0; mhz_in_cpuinfo(out.root(), core); ++core) {
    out.offer(info_of(fmt::format("freq:cpu{}", core), kCpuinfo, fmt::format("core {}", core)),
              [root = out.root(), core](std::int64_t) { return mhz_in_cpuinfo(root, core); });
  }
}

bool is_tegra(const FsRoot& root) {
  for (const char* file :
       {"/proc/device-tree/compatible", "/sys/firmware/devicetree/base/compatible"}) {
    if (const auto text = root.read_text(file);
        text && text->find("nvidia,tegra") != std::string::npos) {
      return true;
    }
  }
  return false;
}

// debugfs is root-only as a whole, so to others the file looks the same on every machine.
void discover_emc(GaugeCollector& out) {
  const auto rate = out.root().read_uint(kEmc);
  const GaugeInfo info = info_of("freq:emc", kEmc, "memory controller (EMC)");
  if (!rate && rate.error().code == ErrorCode::permission_denied) {
    if (!is_tegra(out.root())) return;
    out.refuse(info.id, info.source,
               {rate.error().code, "cannot read the memory clock: debugfs is root-only",
                "Run with sudo."});
  } else if (rate || rate.error().code != ErrorCode::not_found) {
    out.offer(info, file_gauge(out.root(), kEmc, 1.0, 1, kMostHz));
  }
}

}  // namespace

void discover_frequencies(GaugeCollector& out) {
  bool any = false;
  for (const std::string& name : out.root().list(kCpus).value_or(std::vector<std::string>{})) {
    if (const int core = number_in(name, "cpu"); core >= 0) any |= discover_core(out, core);
  }
  if (!any) discover_from_cpuinfo(out);
  if (const auto gpu = find_gpu_devfreq(out.root())) {
    const std::string file = *gpu + "/cur_freq";
    out.offer(info_of("freq:gpu", file, "GPU"), file_gauge(out.root(), file, 1.0, 1, kMostHz));
  }
  discover_emc(out);
}

}  // namespace wattle::sense
