#pragma once
// For tests: results as an experiment would leave them, with numbers that are easy to check.

#include <fmt/format.h>

#include <cmath>

#include "lab/random.hpp"
#include "lab/results.hpp"

namespace wattle::lab {

inline Configuration test_configuration(std::int64_t id, const std::string& precision,
                                        std::uint32_t exit_layer,
                                        const std::string& suite = "telemetry") {
  return {id, "telemetry-16l", std::string(64, 'a'), precision, exit_layer, 16, suite};
}

inline Block test_block(std::int64_t id, std::int64_t configuration_id, int trial,
                        std::uint64_t n_output_tokens, double energy_j) {
  Block block;
  block.id = id;
  block.session_id = 1;
  block.configuration_id = configuration_id;
  block.trial = trial;
  block.closed = true;
  block.completes_trial = true;
  block.started_s = static_cast<double>(id) * 3.0;
  block.seconds = 2.7;
  block.busy_seconds = 2.5;
  block.n_passes = 1;
  block.n_requests = 10;
  block.n_output_tokens = n_output_tokens;
  block.energy_source =
      meter::EnergySource{"utilisation-model", "model", "all cores, modelled 5–15 W"};
  block.energy = meter::Energy{energy_j,         energy_j * 0.6,   0.01 * energy_j,
                               0.006 * energy_j, 0.008 * energy_j, 0.02 * energy_j};
  return block;
}

inline StoredRecord test_record(std::int64_t block_id, std::int64_t configuration_id, int trial,
                                int prompt, double ttft_ms, double tpot_ms,
                                std::uint64_t n_output_tokens) {
  StoredRecord stored;
  stored.block_id = block_id;
  stored.configuration_id = configuration_id;
  stored.prompt_index = prompt;
  auto& record = stored.record;
  record.trial = trial;
  record.prompt_id = fmt::format("p{}", prompt);
  record.timestamp = "2026-01-02T03:04:05.000Z";
  record.n_prompt_tokens = 80;
  record.n_output_tokens = n_output_tokens;
  record.ttft_ms = ttft_ms;
  record.prefill_ms = ttft_ms;
  if (n_output_tokens > 1) record.tpot_ms = tpot_ms;
  record.decode_ms = tpot_ms * static_cast<double>(n_output_tokens - 1);
  record.e2e_latency_ms = ttft_ms + record.decode_ms;
  record.stop_reason = "end_of_text";
  return stored;
}

// Twelve configurations, five trials, shaped like a small model that may leave early.
inline Results test_results(int n_trials = 5) {
  Results results;
  results.experiment.name = "quickstart";
  results.experiment.created = "2026-01-02T03:04:05.000Z";
  results.experiment.manifest_source = "manifests/quickstart.yaml";
  results.experiment.manifest_text = "models: [../models/telemetry-16l.gguf]\n";
  results.experiment.trials = n_trials;
  results.experiment.plan = {
      {"seed", 1},
      {"models",
       {{{"name", "telemetry-16l"}, {"precision", "F16"}, {"sha256", std::string(64, 'a')}}}},
      {"suites", {{{"name", "telemetry"}, {"n_prompts", 40}, {"sha256", std::string(64, 'b')}}}},
      {"generate", {{"seed", 0}}}};
  SessionInfo session;
  session.id = 1;
  session.started = "2026-01-02T03:04:05.000Z";
  session.state = "finished";
  session.energy_source = test_block(1, 1, 0, 1, 1.0).energy_source;
  session.idle_before = meter::IdleBaseline{5.31, 0.04, 4.0};
  session.idle_after = meter::IdleBaseline{5.36, 0.05, 4.0};
  session.machine = {{"cpu", "Example CPU @ 2.00GHz"},
                     {"cores", 2},
                     {"isa", "avx2"},
                     {"threads", 2},
                     {"version", "0.1.0"},
                     {"load_average", "0.12 0.20 0.18"},
                     {"sample_rate_hz", 20.0},
                     {"sampler_share_of_core_percent", 0.21}};
  results.sessions.push_back(session);
  SplitMix64 random(3);
  const auto noise = [&] { return static_cast<double>(random.below(2001)) / 1000.0 - 1.0; };
  std::int64_t id = 0;
  const char* precisions[] = {"F16", "Q8_0", "Q4_0"};
  for (int p = 0; p < 3; ++p) {
    for (const std::uint32_t layer : {4U, 8U, 12U, 0U}) {
      results.configurations.push_back(test_configuration(++id, precisions[p], layer));
    }
  }
  std::int64_t block_id = 0;
  for (int trial = 0; trial < n_trials; ++trial) {
    for (const auto& c : results.configurations) {
      const double depth = (c.exit_layer == 0 ? 16.0 : c.exit_layer) / 16.0;
      const double speed = c.precision == "F16" ? 1.0 : c.precision == "Q8_0" ? 0.72 : 0.55;
      const double tpot_ms = (0.12 + 0.55 * depth) * speed;
      std::uint64_t n_tokens = 0;
      ++block_id;
      for (int prompt = 0; prompt < 40; ++prompt) {
        auto stored = test_record(block_id, c.id, trial, prompt,
                                  14.0 * (0.2 + depth) * (0.6 + 0.4 * speed) * (1 + 0.15 * noise()),
                                  tpot_ms * (1 + 0.12 * noise()), 24);
        const double accuracy =
            0.985 - 0.42 * std::pow(1.0 - depth, 2.4) - (c.precision == "Q4_0" ? 0.02 : 0.0);
        stored.record.correct = ((prompt * 37) % 40 + 0.5) / 40.0 < accuracy;
        stored.record.mean_entropy_nats = 0.05 + 0.4 * (1.0 - depth);
        stored.record.mean_layers = 16.0 * depth;
        stored.record.peak_rss_bytes = static_cast<std::uint64_t>(48e6 * (0.6 + 0.4 * speed));
        n_tokens += stored.record.n_output_tokens;
        results.records.push_back(stored);
      }
      Block block = test_block(
          block_id, c.id, trial, n_tokens,
          tpot_ms * 1.6e-3 * 13.0 * (1 + 0.012 * noise()) * static_cast<double>(n_tokens));
      block.flags = {"window below 5 s"};
      for (double t = 0.0; t < block.seconds; t += 0.1) {
        results.power.push_back({1, block.started_s + t, 13.0 + 0.8 * noise()});
      }
      for (double t = block.seconds; t < 3.0; t += 0.1) {
        results.power.push_back({1, block.started_s + t, 7.0 + 0.8 * noise()});
      }
      results.blocks.push_back(block);
    }
  }
  return results;
}

}  // namespace wattle::lab
