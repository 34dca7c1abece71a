#pragma once
// When something ran: windows to join logs to. From inference records (CSV, JSON, JSONL;
// docs/formats/inference-record.md) or any table with a begin and an end or a duration.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wattle::sense {

struct RunWindow {
  std::string id;
  std::int64_t begin_ns = 0;  // time of day
  std::int64_t end_ns = 0;    // after begin_ns
};

struct RunList {
  std::vector<RunWindow> runs;  // as in the file
  // Times are seconds from the start of whatever they are joined to.
  bool relative = false;
  std::vector<std::string> notes;
};

struct RunOptions {
  // The column `timestamp` was written when the run ended, not when it began.
  bool timestamp_is_end = false;
};

// A file without a single run is `invalid_format`.
[[nodiscard]] Result<RunList> parse_runs(std::string_view text, const std::string& source,
                                         const RunOptions& options = {});
[[nodiscard]] Result<RunList> read_runs(const std::filesystem::path& path,
                                        const RunOptions& options = {});

}  // namespace wattle::sense
