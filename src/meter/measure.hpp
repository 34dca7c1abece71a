#pragma once
// Runs one inference with energy windows around its phases and fills an InferenceRecord.
//
// A single answer of a small model can be shorter than a sensor's update. For figures worth
// comparing, measure many answers inside one block of at least 5 s:
//
//   meter->open_block();
//   for (...) records.push_back(*meter->measure(session, {.text = prompt}, options));
//   const BlockEnergy block = *meter->close_block();
//   attribute(records, block);   // replaces each record's energy by its share
//
// One thread drives a Meter; power_trace() may be called from any.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "base/result.hpp"
#include "engine/generate.hpp"
#include "meter/inference_record.hpp"

namespace wattle::meter {

struct MeterOptions {
  FsRoot root{"/"};
  double idle_power_w_hint = 0.0;  // 0: measure the baseline
  bool energy = true;              // false: times only
  double sample_rate_hz = 0.0;     // 0: each sensor's own default; never faster than it updates
  // The utilisation model's ends, used only where nothing can be measured. Empty: the board's.
  std::optional<double> model_idle_w;
  std::optional<double> model_max_w;
  // Measured on this machine in the same run; 0: unknown, and mbu/mfu stay empty.
  double peak_bytes_per_s = 0.0;
  double peak_flops_per_s = 0.0;
  // co2e_g = kWh · PUE · g/kWh. 0 g/kWh: co2e_g stays empty. World average: 475.
  double carbon_g_per_kwh = 0.0;
  double pue = 1.0;
};

// What an answer is wanted to: text, turned into tokens within the measurement.
struct Prompt {
  std::string_view text;
  engine::EncodeOptions encode;
  // Tokens that come first: in a chat, the last one of the answer before (generated, but not yet in
  // the session).
  std::span<const engine::TokenId> before;
};

struct IdleBaseline {
  double power_w = 0.0;
  double standard_error_w = 0.0;
  double seconds = 0.0;  // 0: given, not measured
};

// One point of the power trace, for figures: mean power around t_ns.
struct PowerSample {
  std::int64_t t_ns = 0;  // monotonic
  double power_w = 0.0;
};

// What reading costs: CPU time of the sampling thread and of the reads at phase boundaries.
struct SamplerCost {
  double cpu_seconds = 0.0;
  double wall_seconds = 0.0;
  std::uint64_t n_reads = 0;
  [[nodiscard]] double share_of_a_core() const {
    return wall_seconds > 0.0 ? cpu_seconds / wall_seconds : 0.0;
  }
};

// One energy window over many answers. Gross and net: energy = answers + between, and
// answers = prefill + decode + other, exactly.
//   other    inside an answer, outside its two phases (tokenisation)
//   between  outside every answer (the caller's own work): never charged to an answer
struct BlockEnergy {
  std::optional<EnergySource> source;
  // All empty if there is no sensor, or it failed or was reset inside the block (flags say why).
  std::optional<Energy> energy, answers, prefill, decode, other, between;
  double seconds = 0.0;
  double prefill_seconds = 0.0, decode_seconds = 0.0, other_seconds = 0.0, between_seconds = 0.0;
  std::optional<double> avg_power_w, peak_power_w, idle_power_w;
  std::uint64_t n_answers = 0;
  std::uint64_t n_output_tokens = 0;
  std::uint64_t n_updates = 0;     // of the sensor within the window; the slowest of a set
  std::vector<std::string> flags;  // "window below 5 s", "fewer than 50 sensor updates"
};

class Meter {
 public:
  // Picks the best sensor set there is (counter before sampled before model) and starts the one
  // sampling thread. Never fails for want of a sensor: records then carry no energy and say why.
  // The clock must outlive the meter.
  static Result<std::unique_ptr<Meter>> create(const MeterOptions& options, Clock& clock);
  virtual ~Meter() = default;

  // Idle power over `seconds` (with the model loaded, nothing running); the latest is kept for net
  // figures. Measured again, idle_drift() is the relative change against the first.
  virtual Result<IdleBaseline> measure_idle(double seconds) = 0;
  [[nodiscard]] virtual std::optional<IdleBaseline> idle() const = 0;
  [[nodiscard]] virtual std::optional<double> idle_drift() const = 0;
  [[nodiscard]] virtual std::optional<EnergySource> energy_source() const = 0;
  // Why there is no energy, or what the chosen set leaves out; empty if nothing.
  [[nodiscard]] virtual std::string energy_note() const = 0;
  // Reads per second of the sampling thread (the fastest sensor of the set); 0 without one.
  [[nodiscard]] virtual double sample_rate_hz() const = 0;
  [[nodiscard]] virtual SamplerCost sampler_cost() const = 0;

  // Tokenises `prompt`, generates, and measures; derive() is already applied. Fills in timestamp
  // and exit fields; the other identity fields (run_id, suite, …) are the caller's. `observer` sees
  // the stream too and may be null. The answer goes on where the session stands (rewind is the
  // caller's).
  virtual Result<InferenceRecord> measure(engine::Session& session, const Prompt& prompt,
                                          const engine::GenerateOptions& options,
                                          engine::GenerateObserver* observer = nullptr) = 0;

  // A block: every measure() until close_block() belongs to it (warm up before). Opening a block
  // while one is open, or closing without one, is invalid_argument. An answer that failed in
  // measure() is counted as `between`.
  virtual Status open_block() = 0;
  virtual Result<BlockEnergy> close_block() = 0;
  // Seconds since open_block(), empty without one: "≥ 5 s yet?"
  [[nodiscard]] virtual std::optional<double> block_seconds() const = 0;

  // Power since `since_ns` (monotonic), at most `max_samples` evenly thinned points.
  [[nodiscard]] virtual std::vector<PowerSample> power_trace(std::int64_t since_ns,
                                                             std::size_t max_samples) const = 0;
};

// Gives each record of the block its share: prefill energy by prefill time, decode energy by decode
// time, the rest of the answer by the remaining time. The shares sum to prefill + decode + other of
// the block (between is nobody's). `records` must be all of the block's answers, in any order, and
// only those; anything else is invalid_argument. Applies derive().
[[nodiscard]] Status attribute(std::span<InferenceRecord> records, const BlockEnergy& block);

}  // namespace wattle::meter
