#pragma once
// How a text is cut where a pattern matches: Hugging Face's "behavior" and "invert".

#include <span>
#include <vector>

#include "engine/tokenizer/huggingface/place.hpp"
#include "engine/tokenizer/regex.hpp"

namespace wattle::engine::huggingface {

// What becomes of a match. "a--b" at "-":
enum class Behavior {
  removed,               // a b
  isolated,              // a - - b
  merged_with_previous,  // a- - b
  merged_with_next,      // a - -b
  contiguous,            // a -- b
};

// The member "behavior" of `place`; `fallback` if it is absent.
[[nodiscard]] Result<Behavior> read_behavior(const Place& place,
                                             std::optional<Behavior> fallback = std::nullopt);

// Appends the parts of [0, n_bytes) in order, none of them empty. `matches` are in order and do not
// overlap. `invert`: what lies between them is the match.
void cut(std::size_t n_bytes, std::span<const Span> matches, Behavior behavior, bool invert,
         std::vector<Span>& parts);

}  // namespace wattle::engine::huggingface
