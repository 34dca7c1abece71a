#include "lab/eval/tasks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/interrupt.hpp"
#include "engine/generate.hpp"
#include "lab/eval/answers.hpp"
#include "lab/suite.hpp"

namespace wattle::lab {
namespace {

constexpr std::string_view kQuestion = "{question}";
constexpr std::uint64_t kBootstrapSeed = 1;

class StopOnInterrupt final : public engine::GenerateObserver {
 public:
  bool token(const engine::GeneratedToken&, std::string_view) override { return !interrupted(); }
};

std::string prompt_of(const TaskItem& item, const TaskOptions& options) {
  if (!item.is_question) return item.text;
  std::string prompt = options.question_prompt;
  prompt.replace(prompt.find(kQuestion), kQuestion.size(), item.text);
  return prompt;
}

std::string first_line(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find('\n', begin) - begin);
}

// Empty: interrupted before the answer was whole.
Result<std::optional<TaskScore>> answer(engine::Session& session, const TaskItem& item,
                                        std::uint32_t layer, const TaskOptions& options) {
  session.rewind(0);
  engine::GenerateOptions generate;
  generate.max_tokens = options.max_tokens;
  generate.exit.layer = layer;
  const auto prompt = session.model().tokenizer().encode(prompt_of(item, options), {});
  StopOnInterrupt observer;
  const auto made = engine::generate(session, prompt, generate, &observer);
  if (!made) {
    return fail(made.error().code, fmt::format("item {}: {}", item.id, made.error().what),
                made.error().remedy);
  }
  if (made->stop == engine::StopReason::cancelled) return std::nullopt;
  const std::string text = item.is_question ? first_line(made->text) : made->text;
  return TaskScore{judge(item, text, options.metric), text};
}

}  // namespace

const char* task_metric_name(TaskMetric metric) {
  switch (metric) {
    case TaskMetric::exact:
      return "exact";
    case TaskMetric::contains:
      return "contains";
    case TaskMetric::f1:
      return "f1";
  }
  return "";
}

TaskMetric default_metric(std::span<const TaskItem> items) {
  const bool questions =
      std::ranges::all_of(items, [](const TaskItem& item) { return item.every.empty(); });
  return questions ? TaskMetric::exact : TaskMetric::contains;
}

Status check_tasks(std::span<const TaskItem> items, const TaskOptions& options) {
  for (const TaskItem& item : items) {
    if (options.metric != TaskMetric::contains && item.every.size() > 1) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("item {} expects {} texts, {} needs one", item.id, item.every.size(),
                              task_metric_name(options.metric)),
                  "Choose --metric contains.");
    }
    if (item.is_question && options.question_prompt.find(kQuestion) == std::string::npos) {
      return fail(ErrorCode::invalid_argument, "the prompt for questions does not have {question}",
                  "Put {question} where the question is to stand.");
    }
  }
  return {};
}

double judge(const TaskItem& item, std::string_view answer, TaskMetric metric) {
  if (metric == TaskMetric::contains && !item.every.empty()) {
    Prompt prompt;
    for (const std::string& text : item.every) prompt.expect.emplace_back("", text);
    return is_correct(prompt, answer) ? 1.0 : 0.0;
  }
  const auto& right = item.every.empty() ? item.any : item.every;
  switch (metric) {
    case TaskMetric::exact:
      return exact_match(answer, right);
    case TaskMetric::contains:
      return contains_match(answer, right);
    case TaskMetric::f1:
      return f1_match(answer, right);
  }
  return 0.0;
}

Result<std::vector<LayerTasks>> run_tasks(std::shared_ptr<const engine::Model> model,
                                          std::span<const TaskItem> items,
                                          const TaskOptions& options) {
  WATTLE_CHECK(check_tasks(items, options));
  std::vector<std::uint32_t> layers = options.layers;
  if (layers.empty()) layers.push_back(0);
  const std::uint32_t n_layers = model->config().n_layers;
  WATTLE_TRY(const auto session, engine::Session::create(std::move(model)));
  std::vector<LayerTasks> made;
  std::size_t done = 0;
  for (const std::uint32_t layer : layers) {
    LayerTasks& of_layer = made.emplace_back(LayerTasks{layer == 0 ? n_layers : layer, {}});
    for (const TaskItem& item : items) {
      const bool go_on =
          !options.on_progress || options.on_progress(done, layers.size() * items.size());
      if (!go_on || interrupted()) return made;
      WATTLE_TRY(auto score, answer(*session, item, layer, options));
      if (!score) return made;
      of_layer.items.push_back(std::move(*score));
      ++done;
    }
  }
  return made;
}

TaskSummary summarize_tasks(std::span<const TaskScore> items, TaskMetric metric) {
  if (items.empty()) return {};
  std::vector<double> scores;
  for (const TaskScore& item : items) scores.push_back(item.score);
  TaskSummary made{items.size(), *mean(scores), {}};
  const auto n = static_cast<double>(items.size());
  made.interval_95 = metric == TaskMetric::f1
                         ? bootstrap_interval_95(
                               scores, [](std::span<const double> sample) { return *mean(sample); },
                               kBootstrapSeed)
                         : wilson_interval_95(made.mean * n, n);
  return made;
}

TaskSummary compare_tasks(std::span<const TaskScore> items, std::span<const TaskScore> baseline) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < std::min(items.size(), baseline.size()); ++i) {
    differences.push_back(items[i].score - baseline[i].score);
  }
  if (differences.empty()) return {};
  return {differences.size(), *mean(differences),
          bootstrap_interval_95(
              differences, [](std::span<const double> sample) { return *mean(sample); },
              kBootstrapSeed)};
}

}  // namespace wattle::lab
