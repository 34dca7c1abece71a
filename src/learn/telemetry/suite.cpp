#include "learn/telemetry/suite.hpp"

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "learn/telemetry/example.hpp"

namespace wattle::learn {

std::string suite_jsonl(Split split, std::uint64_t seed, int count) {
  constexpr std::uint64_t kSuiteStream = std::uint64_t{1} << 42U;
  Random random(seed, kSuiteStream);
  std::string text;
  for (int i = 1; i <= count; ++i) {
    const Example example = make_example(random, split);
    text += dump_json({{"id", fmt::format("telemetry-{:04}", i)},
                       {"text", example.prompt},
                       {"expect",
                        {{"status", health_name(example.verdict.rule->health)},
                         {"sensor", expected_sensor(example.verdict)},
                         {"cause", example.verdict.rule->cause}}}});
    text += '\n';
  }
  return text;
}

Status write_suite(const std::filesystem::path& path, Split split, std::uint64_t seed, int count) {
  return write_file_atomically(path, suite_jsonl(split, seed, count));
}

}  // namespace wattle::learn
