#pragma once
// Records and blocks condensed to one row per configuration. How each figure is made:
// docs/formats/results.md. Pure functions of Results; nothing is measured or printed here.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/results.hpp"
#include "lab/statistics.hpp"

namespace wattle::lab {

// A mean over trials with its Student-t interval (empty below two trials).
struct Estimate {
  double value = 0.0;
  std::optional<double> std_dev;
  std::optional<Interval> ci95;
  std::size_t n = 0;
};

// The distribution of one quantity over requests.
struct Distribution {
  std::size_t n = 0;
  double mean = 0.0, p5 = 0.0, p25 = 0.0, p50 = 0.0, p75 = 0.0, p90 = 0.0, p95 = 0.0, p99 = 0.0;
  std::optional<double> std_dev;
  std::optional<Interval> p50_ci95;  // bootstrap
  std::size_t n_outliers = 0;        // marked by median distance, never dropped
};

// One standard deviation each, J per output token. u² is the sum of the four squares.
struct Uncertainty {
  double statistical = 0.0, sensor = 0.0, boundary = 0.0, baseline = 0.0;
  [[nodiscard]] double combined() const;
};

struct SummaryRow {
  Configuration configuration;
  std::size_t n_requests = 0;  // answers in the aggregates, warm-up not counted
  std::size_t n_prompts = 0;   // distinct ones
  std::size_t n_trials = 0;
  std::size_t n_left_out = 0;  // answers left out because the machine changed under them
  std::optional<Distribution> ttft_ms, tpot_ms, e2e_latency_ms;
  std::optional<Estimate> output_tokens_per_s, decode_tokens_per_s, prefill_tokens_per_s;
  // Energy of the answers over their tokens, each trial one value.
  std::optional<Estimate> energy_per_output_token_j_gross, energy_per_output_token_j_net;
  std::optional<Estimate> energy_per_request_j_gross, edp_js;
  std::optional<Uncertainty> uncertainty;
  std::optional<meter::EnergySource> energy_source;  // the one all trials share
  std::optional<double> avg_power_w;
  // Share of distinct prompts answered correctly; repeats of a prompt count as one.
  std::optional<double> accuracy;
  std::optional<Interval> accuracy_ci95;
  std::size_t n_judged_prompts = 0;
  std::optional<std::uint64_t> peak_rss_bytes;
  std::optional<double> mean_entropy_nats, mean_layers;
  std::vector<std::pair<std::string, std::size_t>> flags;  // flag → blocks and records with it
};

struct Summary {
  std::vector<SummaryRow> rows;  // in the order of the configurations that have any result
};

[[nodiscard]] Summary summarise(const Results& results);

// Rows ordered by energy per output token, cheapest first; rows without energy last. Never by
// total energy, which favours short runs.
[[nodiscard]] std::vector<const SummaryRow*> ranked_by_energy(const Summary& summary);

// Same kind and scope: energies of different sensors are never compared.
[[nodiscard]] bool comparable(const SummaryRow& a, const SummaryRow& b);

// "modelled (all cores, 5–15 W)", "counter (package-0)", "–": how the joules were obtained.
[[nodiscard]] std::string how_obtained(const std::optional<meter::EnergySource>& source);

}  // namespace wattle::lab
