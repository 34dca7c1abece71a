#pragma once
// What an experiment has produced, as plain data: written and read by store, condensed by summary,
// drawn by report. Meaning of every field: docs/formats/results.md.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "meter/inference_record.hpp"
#include "meter/measure.hpp"

namespace wattle::lab {

// One cell of the sweep.
struct Configuration {
  std::int64_t id = 0;           // 1, 2, … in the order of the manifest
  std::string model;             // as named in the manifest
  std::string model_sha256;      // of the file that runs, after conversion
  std::string precision;         // of that file: "Q4_0"
  std::uint32_t exit_layer = 0;  // 0: full depth
  std::uint32_t n_layers = 0;    // of the model
  std::string suite;
};
// "8 of 16", "16 (full)"
[[nodiscard]] std::string exit_layer_label(const Configuration& configuration);
// "Q4_0, layer 8"; "Q4_0, full depth"
[[nodiscard]] std::string short_label(const Configuration& configuration);

// One start of the program on this experiment; a resumed experiment has several.
struct SessionInfo {
  std::int64_t id = 0;
  std::string started;  // ISO 8601 UTC
  std::string state;    // "running" (or killed), "finished", "interrupted", "failed"
  Json machine;         // machine.hpp
  std::optional<meter::EnergySource> energy_source;
  std::optional<meter::IdleBaseline> idle_before, idle_after;
  std::vector<std::string> flags;
};
// |after − before| / before; empty unless both were measured.
[[nodiscard]] std::optional<double> idle_drift(const SessionInfo& session);
inline constexpr double kIdleDriftLimit = 0.02;

// One energy window: passes of the suite in one configuration. A block cut short by Ctrl-C is
// closed and counts; one whose process was killed keeps its records and has no energy. The next
// start continues the same trial in a further part.
struct Block {
  std::int64_t id = 0, session_id = 0, configuration_id = 0;
  int trial = 0;
  int part = 0;
  bool closed = false;  // the window was closed and its energy is known or unknowable
  bool completes_trial = false;
  double started_s = 0.0;     // since the session started
  double seconds = 0.0;       // length of the window
  double busy_seconds = 0.0;  // inside answers; the rest is the lab's own work and nobody's energy
  int n_passes = 0;
  std::uint64_t n_requests = 0, n_prompt_tokens = 0, n_output_tokens = 0;  // without warm-up
  std::uint64_t n_sensor_updates = 0;
  std::optional<meter::EnergySource> energy_source;
  std::optional<meter::Energy> energy;  // of the answers: the window without what lies between them
  std::optional<meter::Energy> energy_prefill, energy_decode, energy_between;
  std::optional<double> avg_power_w, peak_power_w;
  std::vector<std::string> flags;
};
// Takes the energy side of a closed window over; counts of tokens and passes are the caller's.
void take_energy(Block& block, const meter::BlockEnergy& window);

struct StoredRecord {
  std::int64_t block_id = 0, configuration_id = 0;
  int pass = 0;          // −1: warm-up
  int prompt_index = 0;  // in the trial's list of prompts
  meter::InferenceRecord record;
};

struct PowerPoint {
  std::int64_t session_id = 0;
  double t_s = 0.0;  // since the session started
  double power_w = 0.0;
};

struct Experiment {
  std::string name, description, created;  // ISO 8601 UTC
  std::string manifest_source, manifest_text;
  Json plan;  // everything that decides what is run; the fingerprint of the experiment
  int trials = 0;
};

struct Results {
  Experiment experiment;
  std::vector<Configuration> configurations;
  std::vector<SessionInfo> sessions;
  std::vector<Block> blocks;
  std::vector<StoredRecord> records;
  std::vector<PowerPoint> power;
};

// Records whose flags say that the machine changed under them (throttled, clock changed): kept and
// exported, left out of every aggregate.
[[nodiscard]] bool left_out_of_aggregates(const std::vector<std::string>& flags);

}  // namespace wattle::lab
