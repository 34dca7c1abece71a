#pragma once
// Prints what `wattle bench` measured.

#include <string>
#include <vector>

#include "cli/bench_run.hpp"

namespace wattle::cli {

// `format`: "table", "md", "csv" or "json" (docs/bench.md lists the fields). Ends with a new line.
[[nodiscard]] std::string bench_report(const std::vector<BenchRecord>& records,
                                       const std::string& format);

}  // namespace wattle::cli
