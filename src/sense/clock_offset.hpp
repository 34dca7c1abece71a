#pragma once
// By how much two clocks differ, found from what they both saw: the runs are when the power was
// high, or two logs show the same ups and downs. What is too flat or fits in several ways is
// refused rather than guessed.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sense/replay.hpp"
#include "sense/run_windows.hpp"

namespace wattle::sense {

struct ClockOffset {
  bool known = false;
  double offset_s = 0.0;  // reference clock − the log's clock
  double uncertainty_s =
      0.0;                   // one standard deviation; without what the sensor itself averages over
  double correlation = 0.0;  // of power with the reference, at the offset
  double runner_up = 0.0;    // the next best, elsewhere, as a share of it
  // Only where the log is long enough; offset_s then holds at drift_at_ns of the reference.
  std::optional<double> drift_ppm;
  double drift_uncertainty_ppm = 0.0;
  std::int64_t drift_at_ns = 0;
  std::string problem;  // why it is not known
};

// Power of a log as a curve that can be evaluated a million times: cumulative energy and known time
// on an even grid.
class PowerTrace {
 public:
  // `wall_offset_ns` makes the log's times those of its wall clock.
  PowerTrace(const LogReplay& replay, std::int64_t wall_offset_ns);

  [[nodiscard]] bool empty() const { return n_ == 0; }
  [[nodiscard]] std::int64_t begin_ns() const { return begin_ns_; }
  [[nodiscard]] double seconds() const { return static_cast<double>(n_) * step_s_; }
  [[nodiscard]] double step_s() const { return step_s_; }
  [[nodiscard]] double interval_s() const { return interval_s_; }
  struct Sum {
    double energy_j = 0.0;
    double known_s = 0.0;
  };
  // From the trace's begin to `t_s` after it; flat outside.
  [[nodiscard]] Sum until(double t_s) const;
  [[nodiscard]] double mean_w() const { return mean_w_; }
  [[nodiscard]] double deviation_w() const { return deviation_w_; }
  [[nodiscard]] double known_s() const { return known_s_.empty() ? 0.0 : known_s_.back(); }

 private:
  std::int64_t begin_ns_ = 0;
  double step_s_ = 0.0;
  double interval_s_ = 0.0;
  std::size_t n_ = 0;
  std::vector<double> energy_j_;  // n + 1
  std::vector<double> known_s_;
  double mean_w_ = 0.0;
  double deviation_w_ = 0.0;
};

struct OffsetOptions {
  double max_offset_s = 60.0;
  // Besides, whole quarters of an hour within a day either way: a log in local time.
  bool any_zone = false;
};

// Point-biserial correlation of the power with "inside a run", as a function of the offset.
[[nodiscard]] ClockOffset offset_to_runs(const PowerTrace& trace, std::span<const RunWindow> runs,
                                         const OffsetOptions& options);

// Correlation of the two powers, averaged over the same steps.
[[nodiscard]] ClockOffset offset_to_trace(const PowerTrace& trace, const PowerTrace& reference,
                                          const OffsetOptions& options);

}  // namespace wattle::sense
