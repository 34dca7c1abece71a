#pragma once
// The last resort, where nothing can be measured, always labelled kind = model:
//   P = P_idle + (P_max − P_idle) · utilisation      utilisation over all cores, in [0, 1]
// kept as energy, so that windows that meet add up exactly:
//   E(t) = P_idle · t + (P_max − P_idle) · B(t) / n_cores      B: busy core seconds
// /proc/stat counts in ticks of 10 ms, so B jumps. In a short interval it can grow by more than
// time · cores allows; what is too much is held back and released into the following intervals (at
// most two ticks a core), which keeps utilisation ≤ 1 in every interval without losing energy.

#include <cstdint>

#include "base/board.hpp"
#include "sense/discover.hpp"
#include "sense/proc_stat.hpp"

namespace wattle::sense {

struct ModelRange {
  double idle_w = 5.0;
  double max_w = 15.0;
};
// What the user gave, else 5 to 15 W; Jetson Nano: 5 to 10 W, its power modes' budget.
[[nodiscard]] ModelRange model_range(Board board, const ModelOptions& options);

// The formula alone, fed with readings. Pure, for tests and for recorded data.
class UtilisationCurve {
 public:
  explicit UtilisationCurve(const ModelRange& range) : range_(range) {}
  // Cumulative energy since the first call. False in `continued`: the tick counter went backwards,
  // and the busy time since the last call is unknown.
  struct Step {
    double energy_j = 0.0;
    bool continued = true;
  };
  Step add(const CpuTimes& times, std::int64_t t_ns);
  // The next reading starts afresh: the reads in between failed.
  void forget() {
    started_ = false;
    held_back_s_ = 0.0;
  }

 private:
  ModelRange range_;
  bool started_ = false;
  std::uint64_t last_ticks_ = 0;
  std::int64_t last_t_ns_ = 0;
  double held_back_s_ = 0.0;  // busy core seconds not yet released
  double energy_j_ = 0.0;
};

void discover_utilisation_model(const FsRoot& root, const Clock& clock, const ModelOptions& options,
                                Inventory& inventory);

}  // namespace wattle::sense
