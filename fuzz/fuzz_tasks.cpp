// Any text as a file of tasks: an error that names the file, or items that can be judged.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lab/eval/tasks.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using wattle::lab::TaskMetric;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = wattle::lab::parse_tasks(text, "fuzz.jsonl");
  if (!file) {
    if (!file.error().what.contains("fuzz.jsonl")) std::abort();
    return 0;
  }
  for (const auto& item : file->items) {
    if (item.text.empty() || (item.any.empty() && item.every.empty())) std::abort();
    for (const TaskMetric metric : {TaskMetric::exact, TaskMetric::contains, TaskMetric::f1}) {
      const double score = wattle::lab::judge(item, text, metric);
      if (!(score >= 0.0 && score <= 1.0)) std::abort();
    }
    const std::string_view right = item.any.empty() ? item.every.front() : item.any.front();
    if (item.every.empty() && wattle::lab::judge(item, right, TaskMetric::f1) != 1.0) std::abort();
  }
  return 0;
}
