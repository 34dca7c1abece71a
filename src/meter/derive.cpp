// What follows from the measured fields of a record.
#include "meter/formulas.hpp"
#include "meter/inference_record.hpp"

namespace wattle::meter {
namespace {

constexpr double kMsPerSecond = 1000.0;

std::optional<double> ratio(double numerator, double denominator) {
  if (denominator <= 0.0) return std::nullopt;
  return numerator / denominator;
}

std::optional<double> ratio(const std::optional<double>& numerator, double denominator) {
  return numerator ? ratio(*numerator, denominator) : std::nullopt;
}

void derive_time(InferenceRecord& r) {
  const auto n_out = static_cast<double>(r.n_output_tokens);
  const auto n_in = static_cast<double>(r.n_prompt_tokens);
  const double e2e_s = r.e2e_latency_ms / kMsPerSecond;
  r.tpot_ms.reset();
  r.decode_tokens_per_s.reset();
  if (r.n_output_tokens >= 2) {
    if (r.ttft_ms) r.tpot_ms = (r.e2e_latency_ms - *r.ttft_ms) / (n_out - 1.0);
    r.decode_tokens_per_s = ratio(n_out - 1.0, r.decode_ms / kMsPerSecond);
  }
  r.output_tokens_per_s = ratio(n_out, e2e_s);
  r.total_tokens_per_s = ratio(n_in + n_out, e2e_s);
  r.prefill_tokens_per_s = ratio(n_in, r.prefill_ms / kMsPerSecond);
}

void derive_energy(InferenceRecord& r) {
  const std::optional<double> gross = r.energy ? std::optional(r.energy->gross_j) : std::nullopt;
  const std::optional<double> net = r.energy ? r.energy->net_j : std::nullopt;
  const auto n_out = static_cast<double>(r.n_output_tokens);
  const auto n_all = static_cast<double>(r.n_prompt_tokens + r.n_output_tokens);
  r.energy_per_output_token_j_gross = ratio(gross, n_out);
  r.energy_per_output_token_j_net = ratio(net, n_out);
  r.energy_per_total_token_j_gross = ratio(gross, n_all);
  r.energy_per_total_token_j_net = ratio(net, n_all);
  r.energy_per_request_j_gross = gross;
  r.energy_per_request_j_net = net;
  r.avg_power_w = ratio(gross, (r.e2e_latency_ms - r.queue_ms) / kMsPerSecond);
  r.output_tokens_per_j = gross && r.n_output_tokens > 0 ? ratio(n_out, *gross) : std::nullopt;
  r.edp_js.reset();
  r.co2e_g.reset();
  if (!gross) return;
  r.edp_js = *gross * r.e2e_latency_ms / kMsPerSecond;
  if (r.carbon_g_per_kwh) r.co2e_g = co2e_g(*gross, r.pue.value_or(1.0), *r.carbon_g_per_kwh);
}

}  // namespace

void derive(InferenceRecord& record) {
  derive_time(record);
  derive_energy(record);
}

bool same_scope(const InferenceRecord& a, const InferenceRecord& b) {
  return a.energy_source && b.energy_source && a.energy_source->kind == b.energy_source->kind &&
         a.energy_source->scope == b.energy_source->scope;
}

}  // namespace wattle::meter
