#pragma once
// The results folder: one SQLite database (results.sqlite, WAL), locked against a second writer.
// Every finished record is committed at once, so that a process killed at any moment loses none;
// every finished block is made durable against power loss too. Schema: docs/formats/results.md.

#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "lab/results.hpp"
#include "lab/sqlite.hpp"

namespace wattle::lab {

inline constexpr int kResultsSchemaVersion = 1;

// Where a trial of a configuration stands.
struct TrialState {
  bool complete = false;
  int n_parts = 0;
  double seconds = 0.0;        // in closed blocks
  std::set<int> done_prompts;  // indices finished in pass 0
};

class Store {
 public:
  enum class Start { resume, fresh };

  // Creates the folder, tries whether it can be written, takes the lock. On an existing result the
  // experiment must have the same plan (fewer or more trials are allowed); `fresh` moves the
  // existing one to previous/<time>/ first.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& folder,
                                             const Experiment& experiment,
                                             const std::vector<Configuration>& configurations,
                                             Start start);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  // Gives the session's id; later calls of update_session keep the rest current.
  [[nodiscard]] Result<std::int64_t> begin_session(const SessionInfo& session);
  [[nodiscard]] Status update_session(const SessionInfo& session);
  [[nodiscard]] Result<std::int64_t> begin_block(const Block& block);
  [[nodiscard]] Status add_record(const StoredRecord& record);
  // The block's totals, its records with their share of the energy, and its power trace: together
  // or not at all.
  [[nodiscard]] Status finish_block(const Block& block, std::span<const StoredRecord> records,
                                    std::span<const PowerPoint> power);
  [[nodiscard]] Status add_power(std::span<const PowerPoint> power);

  [[nodiscard]] Result<TrialState> trial_state(std::int64_t configuration_id, int trial);
  [[nodiscard]] Result<Results> load();

 private:
  struct Lock {
    ~Lock();
    int fd = -1;
  };
  Store(std::filesystem::path folder, std::unique_ptr<Lock> lock, Database database);
  Status create(const Experiment& experiment, const std::vector<Configuration>& configurations);
  Status adopt(const Experiment& experiment);

  std::filesystem::path folder_;
  std::unique_ptr<Lock> lock_;
  Database database_;
};

// Reads a results folder without locking it; a run may be going on in it.
[[nodiscard]] Result<Results> read_results(const std::filesystem::path& folder);

}  // namespace wattle::lab
