#pragma once
// An experiment as a YAML file: models × precisions × exit layers × prompt suites × trials.
// Format and meaning of every key: docs/formats/manifest.md. Every problem of a manifest is found
// in one go and named with file:line:column.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/generate.hpp"

namespace wattle::lab {

// Where something stands in the manifest, counted from 1; line 0: not from a file.
struct Place {
  int line = 0;
  int column = 0;
};

struct ModelEntry {
  std::string name;            // unique in the manifest; by default the file's name without .gguf
  std::filesystem::path file;  // resolved
  Place place;
};

// What the weights are stored as: the file as it is, or converted into the cache first.
enum class Precision { file, f16, q8_0, q4_0 };
[[nodiscard]] const char* precision_name(Precision precision);

struct ExitLayer {
  std::uint32_t layer = 0;  // 0: full depth
  Place place;
};

struct SuiteEntry {
  std::string name;  // unique in the manifest; by default the file's name without .jsonl
  std::filesystem::path file;
  std::uint32_t limit = 0;  // prompts of a pass; 0: all
  bool rotate = false;      // each trial takes the next `limit` prompts instead of the same ones
  Place place;
};

struct MeasureOptions {
  bool energy = true;
  double idle_seconds = 5.0;
  double min_block_seconds = 5.0;  // below 5 s results carry a flag
  std::uint32_t min_sensor_updates = 50;
  double max_seconds_per_configuration = 0.0;  // 0: no cap
  std::filesystem::path root = "/";            // where /proc and /sys are looked for
  std::vector<std::string> sensors;            // ids whose sum is the energy; empty: the best set
};

struct Manifest {
  std::string source;  // path as given, for messages
  std::string name;
  std::string description;
  std::vector<ModelEntry> models;
  std::vector<Precision> precisions = {Precision::file};
  std::vector<ExitLayer> exit_layers = {ExitLayer{}};
  std::vector<SuiteEntry> suites;
  std::uint32_t trials = 10;
  std::uint32_t warmup = 1;  // prompts run and discarded before each block
  std::uint64_t seed = 1;    // order of configurations, bootstrap
  engine::GenerateOptions generate;
  std::uint32_t threads = 0;  // 0: all cores this process may use
  std::uint32_t context = 0;  // 0: the model's own
  MeasureOptions measure;
  std::filesystem::path output;  // default: results/<name>; relative to the current folder
};

struct ManifestContext {
  std::filesystem::path folder;  // of the manifest: where its relative paths are looked up first
  bool check_files = true;       // named models and suites must exist
};

// `source` names the text in messages.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view text, const std::string& source,
                                              const ManifestContext& context);
[[nodiscard]] Result<Manifest> load_manifest(const std::filesystem::path& file);

// "file:line:column", or "file" where the line is unknown.
[[nodiscard]] std::string describe(const std::string& source, const Place& place);

}  // namespace wattle::lab
