#pragma once

#include <string>

#include "learn/random.hpp"
#include "learn/telemetry/case.hpp"

namespace wattle::learn {

// A prompt and the one right answer to it.
struct Example {
  std::string prompt;
  std::string answer;  // begins with a space
  Verdict verdict;
};
[[nodiscard]] Example make_example(Random& random, Split split);

}  // namespace wattle::learn
