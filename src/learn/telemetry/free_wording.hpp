#pragma once
// Introductions, questions and asides put together word by word: many thousands of sentences, so
// that a model learns to look past the wording. Training only; no held-out sentence can arise.

#include <string>

#include "learn/random.hpp"

namespace wattle::learn {

[[nodiscard]] std::string free_introduction(Random& random, std::string_view place, int id);
[[nodiscard]] std::string free_question(Random& random, std::string_view place);
// A sentence that has nothing to do with the readings.
[[nodiscard]] std::string aside(Random& random, std::string_view place);

}  // namespace wattle::learn
