#pragma once
// {"Regex": "..."} or {"String": "..."}: what Split looks for and Replace replaces.

#include "engine/tokenizer/huggingface/place.hpp"
#include "engine/tokenizer/regex.hpp"

namespace wattle::engine::huggingface {

[[nodiscard]] Result<Regex> read_pattern(const Place& place);

// For Replace: every match becomes `content`. Stops replacing where the result would pass `limit`
// bytes.
[[nodiscard]] std::string replace_all(std::string_view text, const Regex& pattern,
                                      std::string_view content, std::size_t limit,
                                      RegexBudget& budget);

}  // namespace wattle::engine::huggingface
