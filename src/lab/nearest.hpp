#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wattle::lab {

// The candidate with the fewest edits, if it is near enough to be a slip of the pen.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 const std::vector<std::string>& candidates);

}  // namespace wattle::lab
