#pragma once
// What the virtual device pretends to work on.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "control/orin_model.hpp"

namespace wattle::control {

struct Load {
  enum class Kind {
    idle,
    busy,      // the GPU never waits
    prefill,   // prompts of `n`, one after the other
    decode,    // decode steps of a batch of `n`, without a pause
    fraction,  // `share` of what the GPU does at its highest clock
    host,      // `share` is the busy share of the real machine's processors: a stand-in
  };
  Kind kind = Kind::host;
  int n = 0;
  double share = 0.0;
};
// "idle", "busy", "prefill", "prefill:TOKENS", "decode:BATCH", "host", or a number in [0, 1].
[[nodiscard]] Result<Load> parse_load(std::string_view text);
[[nodiscard]] std::string load_name(const Load& load);

// The GPU at a clock: its busy share and, where the load is made of steps, their time.
struct GpuWork {
  double busy = 0.0;
  std::optional<double> step_s;
  double bytes_per_s = 0.0;
};
[[nodiscard]] GpuWork gpu_work(const OrinParameters& p, const Load& load, double gpu_hz,
                               double emc_hz);
// Busy share of a core at its highest clock. Where there are steps, one thread feeds the GPU and
// has core 0 for itself; a share is every core's.
[[nodiscard]] double core_busy(const Load& load, int core);

// The busy share of the machine that `host` is the root of, over at least a quarter of a second:
// /proc/stat counts in ticks of 10 ms. Not thread safe.
class HostShare {
 public:
  HostShare(FsRoot host, const Clock& clock) : host_(std::move(host)), clock_(&clock) {}
  // 0 until there are two readings, and where there is no /proc/stat.
  [[nodiscard]] double share();

 private:
  FsRoot host_;
  const Clock* clock_;
  std::optional<std::int64_t> t_ns_;
  std::uint64_t busy_ticks_ = 0;
  double share_ = 0.0;
};

}  // namespace wattle::control
