#include "cli/bench_summary.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "meter/energy_account.hpp"

namespace wattle::cli {
namespace {

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double v : values) sum += v;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

double standard_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0.0;
  const double m = mean(values);
  double sum = 0.0;
  for (const double v : values) sum += (v - m) * (v - m);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

engine::MachineLimits median_limits(const std::vector<BenchRepetition>& repetitions) {
  const auto of = [&](const std::function<double(const engine::MachineLimits&)>& field) {
    std::vector<double> values;
    for (const BenchRepetition& repetition : repetitions)
      values.push_back(field(repetition.limits));
    return median(values);
  };
  engine::MachineLimits limits;
  limits.read.best_gbs = of([](const auto& l) { return l.read.best_gbs; });
  limits.read.median_gbs = of([](const auto& l) { return l.read.median_gbs; });
  limits.int8_gops = of([](const auto& l) { return l.int8_gops; });
  limits.f32_gflops = of([](const auto& l) { return l.f32_gflops; });
  return limits;
}

// Positions that a decoded token reads, on average: the depth, the token that was not timed, and
// those from the first timed one to itself.
double mean_context(const BenchTest& test) {
  return test.depth + 1.0 + (test.n_tokens + 1.0) / 2.0;
}

void add_traffic(const BenchRecord& record, BenchSummary& summary) {
  if (record.test.phase != BenchPhase::decode) return;
  const double kv =
      record.test.n_sequences * record.model->kv_bytes_per_position * mean_context(record.test);
  const double step = static_cast<double>(record.model->weight_bytes_per_step) + kv;
  summary.kv_bytes_per_step = kv;
  summary.bytes_per_token = step / record.test.n_sequences;
  summary.achieved_gb_per_s = *summary.bytes_per_token * summary.median_ts / 1e9;
  summary.mbu = meter::mbu(*summary.bytes_per_token, 1.0 / summary.median_ts,
                           summary.limits.read.best_gbs * 1e9);
}

struct Peak {
  const char* name;
  double gops;
};

Peak peak_of(engine::Arithmetic arithmetic, const engine::MachineLimits& limits) {
  switch (arithmetic) {
    case engine::Arithmetic::int8:
      return {"int8", limits.int8_gops};
    case engine::Arithmetic::int16:  // vpdpwssd: half as many products as vpdpbusd
      return {"int16", limits.int8_gops / 2};
    case engine::Arithmetic::f32:
      break;
  }
  return {"f32", limits.f32_gflops};
}

// Of a prompt only the last position goes through the output head.
void add_operations(const BenchRecord& record, BenchSummary& summary) {
  const meter::ModelShape& shape = record.model->shape;
  double weights = meter::linear_weights(shape);
  if (record.test.phase == BenchPhase::prefill) {
    const double head = static_cast<double>(shape.n_vocab) * static_cast<double>(shape.d_model);
    weights -= head * (1.0 - 1.0 / record.test.n_tokens);
  }
  const Peak peak = peak_of(record.model->arithmetic, summary.limits);
  summary.operations_per_token = 2.0 * weights;
  summary.achieved_gop_per_s = 2e-9 * weights * summary.median_ts;
  summary.mfu = meter::mfu(2.0 * weights, 1.0 / summary.median_ts, peak.gops * 1e9);
  summary.mfu_peak = peak.name;
}

void add_energy(const BenchRecord& record, BenchSummary& summary) {
  meter::EnergySum sum;
  sense::WindowEnergy whole;
  for (const BenchRepetition& repetition : record.repetitions) {
    if (!repetition.energy) return;
    sum.add(*repetition.energy);
    whole.n_updates += repetition.energy->n_updates;
    if (whole.problem.empty()) whole.problem = repetition.energy->problem;
  }
  whole.seconds = sum.seconds();
  const auto energy = sum.energy({});
  meter::flag_window(whole, energy, summary.energy_flags);
  summary.energy_seconds = whole.seconds;
  if (!energy) return;
  summary.energy_j = energy->gross_j;
  summary.energy_uncertainty_j = energy->uncertainty_j;
  summary.j_per_token = energy->gross_j / (record.test.timed_tokens() *
                                           static_cast<double>(record.repetitions.size()));
}

}  // namespace

BenchSummary summarise(const BenchRecord& record) {
  BenchSummary summary;
  for (const BenchRepetition& repetition : record.repetitions) {
    const auto ns = static_cast<double>(repetition.ns);
    summary.ns.push_back(ns);
    summary.tokens_per_s.push_back(record.test.timed_tokens() * 1e9 / ns);
  }
  summary.mean_ts = mean(summary.tokens_per_s);
  summary.sd_ts = standard_deviation(summary.tokens_per_s);
  summary.median_ts = median(summary.tokens_per_s);
  summary.mean_ns = mean(summary.ns);
  summary.sd_ns = standard_deviation(summary.ns);
  summary.limits = median_limits(record.repetitions);
  add_traffic(record, summary);
  add_operations(record, summary);
  add_energy(record, summary);
  return summary;
}

}  // namespace wattle::cli
