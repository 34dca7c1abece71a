#pragma once
// What `wattle bench` measures, as it was measured: bench_summary.hpp makes figures of it,
// bench_report.hpp prints them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/energy_options.hpp"
#include "engine/peaks.hpp"
#include "meter/formulas.hpp"
#include "meter/inference_record.hpp"
#include "sense/energy_window.hpp"

namespace wattle::cli {

// Every combination of the lists is measured.
struct BenchOptions {
  std::vector<std::string> models;
  std::vector<std::uint32_t> n_prompt = {512};    // 0: no prefill test
  std::vector<std::uint32_t> n_generate = {128};  // 0: no decode test
  std::vector<std::uint32_t> depths = {0};        // tokens in the context before the timed part
  std::vector<std::uint32_t> batches = {1};       // sequences that decode together
  std::vector<int> threads = {0};                 // 0: cores this process may use
  int repetitions = 5;                            // counted, after one warm-up
  std::string kv = "f16";
  std::string repack = "all";
  EnergyOptions energy;
};

enum class BenchPhase { prefill, decode };

struct BenchTest {
  BenchPhase phase = BenchPhase::prefill;
  std::uint32_t n_tokens = 0;  // of each sequence, in the timed part
  std::uint32_t depth = 0;
  std::uint32_t n_sequences = 1;
  [[nodiscard]] double timed_tokens() const {
    return static_cast<double>(n_tokens) * static_cast<double>(n_sequences);
  }
};
// "pp512", "tg128 @ d4096", "tg128 b8"
[[nodiscard]] std::string test_name(const BenchTest& test);

// A model as it was loaded for one number of threads.
struct BenchModel {
  std::string path, name, architecture, precision, isa, kv;
  int threads = 0;
  std::uint64_t size_bytes = 0;  // of all tensors
  std::uint64_t n_params = 0;
  meter::ModelShape shape;
  std::uint64_t weight_bytes_per_step = 0;
  double kv_bytes_per_position = 0.0;
  engine::Arithmetic arithmetic = engine::Arithmetic::f32;  // of most weights
  double load_ms = 0.0;
};

struct BenchRepetition {
  std::int64_t ns = 0;
  std::optional<sense::WindowEnergy> energy;  // nothing without a sensor
  engine::MachineLimits limits;               // measured at the end of the same round
};

struct BenchRecord {
  std::shared_ptr<const BenchModel> model;
  BenchTest test;
  std::string time_utc;  // of its first repetition
  std::vector<BenchRepetition> repetitions;
  std::optional<std::uint64_t> peak_rss_bytes;  // without the memory of the bandwidth test
  std::optional<meter::EnergySource> energy_source;
  std::string energy_note;  // why there is no energy, or what the sensors leave out
};

// Measures everything and appends it to `records`, which keep what was finished also when an error
// is returned. Errors: lists without a test; contexts that the model was not made for or that
// memory does not hold, before anything of that model is timed; cancelled after Ctrl-C.
[[nodiscard]] Status run_bench(const BenchOptions& options, std::vector<BenchRecord>& records);

}  // namespace wattle::cli
