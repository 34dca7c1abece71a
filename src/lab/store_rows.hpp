#pragma once
// Rows of results.sqlite ↔ the structs of results.hpp. For store.cpp only.

#include "base/result.hpp"
#include "lab/results.hpp"
#include "lab/sqlite.hpp"

namespace wattle::lab {

[[nodiscard]] Status write_experiment(Database& database, const Experiment& experiment);
[[nodiscard]] Result<Experiment> read_experiment(Database& database);
[[nodiscard]] Status insert_configuration(Database& database, const Configuration& configuration);
[[nodiscard]] Json session_details(const SessionInfo& session);
// Replaces the row of the same id; id 0 makes a new one.
[[nodiscard]] Status insert_block(Database& database, const Block& block);
[[nodiscard]] Status upsert_record(Database& database, const StoredRecord& record);
[[nodiscard]] Status insert_power(Database& database, const PowerPoint& point);
[[nodiscard]] Result<Results> read_all(Database& database);

}  // namespace wattle::lab
