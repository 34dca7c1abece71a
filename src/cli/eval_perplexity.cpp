// wattle eval perplexity: how well a model predicts a text, after every exit layer.
#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/progress.hpp"
#include "base/text_table.hpp"
#include "cli/eval_options.hpp"
#include "lab/eval/perplexity.hpp"

namespace wattle::cli {
namespace {

struct Arguments : EvalArguments {
  std::string model;
  WindowArguments windows;
};

void print_json(const Arguments& arguments, const engine::Model& model,
                const lab::PerplexityReport& made) {
  Json layers = Json::array();
  for (const auto& layer : made.layers) {
    layers.push_back({{"layer", layer.layer},
                      {"perplexity", to_json(layer.perplexity)},
                      {"nll_nats", to_json(layer.nll)},
                      {"bits_per_byte", layer.bits_per_byte}});
  }
  const Json out{{"model", arguments.model},
                 {"name", model.config().name},
                 {"precision", model.precision()},
                 {"text", arguments.windows.text_file},
                 {"protocol", arguments.windows.protocol},
                 {"context", arguments.windows.options.context},
                 {"stride", arguments.windows.options.stride},
                 {"windows", made.n_windows},
                 {"windows_planned", made.n_windows_planned},
                 {"partial", made.partial()},
                 {"tokens", made.n_tokens},
                 {"bytes", made.n_bytes},
                 {"layers", std::move(layers)}};
  fmt::print("{}\n", dump_json(out, 2));
}

void print_table(const engine::Model& model, const lab::PerplexityReport& made) {
  using Align = TextTable::Align;
  TextTable table({{"layers", Align::right},
                   {"perplexity", Align::right},
                   {"nats/token", Align::right},
                   {"bits/byte", Align::right}});
  for (const auto& layer : made.layers) {
    table.add_row({fmt::format("{}/{}", layer.layer, model.config().n_layers),
                   plus_minus(layer.perplexity.mean, best_error(layer.perplexity), 4),
                   plus_minus(layer.nll.mean, best_error(layer.nll), 5),
                   fmt::format("{:.4f}", layer.bits_per_byte)});
  }
  fmt::print("{} ({}), {} tokens in {} windows; ± is one standard error over {}\n{}",
             model.config().name, model.precision(), made.n_tokens, made.n_windows,
             made.n_windows > 1 ? "windows" : "tokens", table.render());
}

Result<int> run(Arguments arguments) {
  WATTLE_TRY(const auto model, load_model(arguments.model, arguments));
  WATTLE_TRY(const auto layers, parse_exit_layers(arguments.exit_layers, model->config().n_layers));
  WATTLE_TRY(const auto windows, read_windows(*model, arguments.windows));
  const SystemClock clock;
  Progress progress("perplexity", static_cast<double>(windows.size()), clock);
  const auto made = lab::measure_perplexity(
      model, windows, {.layers = layers, .on_progress = [&](double done, double total) {
                         progress.update(done, fmt::format("window {:.0f}/{:.0f}", done, total));
                       }});
  progress.finish();
  if (!made) return std::unexpected(made.error());
  arguments.json ? print_json(arguments, *model, *made) : print_table(*model, *made);
  return finish_partial(made->partial(), made->n_windows, made->n_windows_planned, "windows");
}

}  // namespace

void add_eval_perplexity(CLI::App& eval, Invocation& invocation) {
  auto* command = eval.add_subcommand(
      "perplexity", "How well a model predicts a text: perplexity and bits per byte");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("-m,--model", arguments->model, "GGUF file or model folder")->required();
  add_window_arguments(*command, arguments->windows)->required();
  add_eval_arguments(*command, *arguments);
  command->footer(
      "Example: wattle eval perplexity -m model.gguf -f wiki.test.raw --exit-layer all");
  command->callback([arguments, &invocation] {
    invocation.run = [arguments] {
      const auto code = run(*arguments);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
