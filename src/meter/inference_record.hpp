#pragma once
// One measured inference. The only record in Wattle: the lab stores it, the node publishes it, the
// agent learns from it. Made only by meter. Absent values are empty, never zero.
// Names, units and formulas: docs/formats/inference-record.md (definitions as used by the field).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace wattle::meter {

// How an energy figure came about; printed wherever the figure is. Figures of different scope are
// never compared (see same_scope()).
struct EnergySource {
  std::string sensor;  // "rapl:package-0+rapl:package-1", "utilisation-model"
  std::string kind;    // "counter" | "sampled" | "model"
  std::string scope;   // "package-0 + package-1", "all cores, modelled 5–15 W"

  friend bool operator==(const EnergySource&, const EnergySource&) = default;
};

// Every *_j below is one standard deviation. A model's own error is unknown and in none of them.
struct Energy {
  double gross_j = 0.0;
  std::optional<double> net_j;       // gross − idle power · time; empty without a baseline. May be
                                     // slightly negative for tiny windows (then flagged).
  double uncertainty_j = 0.0;        // of gross: boundary and sensor resolution combined
  double boundary_j = 0.0;           // P·Δt at both ends of the window, Δt the sensor's update
  double sensor_j = 0.0;             // sensor resolution
  std::optional<double> baseline_j;  // of net, besides: standard error of idle power · time
};

struct InferenceRecord {
  // What was run: the caller's to fill in.
  std::string run_id, model, model_sha256, precision, suite, prompt_id;
  std::string timestamp;         // when the request was accepted, ISO 8601 UTC
  std::uint32_t exit_layer = 0;  // 0: full depth
  std::optional<double> exit_entropy_nats;
  // "margin:0.5", "confidence:0.9:0.7:3"; empty without such a rule.
  std::string exit_rule;
  std::string speculation;  // "self:6", "lookup"; empty without
  int trial = 0;
  bool warmup = false;
  // Tokens of the model's own tokenizer, never words.
  std::uint64_t n_prompt_tokens = 0, n_output_tokens = 0;  // output: without the end-of-text token
  double mean_layers = 0.0;                                // layers run per output token
  std::string output_text, stop_reason;
  // With speculation: guessed tokens, those that were right, passes that checked them.
  std::optional<std::uint64_t> n_drafted_tokens, n_accepted_tokens, n_verification_passes;
  // Time. ttft: request accepted → first output token, with tokenisation (and queueing, when the
  // caller adds it to both). tpot = (e2e − ttft)/(n_out − 1), empty for n_out < 2.
  double queue_ms = 0.0, tokenize_ms = 0.0, prefill_ms = 0.0, decode_ms = 0.0, e2e_latency_ms = 0.0;
  std::optional<double> ttft_ms;  // empty if no token came out
  std::optional<double> tpot_ms;
  std::vector<double> itl_ms;                                     // every gap between output tokens
  std::optional<double> output_tokens_per_s, total_tokens_per_s;  // over e2e
  std::optional<double> prefill_tokens_per_s, decode_tokens_per_s;  // over the phase alone
  // Energy; empty where no sensor could be read.
  std::optional<EnergySource> energy_source;
  std::optional<Energy> energy_prefill, energy_decode, energy;
  std::optional<double> energy_per_output_token_j_gross, energy_per_output_token_j_net;
  std::optional<double> energy_per_total_token_j_gross, energy_per_total_token_j_net;
  std::optional<double> energy_per_request_j_gross, energy_per_request_j_net;
  std::optional<double> avg_power_w, peak_power_w, idle_power_w;
  std::optional<double> output_tokens_per_j;    // gross
  std::optional<double> edp_js;                 // gross energy per request × e2e, J·s
  std::optional<double> carbon_g_per_kwh, pue;  // what co2e_g was computed with
  std::optional<double> co2e_g;                 // gross
  // Empty: the figures are of this answer's own window. Otherwise of a block of so many answers,
  // attributed by phase time: records of one block are not independent samples of energy.
  std::optional<std::uint64_t> energy_block_answers;
  std::optional<double> energy_block_s;
  // Machine.
  std::optional<std::uint64_t> peak_rss_bytes;
  // Of the processor or module; clocks are means over time and cores.
  std::optional<double> temperature_start_c, temperature_max_c;
  std::optional<double> cpu_frequency_mhz, gpu_frequency_mhz;
  std::optional<bool> throttled;  // held back at some time by heat, power or current
  std::optional<double> flops_prefill, flops_decode;  // causal attention, logits of one position
  std::optional<double> mfu, mbu;  // of peaks measured on this machine (MeterOptions)
  std::vector<std::string> flags;  // "boundary uncertainty 40 % of gross", "no idle baseline"
  // Judgement of the answer, filled in by whoever knows the expected one.
  std::optional<bool> correct;
  std::optional<double> mean_entropy_nats;
};

// Recomputes everything that follows from other fields: throughput, tpot, energy per token and
// request, average power, tokens per joule, energy-delay product, CO2e.
void derive(InferenceRecord& record);

// Whether two energy figures may be compared: same kind and same scope.
[[nodiscard]] bool same_scope(const InferenceRecord& a, const InferenceRecord& b);

// One flat object; absent values are null. Unknown keys are ignored on the way back.
[[nodiscard]] Json to_json(const InferenceRecord& record);
[[nodiscard]] Result<InferenceRecord> record_from_json(const Json& json);
// The same flat names and values (itl_ms and flags joined by ';', absent: empty cell), unquoted;
// csv_line() quotes by RFC 4180 where needed and joins, without the line end.
[[nodiscard]] std::vector<std::string> csv_columns();
[[nodiscard]] std::vector<std::string> csv_cells(const InferenceRecord& record);
[[nodiscard]] std::string csv_line(std::span<const std::string> cells);

}  // namespace wattle::meter
