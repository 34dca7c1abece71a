#pragma once
// Tables of results.sqlite; docs/formats/results.md explains them.

namespace wattle::lab {

inline constexpr const char* kResultsSchema = R"sql(
CREATE TABLE experiment (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE configuration (
  id INTEGER PRIMARY KEY, model TEXT NOT NULL, model_sha256 TEXT NOT NULL,
  precision TEXT NOT NULL, exit_layer INTEGER NOT NULL, n_layers INTEGER NOT NULL,
  suite TEXT NOT NULL) STRICT;
CREATE TABLE session (
  id INTEGER PRIMARY KEY, started TEXT NOT NULL, state TEXT NOT NULL, details TEXT NOT NULL) STRICT;
CREATE TABLE block (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session(id),
  configuration_id INTEGER NOT NULL REFERENCES configuration(id),
  trial INTEGER NOT NULL, part INTEGER NOT NULL,
  closed INTEGER NOT NULL, completes_trial INTEGER NOT NULL,
  started_s REAL NOT NULL, seconds REAL NOT NULL, busy_seconds REAL NOT NULL,
  n_passes INTEGER NOT NULL,
  n_requests INTEGER NOT NULL, n_prompt_tokens INTEGER NOT NULL, n_output_tokens INTEGER NOT NULL,
  n_sensor_updates INTEGER NOT NULL,
  energy_sensor TEXT, energy_kind TEXT, energy_scope TEXT,
  energy_j_gross REAL, energy_j_net REAL, energy TEXT NOT NULL,
  avg_power_w REAL, peak_power_w REAL, flags TEXT NOT NULL,
  UNIQUE (configuration_id, trial, part)) STRICT;
CREATE TABLE record (
  id INTEGER PRIMARY KEY,
  block_id INTEGER NOT NULL REFERENCES block(id),
  configuration_id INTEGER NOT NULL REFERENCES configuration(id),
  trial INTEGER NOT NULL, pass INTEGER NOT NULL, prompt_index INTEGER NOT NULL,
  prompt_id TEXT NOT NULL, warmup INTEGER NOT NULL,
  n_prompt_tokens INTEGER NOT NULL, n_output_tokens INTEGER NOT NULL,
  ttft_ms REAL, tpot_ms REAL, e2e_latency_ms REAL NOT NULL,
  energy_j_gross REAL, energy_j_net REAL, correct INTEGER,
  json TEXT NOT NULL,
  UNIQUE (block_id, pass, prompt_index)) STRICT;
CREATE UNIQUE INDEX record_once ON record (configuration_id, trial, prompt_index) WHERE pass = 0;
CREATE TABLE power (
  session_id INTEGER NOT NULL REFERENCES session(id), t_s REAL NOT NULL,
  power_w REAL NOT NULL) STRICT;
)sql";

}  // namespace wattle::lab
