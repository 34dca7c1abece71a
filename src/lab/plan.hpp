#pragma once
// From a manifest to what will be run: the model files (converted where asked), the suites, the
// configurations, and the order in which they take turns.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "lab/manifest.hpp"
#include "lab/results.hpp"
#include "lab/suite.hpp"

namespace wattle::lab {

// One file to run: a model of the manifest in one precision.
struct ModelVariant {
  std::string model;  // name in the manifest
  Precision wanted = Precision::file;
  std::filesystem::path file;
  std::string sha256;
  std::string precision;  // "Q4_0": the type most weight bytes are in
  std::uint32_t n_layers = 0;
  std::uint32_t context_length = 0;
  std::uint64_t file_bytes = 0;
};

struct Plan {
  Manifest manifest;
  std::string manifest_text;
  std::vector<ModelVariant> variants;
  std::vector<Suite> suites;
  std::vector<Configuration> configurations;  // ids 1, 2, … in the order of the manifest
  std::vector<std::size_t> variant_of;        // [configuration]
  std::vector<std::size_t> suite_of;          // [configuration]
};

struct PlanOptions {
  std::filesystem::path cache;  // converted models; default_cache_folder()
  int threads = 0;
  bool convert = true;  // false: --dry-run, nothing is written
  // What is being done, for a progress line; may be empty.
  std::function<void(const std::string& what)> on_step;
};

// Reads and checks everything a run needs: models, suites, that each exit layer exists in each
// model and each prompt fits its context. Problems name the place in the manifest or suite.
[[nodiscard]] Result<Plan> make_plan(const std::filesystem::path& manifest_file,
                                     const PlanOptions& options);

// Converted models: $WATTLE_CACHE, else $XDG_CACHE_HOME/wattle, else ~/.cache/wattle.
[[nodiscard]] std::filesystem::path default_cache_folder();

// The experiment's identity: everything that decides what is run, but not how often.
[[nodiscard]] Experiment experiment_of(const Plan& plan);

// The configurations in the order of one trial: shuffled by seed and trial, so that a drift of the
// machine spreads evenly; those of one model file stay together, so that it is loaded once.
[[nodiscard]] std::vector<std::size_t> trial_order(const Plan& plan, int trial);

// Indices into the suite of the prompts of one pass: the first `limit`, or with rotate the next
// `limit` of each trial, round and round.
[[nodiscard]] std::vector<std::size_t> prompts_of_trial(const SuiteEntry& entry,
                                                        std::size_t n_prompts, int trial);

// What would be run, for --dry-run.
[[nodiscard]] std::string describe_plan(const Plan& plan);
// Windows and idle baselines alone, without loading; a lower bound.
[[nodiscard]] double least_seconds(const Plan& plan);

}  // namespace wattle::lab
