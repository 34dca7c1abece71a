#pragma once
// Logs joined to runs: what each log says about each run, once its clock is known against theirs.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sense/clock_offset.hpp"
#include "sense/replay.hpp"
#include "sense/run_windows.hpp"

namespace wattle::sense {

struct JoinOptions {
  // The window's edges move to the nearest readings; otherwise energy is interpolated between them.
  bool nearest = false;
  // How far from a reading a moment still counts as covered; 0: two intervals of the log.
  double tolerance_s = 0.0;
};

struct JoinedRun {
  std::optional<double> energy_j;  // empty where the log does not know, never 0 for that
  std::optional<double> mean_power_w;
  std::optional<double> peak_power_w;
  // One standard deviation: boundary and resolution as in a live window, and what a shift by the
  // clock offset's uncertainty changes.
  double uncertainty_j = 0.0;
  double coverage = 0.0;  // share of the window within the tolerance of a reading
  std::string flag;       // why there is no energy, or what is doubtful about it
};

// A moment of the runs' clock as one of the log's (t_ns, see SensorLog).
[[nodiscard]] std::int64_t log_time(std::int64_t run_ns, const ClockOffset& offset,
                                    std::int64_t wall_offset_ns);

[[nodiscard]] JoinedRun join(const LogReplay& replay, const RunWindow& run,
                             const ClockOffset& offset, std::int64_t wall_offset_ns,
                             const JoinOptions& options = {});

// What several logs say of one run, added.
struct CombinedRun {
  std::optional<double> energy_j;  // empty if any of them does not know it
  double uncertainty_j = 0.0;      // their errors are taken as independent
  std::optional<double> mean_power_w;
  std::optional<double> edp_js;  // energy-delay product, energy · duration of the run
};
[[nodiscard]] CombinedRun combine(std::span<const JoinedRun> logs, double seconds);

// Why the logs' sensors may not be added: some of different logs may count the same joules. Logs of
// different machines cannot. Nothing: they may.
struct LogSensors {
  std::string host;  // empty: unknown
  std::vector<SensorInfo> infos;
};
[[nodiscard]] std::optional<std::string> why_not_add(std::span<const LogSensors> logs);

}  // namespace wattle::sense
