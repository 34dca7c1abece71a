#pragma once
// For tests: where the reference data is, which is not part of the project. Tests that use it are
// skipped where it is absent.

#include <cstdlib>
#include <filesystem>

#include "wattle_folders.hpp"

namespace wattle {

// WATTLE_SHARED, or ../shared/data beside the project.
inline std::filesystem::path shared_data() {
  const char* given = std::getenv("WATTLE_SHARED");
  return given != nullptr ? std::filesystem::path(given)
                          : std::filesystem::path(WATTLE_SOURCE_DIR) / "../shared/data";
}

}  // namespace wattle
