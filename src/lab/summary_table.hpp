#pragma once

#include <string>

#include "lab/summary.hpp"

namespace wattle::lab {

// The table at the end of a run; several suites give a table each, under the suite's name.
[[nodiscard]] std::string summary_table(const Summary& summary);

}  // namespace wattle::lab
