#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "learn/random.hpp"
#include "learn/telemetry/case.hpp"

namespace wattle::learn {

// A prompt and the one right answer to it.
struct Example {
  std::string prompt;
  std::string answer;  // begins with a space
  Verdict verdict;
  // What each sensor says, at the byte of the prompt where its last reading ends: what a reader
  // must have understood by then.
  struct Finding {
    std::size_t end;
    int label;  // below kFindings
  };
  std::vector<Finding> findings;
  // What every sensor says, absent ones too: what must be known before the answer begins.
  std::array<int, kSensors> summary{};  // each below kSensorStates
};
inline constexpr int kSensorStates = 10 * 3;  // level, trend
inline constexpr int kFindings = static_cast<int>(kSensors) * kSensorStates;
[[nodiscard]] Example make_example(Random& random, Split split, const CaseMix& mix = {});

}  // namespace wattle::learn
