#pragma once
// The numbers of a case as text, in one of the forms that training and held-out prompts share.

#include <string>

#include "learn/random.hpp"
#include "learn/telemetry/case.hpp"

namespace wattle::learn {

// "0.0042", "4.2", "71.3", "-3.1"
[[nodiscard]] std::string number_text(Unit unit, int ticks);
// JSON, `key: value`, `key = value` or prose, chosen at random; no final full stop.
[[nodiscard]] std::string payload_text(const Case& made, Random& random, Split split);

}  // namespace wattle::learn
