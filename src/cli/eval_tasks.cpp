// wattle eval tasks: right answers, by model and exit layer, in one table.
#include <fmt/format.h>

#include <map>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "base/text_table.hpp"
#include "cli/eval_options.hpp"
#include "lab/eval/tasks.hpp"

namespace wattle::cli {
namespace {

struct Arguments : EvalArguments {
  std::vector<std::string> models;
  std::string suite;
  std::string metric;
  std::string answers;
  std::size_t limit = 0;
  lab::TaskOptions options;
};

struct Row {
  std::string file;
  std::string name;
  std::string precision;
  std::uint32_t n_layers = 0;
  lab::LayerTasks tasks;
  lab::TaskSummary summary;
  lab::TaskSummary difference;  // from the first row
};

std::string percent(double share) {
  return fmt::format("{:.1f} %", 100.0 * share);
}

std::string percent(const std::optional<lab::Interval>& interval, bool signs) {
  if (!interval) return "-";
  return signs ? fmt::format("{:+.1f} … {:+.1f}", 100.0 * interval->low, 100.0 * interval->high)
               : fmt::format("{:.1f}–{:.1f}", 100.0 * interval->low, 100.0 * interval->high);
}

void print_table(const std::vector<Row>& rows, const Arguments& arguments) {
  using Align = TextTable::Align;
  TextTable table({{"model"},
                   {"precision"},
                   {"layers", Align::right},
                   {"items", Align::right},
                   {lab::task_metric_name(arguments.options.metric), Align::right},
                   {"95 %", Align::right},
                   {"Δ first row", Align::right},
                   {"95 %", Align::right}});
  for (const Row& row : rows) {
    const bool is_first = &row == rows.data();
    table.add_row({row.name, row.precision, fmt::format("{}/{}", row.tasks.layer, row.n_layers),
                   std::to_string(row.summary.n), percent(row.summary.mean),
                   percent(row.summary.interval_95, false),
                   is_first ? std::string() : fmt::format("{:+.1f}", 100.0 * row.difference.mean),
                   is_first ? std::string() : percent(row.difference.interval_95, true)});
  }
  fmt::print("{}", table.render());
}

void print_json(const std::vector<Row>& rows, const Arguments& arguments, std::size_t n_items,
                std::size_t n_unanswered, bool partial) {
  Json list = Json::array();
  for (const Row& row : rows) {
    list.push_back({{"model", row.file},
                    {"name", row.name},
                    {"precision", row.precision},
                    {"layer", row.tasks.layer},
                    {"n_layers", row.n_layers},
                    {"items", row.summary.n},
                    {"score", row.summary.mean},
                    {"score_95", to_json(row.summary.interval_95)},
                    {"difference", row.difference.mean},
                    {"difference_95", to_json(row.difference.interval_95)}});
  }
  const Json out{
      {"suite", arguments.suite}, {"metric", lab::task_metric_name(arguments.options.metric)},
      {"items", n_items},         {"without_answer", n_unanswered},
      {"partial", partial},       {"results", std::move(list)}};
  fmt::print("{}\n", dump_json(out, 2));
}

Status write_answers(const std::vector<Row>& rows, const std::vector<lab::TaskItem>& items,
                     const std::string& file) {
  std::string lines;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.tasks.items.size(); ++i) {
      lines += dump_json(Json{{"model", row.file},
                              {"layer", row.tasks.layer},
                              {"id", items[i].id},
                              {"answer", row.tasks.items[i].answer},
                              {"score", row.tasks.items[i].score}}) +
               "\n";
    }
  }
  return write_file_atomically(file, lines);
}

Result<lab::TaskFile> read_items(Arguments& arguments) {
  WATTLE_TRY(auto file, lab::load_tasks(arguments.suite));
  if (arguments.limit > 0 && file.items.size() > arguments.limit) {
    file.items.resize(arguments.limit);
  }
  static const std::map<std::string, lab::TaskMetric> kMetrics = {
      {"exact", lab::TaskMetric::exact},
      {"contains", lab::TaskMetric::contains},
      {"f1", lab::TaskMetric::f1}};
  arguments.options.metric =
      arguments.metric.empty() ? lab::default_metric(file.items) : kMetrics.at(arguments.metric);
  WATTLE_CHECK(lab::check_tasks(file.items, arguments.options));
  return file;
}

Result<std::vector<Row>> evaluate(Arguments& arguments, const std::vector<lab::TaskItem>& items) {
  const SystemClock clock;
  Progress progress("tasks", static_cast<double>(arguments.models.size()), clock);
  std::vector<Row> rows;
  for (std::size_t m = 0; m < arguments.models.size() && !interrupted(); ++m) {
    WATTLE_TRY(const auto model, load_model(arguments.models[m], arguments));
    const std::uint32_t n_layers = model->config().n_layers;
    WATTLE_TRY(arguments.options.layers, parse_exit_layers(arguments.exit_layers, n_layers));
    arguments.options.on_progress = [&](std::size_t done, std::size_t total) {
      progress.update(
          static_cast<double>(m) + static_cast<double>(done) / static_cast<double>(total),
          fmt::format("{}: {}/{}", model->precision(), done, total));
      return true;
    };
    WATTLE_TRY(auto layers, lab::run_tasks(model, items, arguments.options));
    for (auto& layer : layers) {
      if (layer.items.empty()) continue;
      Row row{arguments.models[m],
              model->config().name,
              model->precision(),
              n_layers,
              std::move(layer),
              {},
              {}};
      row.summary = lab::summarize_tasks(row.tasks.items, arguments.options.metric);
      row.difference = lab::compare_tasks(
          row.tasks.items, rows.empty() ? row.tasks.items : rows.front().tasks.items);
      rows.push_back(std::move(row));
    }
  }
  progress.finish();
  if (rows.empty()) return fail(ErrorCode::cancelled, "interrupted before the first answer");
  return rows;
}

Result<int> run(Arguments arguments) {
  WATTLE_TRY(const lab::TaskFile file, read_items(arguments));
  WATTLE_TRY(const std::vector<Row> rows, evaluate(arguments, file.items));
  const bool partial = interrupted();
  if (arguments.json) {
    print_json(rows, arguments, file.items.size(), file.n_unanswered, partial);
  } else {
    print_table(rows, arguments);
    if (file.n_unanswered > 0) {
      fmt::print("{} lines have no right answer and were left out\n", file.n_unanswered);
    }
  }
  if (!arguments.answers.empty()) {
    WATTLE_CHECK(write_answers(rows, file.items, arguments.answers));
  }
  std::size_t n_answers = 0;
  for (const Row& row : rows) n_answers += row.summary.n;
  if (partial) fmt::print(stderr, "wattle: interrupted after {} answers\n", n_answers);
  return partial ? kInterrupted : kOk;
}

}  // namespace

void add_eval_tasks(CLI::App& eval, Invocation& invocation) {
  auto* command = eval.add_subcommand(
      "tasks", "Share of right answers to a suite or to questions, by model and exit layer");
  auto arguments = std::make_shared<Arguments>();
  command
      ->add_option("-m,--model", arguments->models,
                   "GGUF file or model folder; several are compared with the first")
      ->required();
  command->add_option("--suite", arguments->suite, "JSON Lines (docs/formats/tasks.md)")
      ->required();
  command
      ->add_option("--metric", arguments->metric,
                   "exact, contains or f1 (default: contains for suites, exact for questions)")
      ->check(CLI::IsMember({"exact", "contains", "f1"}));
  command->add_option("--limit", arguments->limit, "The first items only, so many (0: all)");
  command
      ->add_option("-n,--max-tokens", arguments->options.max_tokens, "Tokens of an answer at most")
      ->capture_default_str();
  command->add_option("--prompt", arguments->options.question_prompt,
                      "What a question is put as; {question} stands for it");
  command->add_option("--save-answers", arguments->answers, "Write every answer to this file");
  add_eval_arguments(*command, *arguments);
  command->footer(
      "Example: wattle eval tasks -m f16.gguf -m q4.gguf --suite prompts/telemetry.jsonl");
  command->callback([arguments, &invocation] {
    invocation.run = [arguments] {
      const auto code = run(*arguments);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
