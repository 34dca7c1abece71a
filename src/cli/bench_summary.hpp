#pragma once
// Figures of `wattle bench` from what was measured. docs/bench.md has the formulas.

#include <optional>
#include <string>
#include <vector>

#include "cli/bench_run.hpp"

namespace wattle::cli {

struct BenchSummary {
  std::vector<double> tokens_per_s;  // one a repetition, all sequences together
  double mean_ts = 0.0, sd_ts = 0.0, median_ts = 0.0;
  std::vector<double> ns;
  double mean_ns = 0.0, sd_ns = 0.0;

  engine::MachineLimits limits;  // medians over the repetitions
  // Decoding only: weights once a step, keys and values of every sequence.
  std::optional<double> kv_bytes_per_step, bytes_per_token, achieved_gb_per_s, mbu;
  // Products with weights, a multiply-add counted as two.
  double operations_per_token = 0.0;
  double achieved_gop_per_s = 0.0;
  std::optional<double> mfu;
  const char* mfu_peak = "";  // "int8" or "f32"

  // All repetitions together, gross.
  double energy_seconds = 0.0;
  std::optional<double> energy_j, energy_uncertainty_j, j_per_token;
  std::vector<std::string> energy_flags;
};

[[nodiscard]] BenchSummary summarise(const BenchRecord& record);

}  // namespace wattle::cli
