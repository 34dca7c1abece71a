#pragma once
// Utilisation as the difference of two readings. Pure, for tests and recorded data.

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "sense/proc_stat.hpp"

namespace wattle::sense {

// busy / (busy + idle + iowait + steal) of one core since the reading before.
class CoreUtilisation {
 public:
  // Empty at the first reading. Where no tick has passed, the value before. Times that went
  // backwards are an error, and the next reading is a first one.
  Result<std::optional<double>> add(const CoreTimes& now);
  void forget() { last_.reset(); }

 private:
  std::optional<CoreTimes> last_;
  std::optional<double> value_;
};

// Ticks of one process over elapsed time · cores.
class ProcessUtilisation {
 public:
  // Empty at the first reading; within 10 ms of the one before, the value before.
  Result<std::optional<double>> add(std::uint64_t cpu_ticks, std::int64_t t_ns, int n_cores);
  void forget() { started_ = false; }

 private:
  bool started_ = false;
  std::uint64_t last_ticks_ = 0;
  std::int64_t last_t_ns_ = 0;
  std::optional<double> value_;
};

}  // namespace wattle::sense
