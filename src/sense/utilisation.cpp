// Utilisation: of every core and of all (/proc/stat), of a process (/proc/PID/stat), of a board's
// GPU (devfreq's device: load, 0.1 %).
#include "sense/utilisation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/gpu_devfreq.hpp"
#include "sense/gauge_source.hpp"
#include "sense/process.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kStat = "/proc/stat";
constexpr std::size_t kLargestStat = 8U << 20;  // the "intr" line of a large server
constexpr std::int64_t kTickNs = 10'000'000;

std::unexpected<Error> went_backwards(const char* what) {
  return fail(ErrorCode::unavailable, fmt::format("{} went backwards", what),
              "Read again: the next readings are compared with each other.");
}

// One reading of /proc/stat for all gauges that want it within a tick: nothing changes faster.
class SharedStat {
 public:
  explicit SharedStat(FsRoot root) : root_(std::move(root)) {}

  const Result<std::map<int, CoreTimes>>& read(std::int64_t t_ns) {
    if (!t_ns_ || t_ns - *t_ns_ >= kTickNs || t_ns < *t_ns_) {
      cores_ = read_now();
      t_ns_ = t_ns;
    }
    return cores_;
  }

 private:
  [[nodiscard]] Result<std::map<int, CoreTimes>> read_now() const {
    WATTLE_TRY(const std::string text, root_.read_text(kStat, kLargestStat));
    return parse_core_times(text, root_.resolve(kStat).string());
  }
  FsRoot root_;
  std::optional<std::int64_t> t_ns_;
  Result<std::map<int, CoreTimes>> cores_;
};

GaugeRead core_gauge(const std::shared_ptr<SharedStat>& stat, int core) {
  const auto state = std::make_shared<CoreUtilisation>();
  return [stat, core, state](std::int64_t t_ns) -> GaugeValue {
    const auto& cores = stat->read(t_ns);
    if (cores && cores->contains(core)) return state->add(cores->at(core));
    state->forget();
    if (!cores) return std::unexpected(cores.error());
    return fail(ErrorCode::unavailable, fmt::format("core {} is offline", core),
                fmt::format("Switch it on: echo 1 | sudo tee "
                            "/sys/devices/system/cpu/cpu{}/online",
                            core));
  };
}

GaugeRead process_gauge(const std::shared_ptr<SharedStat>& stat,
                        const std::shared_ptr<Process>& process) {
  const auto state = std::make_shared<ProcessUtilisation>();
  return [stat, process, state](std::int64_t t_ns) -> GaugeValue {
    const auto& cores = stat->read(t_ns);
    const auto now = process->stat();
    if (cores && now) {
      return state->add(now->cpu_ticks, t_ns, static_cast<int>(cores->size()) - 1);
    }
    state->forget();
    return std::unexpected(now ? cores.error() : now.error());
  };
}

void discover_gpu(GaugeCollector& out) {
  constexpr double kPerMille = 1e-3;
  constexpr std::int64_t kAll = 1000;
  const auto gpu = find_gpu_devfreq(out.root());
  if (!gpu) return;
  for (const char* where : {"/device/load", "/load"}) {
    const std::string file = *gpu + where;
    if (!out.root().exists(file)) continue;
    out.offer({"util:gpu", file, "GPU", Quantity::utilisation, 1.0, {}},
              file_gauge(out.root(), file, kPerMille, 0, kAll));
    return;
  }
}

}  // namespace

Result<std::optional<double>> CoreUtilisation::add(const CoreTimes& now) {
  if (!last_) {
    last_ = now;
    value_.reset();
    return value_;
  }
  if (now.busy_ticks < last_->busy_ticks || now.idle_ticks < last_->idle_ticks) {
    last_.reset();
    return went_backwards("the processor time in /proc/stat");
  }
  const auto busy = static_cast<double>(now.busy_ticks - last_->busy_ticks);
  const std::uint64_t waited = now.iowait_ticks - std::min(now.iowait_ticks, last_->iowait_ticks);
  const double all = busy + static_cast<double>(now.idle_ticks - last_->idle_ticks + waited);
  if (all <= 0.0) return value_;
  last_ = now;
  value_ = busy / all;
  return value_;
}

Result<std::optional<double>> ProcessUtilisation::add(std::uint64_t cpu_ticks, std::int64_t t_ns,
                                                      int n_cores) {
  if (!started_) {
    started_ = true;
    value_.reset();
    last_ticks_ = cpu_ticks;
    last_t_ns_ = t_ns;
    return value_;
  }
  if (cpu_ticks < last_ticks_ || t_ns < last_t_ns_) {
    started_ = false;
    return went_backwards("the processor time of the process");
  }
  if (t_ns - last_t_ns_ < kTickNs) return value_;
  const double elapsed_s = static_cast<double>(t_ns - std::exchange(last_t_ns_, t_ns)) * 1e-9;
  const double busy_s =
      static_cast<double>(cpu_ticks - std::exchange(last_ticks_, cpu_ticks)) * kTickSeconds;
  value_ = std::min(busy_s / (elapsed_s * std::max(n_cores, 1)), 1.0);
  return value_;
}

void discover_utilisation(GaugeCollector& out, const GaugeOptions& options) {
  const auto stat = std::make_shared<SharedStat>(out.root());
  out.offer({"util:cpu", kStat, "all cores", Quantity::utilisation, 1.0, {}},
            core_gauge(stat, kAllCores));
  if (const auto text = out.root().read_text(kStat, kLargestStat)) {
    const auto cores = parse_core_times(*text, kStat);
    for (const auto& [core, times] : cores.value_or(std::map<int, CoreTimes>{})) {
      if (core == kAllCores) continue;
      out.offer({fmt::format("util:cpu{}", core),
                 kStat,
                 fmt::format("core {}", core),
                 Quantity::utilisation,
                 1.0,
                 {}},
                core_gauge(stat, core));
    }
  }
  const auto process = std::make_shared<Process>(out.root(), options.pid);
  out.offer({"util:process",
             process->folder() + "/stat",
             process->scope() + ", of all cores",
             Quantity::utilisation,
             1.0,
             {}},
            process_gauge(stat, process));
  discover_gpu(out);
}

}  // namespace wattle::sense
