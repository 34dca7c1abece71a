#pragma once
// The files beside the database: records.csv, records.json, summary.csv, summary.json and
// report.html, each written whole. Always made anew from the database, never appended to.

#include <filesystem>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "lab/gnuplot.hpp"
#include "lab/results.hpp"
#include "lab/summary.hpp"

namespace wattle::lab {

[[nodiscard]] std::string records_csv(const Results& results);
// A JSON array, one record a line.
[[nodiscard]] std::string records_json(const Results& results);
[[nodiscard]] std::string summary_csv(const Summary& summary);
[[nodiscard]] Json summary_json(const Results& results, const Summary& summary);

// Writes all five; gives the path of report.html.
[[nodiscard]] Result<std::filesystem::path> write_outputs(const std::filesystem::path& folder,
                                                          const Results& results,
                                                          const Summary& summary,
                                                          const Renderer& renderer);

}  // namespace wattle::lab
