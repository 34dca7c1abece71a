#pragma once
// One measured inference. The only record in Wattle: the lab stores it, the node publishes it, the
// agent learns from it. Made only by meter. Absent values are empty, never zero.
// Names and formulas: docs/formats/inference-record.md (definitions as used by the field).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace wattle::meter {

// How an energy figure came about; printed wherever the figure is.
struct EnergySource {
  std::string sensor;  // "rapl:package-0", "utilisation-model"
  std::string kind;    // "counter" | "sampled" | "model"
  std::string scope;   // "package-0", "all cores, modelled 5–15 W"
};

struct Energy {
  double gross_j = 0.0;
  std::optional<double> net_j;  // idle baseline subtracted; empty without a baseline
  double uncertainty_j = 0.0;   // boundary (P·Δt) and sensor resolution, one standard deviation
};

struct InferenceRecord {
  // What was run.
  std::string run_id, model, model_sha256, precision, suite, prompt_id, timestamp;  // ISO 8601 UTC
  std::uint32_t exit_layer = 0;                                                     // 0: full depth
  std::optional<double> exit_entropy_nats;
  int trial = 0;
  bool warmup = false;
  // Tokens.
  std::uint64_t n_prompt_tokens = 0, n_output_tokens = 0;
  double mean_layers = 0.0;  // layers run per output token
  std::string output_text, stop_reason;
  // Time. tpot = (e2e − ttft)/(n_out − 1), empty for n_out < 2.
  double queue_ms = 0.0, ttft_ms = 0.0, e2e_latency_ms = 0.0, prefill_ms = 0.0, decode_ms = 0.0;
  std::optional<double> tpot_ms;
  std::vector<double> itl_ms;
  std::optional<double> output_tokens_per_s, prefill_tokens_per_s;
  // Energy; empty where no sensor could be read.
  std::optional<EnergySource> energy_source;
  std::optional<Energy> energy_prefill, energy_decode, energy;
  std::optional<double> energy_per_output_token_j_gross, energy_per_output_token_j_net;
  std::optional<double> avg_power_w, peak_power_w, idle_power_w, edp_js;
  // Machine.
  std::optional<std::uint64_t> peak_rss_bytes;
  std::optional<double> mbu;       // (weight + KV bytes)/TPOT ÷ measured bandwidth
  std::vector<std::string> flags;  // "boundary error 40 %", "window below 5 s", "throttled"
  // Judgement of the answer, filled in by whoever knows the expected one.
  std::optional<bool> correct;
  std::optional<double> mean_entropy_nats;
};

[[nodiscard]] Json to_json(const InferenceRecord& record);
[[nodiscard]] Result<InferenceRecord> record_from_json(const Json& json);
// Column names and one row; quoting by RFC 4180.
[[nodiscard]] std::vector<std::string> csv_columns();
[[nodiscard]] std::vector<std::string> csv_cells(const InferenceRecord& record);

}  // namespace wattle::meter
