#pragma once
// What `wattle sense align` found, as JSON, CSV and text.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "sense/align.hpp"

namespace wattle::cli {

struct AlignedLog {
  sense::SensorLog log;
  std::vector<std::size_t> sensors;
  std::string scope;
  std::unique_ptr<sense::LogReplay> replay;
  sense::PowerTrace trace;
  std::int64_t wall_offset_ns = 0;  // t_ns + this: on the log's wall clock, or as near as is known
  sense::ClockOffset offset;
  std::string method;  // "given", "runs", the first log's name
};

struct JoinedTable {
  std::vector<sense::RunWindow> runs;
  std::vector<std::vector<sense::JoinedRun>> cells;  // [run][log]
  std::optional<std::string> why_not_added;          // of several logs
  [[nodiscard]] bool is_added() const {
    return !cells.empty() && cells.front().size() > 1 && !why_not_added;
  }
};

[[nodiscard]] Json align_json(const std::vector<AlignedLog>& logs, const JoinedTable& table);
// One line a run and log, and one a run for their sum, if they may be added: joins and plots want
// it long.
[[nodiscard]] std::string align_csv(const std::vector<AlignedLog>& logs, const JoinedTable& table);
void print_aligned(const std::vector<AlignedLog>& logs, const JoinedTable& table);

}  // namespace wattle::cli
