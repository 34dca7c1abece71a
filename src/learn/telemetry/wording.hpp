#pragma once
// Cases as people write them: JSON payloads, lists, prose; questions before and after. Training
// and held-out prompts share the payload forms but no introduction and no question.

#include <span>
#include <string_view>

#include "learn/random.hpp"
#include "learn/telemetry/case.hpp"
#include "learn/telemetry/payload.hpp"

namespace wattle::learn {

// A whole prompt; it ends in '?', '.' or ':' and the answer follows after a space.
[[nodiscard]] MarkedText prompt_text(const Case& made, Random& random, Split split,
                                     double free_words = 0.0);

// The fixed sentences a split is made of, with their {place} and {id} slots unfilled.
[[nodiscard]] std::span<const std::string_view> introductions(Split split);
[[nodiscard]] std::span<const std::string_view> questions(Split split);

}  // namespace wattle::learn
