// The cases that `wattle train --evaluate` answers (JSONL with expectations).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "learn/evaluate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cases = wattle::learn::parse_cases(text, "input");
  if (!cases) return 0;
  for (const auto& item : *cases) {
    if (item.text.empty() || item.status.empty() || item.sensor.empty() || item.cause.empty()) {
      std::abort();
    }
  }
  return 0;
}
