#pragma once
// Task accuracy: greedy answers to questions, judged, after every exit layer.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/model.hpp"
#include "lab/eval/task_items.hpp"
#include "lab/statistics.hpp"

namespace wattle::lab {

enum class TaskMetric : std::uint8_t { exact, contains, f1 };
[[nodiscard]] const char* task_metric_name(TaskMetric metric);

struct TaskOptions {
  TaskMetric metric = TaskMetric::contains;
  std::vector<std::uint32_t> layers;  // counted from 1; 0 or empty: full depth
  std::uint32_t max_tokens = 64;
  // What a bare question becomes; {question} stands for it. Its answer ends with the line.
  std::string question_prompt = "Question: {question}\nAnswer:";
  // Answers given and answers in all, before each; returning false ends the evaluation.
  std::function<bool(std::size_t done, std::size_t total)> on_progress;
};

struct TaskScore {
  double score = 0.0;  // 0 to 1
  std::string answer;
};

struct LayerTasks {
  std::uint32_t layer = 0;
  std::vector<TaskScore> items;  // as far as the evaluation came
};

// The metric that suits a file: contains for suites, exact for questions.
[[nodiscard]] TaskMetric default_metric(std::span<const TaskItem> items);
// invalid_argument if the metric cannot judge an item: exact and f1 need one right text, a suite's
// `expect` may have several. Questions ask for {question} in the prompt.
[[nodiscard]] Status check_tasks(std::span<const TaskItem> items, const TaskOptions& options);
[[nodiscard]] double judge(const TaskItem& item, std::string_view answer, TaskMetric metric);

// Layers are taken one after another; after Ctrl-C (or on_progress) the last may be short. Errors:
// those of check_tasks() and of generating (a prompt longer than the context names the item).
[[nodiscard]] Result<std::vector<LayerTasks>> run_tasks(std::shared_ptr<const engine::Model> model,
                                                        std::span<const TaskItem> items,
                                                        const TaskOptions& options);

// The mean over items, and its 95 % interval: Wilson's for scores that are 0 or 1, the percentile
// bootstrap for F1.
struct TaskSummary {
  std::size_t n = 0;
  double mean = 0.0;
  std::optional<Interval> interval_95;
};
[[nodiscard]] TaskSummary summarize_tasks(std::span<const TaskScore> items, TaskMetric metric);
// Mean of the differences on the items that both have answered, with its percentile bootstrap
// interval over items: paired, so questions that are hard for both do not count as noise.
[[nodiscard]] TaskSummary compare_tasks(std::span<const TaskScore> items,
                                        std::span<const TaskScore> baseline);

}  // namespace wattle::lab
