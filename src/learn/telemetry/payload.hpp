#pragma once
// The numbers of a case as text, in one of the forms that training and held-out prompts share.

#include <cstddef>
#include <string>
#include <vector>

#include "learn/random.hpp"
#include "learn/telemetry/case.hpp"

namespace wattle::learn {

// "0.0042", "4.2", "71.3", "-3.1"
[[nodiscard]] std::string number_text(Unit unit, int ticks);

// Where a sensor's last reading (with its unit) ends, in bytes from the start of the text.
struct Mark {
  Sensor sensor;
  std::size_t end;
};
struct MarkedText {
  std::string text;
  // One for each channel, in order of appearance.
  std::vector<Mark> marks;
};
// JSON, `key: value`, `key = value` or prose, chosen at random; no final full stop.
[[nodiscard]] MarkedText payload_text(const Case& made, Random& random, Split split);

}  // namespace wattle::learn
