#include "lab/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace wattle::lab {
namespace {

constexpr std::uint64_t kBootstrapSeed = 1;
constexpr std::size_t kResamples = 1000;

double fast_median(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  const auto middle = copy.begin() + static_cast<std::ptrdiff_t>(copy.size() / 2);
  std::nth_element(copy.begin(), middle, copy.end());
  if (copy.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(copy.begin(), middle));
}

std::optional<Distribution> distribution_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  Distribution d;
  d.n = values.size();
  d.mean = *mean(values);
  d.std_dev = standard_deviation(values);
  d.p5 = *percentile(values, 5);
  d.p25 = *percentile(values, 25);
  d.p50 = *percentile(values, 50);
  d.p75 = *percentile(values, 75);
  d.p90 = *percentile(values, 90);
  d.p95 = *percentile(values, 95);
  d.p99 = *percentile(values, 99);
  d.p50_ci95 = bootstrap_interval_95(values, fast_median, kBootstrapSeed, kResamples);
  const auto marked = mad_outliers(values);
  d.n_outliers = static_cast<std::size_t>(std::count(marked.begin(), marked.end(), true));
  return d;
}

std::optional<Estimate> estimate_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return Estimate{*mean(values), standard_deviation(values), mean_interval_95(values),
                  values.size()};
}

// Sums over the closed blocks (parts) of one trial.
struct TrialSums {
  double busy_s = 0.0, prefill_s = 0.0, decode_s = 0.0;
  double n_prompt_tokens = 0.0, n_output_tokens = 0.0, n_decoded = 0.0, n_requests = 0.0;
  double edp_js = 0.0, n_edp = 0.0;
  // Of the blocks whose energy is known, with the tokens of the same blocks.
  double energy_gross_j = 0.0, energy_net_j = 0.0;
  double energy_tokens = 0.0, energy_requests = 0.0, energy_s = 0.0;
  double sensor_j2 = 0.0, boundary_j2 = 0.0, baseline_j2 = 0.0;
  bool net_known = true;
};

class RowBuilder {
 public:
  explicit RowBuilder(const Configuration& configuration) { row_.configuration = configuration; }

  void add(const Block& block) {
    for (const auto& flag : block.flags) {
      ++flags_[flag];
      block_flags_.insert(flag);
    }
    if (!block.energy || left_out_of_aggregates(block.flags)) return;
    if (source_ && (source_->kind != block.energy_source->kind ||
                    source_->scope != block.energy_source->scope)) {
      mixed_sources_ = true;
    }
    source_ = block.energy_source;
    auto& trial = trials_[block.trial];
    trial.energy_gross_j += block.energy->gross_j;
    if (block.energy->net_j) {
      trial.energy_net_j += *block.energy->net_j;
    } else {
      trial.net_known = false;
    }
    trial.energy_tokens += static_cast<double>(block.n_output_tokens);
    trial.energy_requests += static_cast<double>(block.n_requests);
    trial.energy_s += block.busy_seconds;
    trial.sensor_j2 += std::pow(block.energy->sensor_j, 2);
    trial.boundary_j2 += std::pow(block.energy->boundary_j, 2);
    trial.baseline_j2 += std::pow(block.energy->baseline_j.value_or(0.0), 2);
  }

  void add(const StoredRecord& stored) {
    const auto& record = stored.record;
    if (record.warmup) return;
    // Records repeat the flags of their block.
    for (const auto& flag : record.flags) {
      if (!block_flags_.contains(flag)) ++flags_[flag];
    }
    if (left_out_of_aggregates(record.flags)) {
      ++row_.n_left_out;
      return;
    }
    ++row_.n_requests;
    if (record.ttft_ms) ttft_ms_.push_back(*record.ttft_ms);
    if (record.tpot_ms) tpot_ms_.push_back(*record.tpot_ms);
    e2e_ms_.push_back(record.e2e_latency_ms);
    auto& judged = judged_[record.prompt_id];
    if (record.correct) {
      judged.first += *record.correct ? 1.0 : 0.0;
      judged.second += 1.0;
    }
    if (record.peak_rss_bytes) {
      row_.peak_rss_bytes = std::max(row_.peak_rss_bytes.value_or(0), *record.peak_rss_bytes);
    }
    if (record.mean_entropy_nats) entropies_.push_back(*record.mean_entropy_nats);
    if (record.n_output_tokens > 0) layers_.push_back(record.mean_layers);
    auto& trial = trials_[record.trial];
    trial.busy_s += record.e2e_latency_ms / 1e3;
    trial.prefill_s += record.prefill_ms / 1e3;
    trial.decode_s += record.decode_ms / 1e3;
    trial.n_prompt_tokens += static_cast<double>(record.n_prompt_tokens);
    trial.n_output_tokens += static_cast<double>(record.n_output_tokens);
    // The first token is prefill's: decode makes the others.
    if (record.n_output_tokens > 1) {
      trial.n_decoded += static_cast<double>(record.n_output_tokens - 1);
    }
    trial.n_requests += 1.0;
    if (record.edp_js) {
      trial.edp_js += *record.edp_js;
      trial.n_edp += 1.0;
    }
  }

  SummaryRow finish() {
    row_.n_prompts = judged_.size();
    row_.ttft_ms = distribution_of(ttft_ms_);
    row_.tpot_ms = distribution_of(tpot_ms_);
    row_.e2e_latency_ms = distribution_of(e2e_ms_);
    row_.mean_entropy_nats = mean(entropies_);
    row_.mean_layers = mean(layers_);
    finish_accuracy();
    finish_rates();
    finish_energy();
    mark_outliers("TTFT", row_.ttft_ms);
    mark_outliers("TPOT", row_.tpot_ms);
    row_.flags.assign(flags_.begin(), flags_.end());
    return std::move(row_);
  }

 private:
  void mark_outliers(const char* name, const std::optional<Distribution>& d) {
    if (d && d->n_outliers > 0) flags_[fmt::format("{} outlier", name)] = d->n_outliers;
  }

  void finish_accuracy() {
    double correct = 0.0;
    double n = 0.0;
    for (const auto& [prompt, counts] : judged_) {
      if (counts.second <= 0.0) continue;
      correct += counts.first / counts.second;
      n += 1.0;
    }
    row_.n_judged_prompts = static_cast<std::size_t>(n);
    if (n <= 0.0) return;
    row_.accuracy = correct / n;
    row_.accuracy_ci95 = wilson_interval_95(correct, n);
  }

  // One value of each trial that has `denominator` > 0.
  template <class Numerator, class Denominator>
  std::vector<double> over_trials(const Numerator& numerator, const Denominator& denominator) {
    std::vector<double> values;
    for (const auto& [number, trial] : trials_) {
      if (denominator(trial) > 0.0) values.push_back(numerator(trial) / denominator(trial));
    }
    return values;
  }

  void finish_rates() {
    using T = TrialSums;
    row_.n_trials = trials_.size();
    row_.output_tokens_per_s = estimate_of(over_trials([](const T& t) { return t.n_output_tokens; },
                                                       [](const T& t) { return t.busy_s; }));
    row_.decode_tokens_per_s = estimate_of(
        over_trials([](const T& t) { return t.n_decoded; }, [](const T& t) { return t.decode_s; }));
    row_.prefill_tokens_per_s = estimate_of(over_trials(
        [](const T& t) { return t.n_prompt_tokens; }, [](const T& t) { return t.prefill_s; }));
  }

  void finish_energy() {
    using T = TrialSums;
    if (mixed_sources_) {
      flags_["energy of different sensors, not combined"] = trials_.size();
      return;
    }
    const auto tokens = [](const T& t) { return t.energy_tokens; };
    const auto gross = over_trials([](const T& t) { return t.energy_gross_j; }, tokens);
    row_.energy_per_output_token_j_gross = estimate_of(gross);
    if (gross.empty()) return;
    row_.energy_source = source_;
    row_.energy_per_request_j_gross = estimate_of(over_trials(
        [](const T& t) { return t.energy_gross_j; }, [](const T& t) { return t.energy_requests; }));
    row_.edp_js = estimate_of(
        over_trials([](const T& t) { return t.edp_js; }, [](const T& t) { return t.n_edp; }));
    row_.avg_power_w = mean(over_trials([](const T& t) { return t.energy_gross_j; },
                                        [](const T& t) { return t.energy_s; }));
    const bool net_known = std::all_of(trials_.begin(), trials_.end(),
                                       [](const auto& entry) { return entry.second.net_known; });
    if (net_known) {
      row_.energy_per_output_token_j_net =
          estimate_of(over_trials([](const T& t) { return t.energy_net_j; }, tokens));
    }
    finish_uncertainty();
  }

  // Boundary and sensor errors of separate windows are independent and shrink with their number;
  // the baseline is one measurement for all of them and does not.
  void finish_uncertainty() {
    double n = 0.0;
    double sensor = 0.0;
    double boundary = 0.0;
    double baseline = 0.0;
    for (const auto& [number, trial] : trials_) {
      if (trial.energy_tokens <= 0.0) continue;
      n += 1.0;
      sensor += trial.sensor_j2 / std::pow(trial.energy_tokens, 2);
      boundary += trial.boundary_j2 / std::pow(trial.energy_tokens, 2);
      baseline += std::sqrt(trial.baseline_j2) / trial.energy_tokens;
    }
    if (n <= 0.0) return;
    const auto deviation = row_.energy_per_output_token_j_gross->std_dev;
    row_.uncertainty = Uncertainty{deviation.value_or(0.0) / std::sqrt(n), std::sqrt(sensor) / n,
                                   std::sqrt(boundary) / n, baseline / n};
  }

  SummaryRow row_;
  std::map<int, TrialSums> trials_;
  std::map<std::string, std::pair<double, double>> judged_;  // prompt → correct, answers
  std::map<std::string, std::size_t> flags_;
  std::set<std::string> block_flags_;
  std::vector<double> ttft_ms_, tpot_ms_, e2e_ms_, entropies_, layers_;
  std::optional<meter::EnergySource> source_;
  bool mixed_sources_ = false;
};

}  // namespace

double Uncertainty::combined() const {
  return std::sqrt(statistical * statistical + sensor * sensor + boundary * boundary +
                   baseline * baseline);
}

Summary summarise(const Results& results) {
  std::map<std::int64_t, RowBuilder> builders;
  for (const auto& configuration : results.configurations) {
    builders.emplace(configuration.id, configuration);
  }
  for (const auto& block : results.blocks) {
    if (const auto found = builders.find(block.configuration_id); found != builders.end()) {
      found->second.add(block);
    }
  }
  for (const auto& record : results.records) {
    if (const auto found = builders.find(record.configuration_id); found != builders.end()) {
      found->second.add(record);
    }
  }
  Summary summary;
  for (auto& [id, builder] : builders) {
    SummaryRow row = builder.finish();
    if (row.n_requests + row.n_left_out > 0) summary.rows.push_back(std::move(row));
  }
  return summary;
}

std::vector<const SummaryRow*> ranked_by_energy(const Summary& summary) {
  std::vector<const SummaryRow*> rows;
  for (const auto& row : summary.rows) rows.push_back(&row);
  const auto cost = [](const SummaryRow* row) {
    return row->energy_per_output_token_j_gross ? row->energy_per_output_token_j_gross->value
                                                : INFINITY;
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const SummaryRow* a, const SummaryRow* b) { return cost(a) < cost(b); });
  return rows;
}

bool comparable(const SummaryRow& a, const SummaryRow& b) {
  return a.energy_source && b.energy_source && a.energy_source->kind == b.energy_source->kind &&
         a.energy_source->scope == b.energy_source->scope;
}

std::string how_obtained(const std::optional<meter::EnergySource>& source) {
  if (!source) return "–";
  std::string scope = source->scope;
  if (source->kind != "model") return fmt::format("{} ({})", source->kind, scope);
  constexpr std::string_view kRepeated = "modelled ";
  if (const auto at = scope.find(kRepeated); at != std::string::npos) {
    scope.erase(at, kRepeated.size());
  }
  return fmt::format("modelled ({})", scope);
}

}  // namespace wattle::lab
