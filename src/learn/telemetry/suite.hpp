#pragma once
// Prompt suites with expected answers, one JSON object a line (docs/formats/prompts.md):
//   {"id": "telemetry-0001", "text": "...", "expect": {"status": "critical", "sensor": "smoke",
//    "cause": "an open fire"}}
// An answer is right if it contains every expected string, upper or lower case.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "learn/telemetry/case.hpp"

namespace wattle::learn {

// `count` prompts; the same seed gives the same bytes.
[[nodiscard]] std::string suite_jsonl(Split split, std::uint64_t seed, int count);
[[nodiscard]] Status write_suite(const std::filesystem::path& path, Split split, std::uint64_t seed,
                                 int count);

}  // namespace wattle::learn
