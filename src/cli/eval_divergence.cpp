// wattle eval divergence: how far a model's distributions are from a reference's, after every exit
// layer.
#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/progress.hpp"
#include "base/text_table.hpp"
#include "cli/eval_options.hpp"
#include "lab/eval/divergence.hpp"

namespace wattle::cli {
namespace {

struct Arguments : EvalArguments {
  std::string model;
  std::string reference;
  std::string reference_logits;
  std::string save_logits;
  WindowArguments windows;
};

void print_json(const Arguments& arguments, const engine::Model& model,
                const lab::DivergenceReport& made) {
  Json layers = Json::array();
  for (const auto& layer : made.layers) {
    layers.push_back({{"layer", layer.layer},
                      {"kl_nats", to_json(layer.kl)},
                      {"kl_median", layer.kl_median},
                      {"kl_p90", layer.kl_p90},
                      {"kl_p99", layer.kl_p99},
                      {"kl_max", layer.kl_max},
                      {"same_top", layer.same_top},
                      {"same_top_95", to_json(layer.same_top_95)},
                      {"perplexity", to_json(layer.perplexity)},
                      {"delta_perplexity", to_json(layer.delta_perplexity)},
                      {"delta_nll_nats", to_json(layer.delta_nll)},
                      {"rms_delta_p", layer.rms_delta_p}});
  }
  const Json out{{"model", arguments.model},
                 {"name", model.config().name},
                 {"precision", model.precision()},
                 {"reference", made.reference},
                 {"reference_perplexity", to_json(made.reference_perplexity)},
                 {"text", arguments.windows.text_file},
                 {"windows", made.n_windows},
                 {"windows_planned", made.n_windows_planned},
                 {"partial", made.partial()},
                 {"tokens", made.n_tokens},
                 {"layers", std::move(layers)}};
  fmt::print("{}\n", dump_json(out, 2));
}

void print_table(const Arguments& arguments, const engine::Model& model,
                 const lab::DivergenceReport& made) {
  using Align = TextTable::Align;
  TextTable table({{"layers", Align::right},
                   {"KL mean", Align::right},
                   {"median", Align::right},
                   {"99 %", Align::right},
                   {"max", Align::right},
                   {"same top", Align::right},
                   {"95 %", Align::right},
                   {"perplexity", Align::right},
                   {"Δ perplexity", Align::right}});
  for (const auto& layer : made.layers) {
    table.add_row({fmt::format("{}/{}", layer.layer, model.config().n_layers),
                   plus_minus(layer.kl.mean, best_error(layer.kl), 5),
                   fmt::format("{:.5f}", layer.kl_median), fmt::format("{:.4f}", layer.kl_p99),
                   fmt::format("{:.4f}", layer.kl_max),
                   fmt::format("{:.2f} %", 100.0 * layer.same_top),
                   layer.same_top_95 ? fmt::format("{:.2f}–{:.2f}", 100.0 * layer.same_top_95->low,
                                                   100.0 * layer.same_top_95->high)
                                     : std::string("-"),
                   fmt::format("{:.4f}", layer.perplexity.mean),
                   plus_minus(layer.delta_perplexity.mean, best_error(layer.delta_perplexity), 4)});
  }
  const bool own = arguments.reference.empty() && arguments.reference_logits.empty();
  fmt::print(
      "{} ({}) against {}, perplexity {}; {} tokens in {} windows\n{}"
      "KL(reference ‖ model) in nats a token; ± is one standard error over {}, of the paired "
      "difference for Δ\n",
      model.config().name, model.precision(),
      own ? std::string("its own full depth") : made.reference,
      plus_minus(made.reference_perplexity.mean, best_error(made.reference_perplexity), 4),
      made.n_tokens, made.n_windows, table.render(), made.n_windows > 1 ? "windows" : "tokens");
}

// The text cut by the model's tokenizer and by the reference's, which must give the same.
Result<std::vector<lab::Window>> windows_for(Arguments& arguments, const engine::Model& model,
                                             const engine::Model* reference,
                                             const lab::ReferenceLogits* file) {
  if (file != nullptr && arguments.windows.text_file.empty()) return file->windows();
  if (arguments.windows.text_file.empty()) {
    return fail(ErrorCode::invalid_argument, "no text to compare on",
                "Give one with -f, or --reference-logits, which has its own.");
  }
  WATTLE_TRY(auto windows, read_windows(model, arguments.windows));
  if (file != nullptr && windows != file->windows()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} was made from other windows than these of {}",
                            arguments.reference_logits, arguments.windows.text_file),
                "Leave out -f, or give the text and the window options it was made with.");
  }
  if (reference == nullptr) return windows;
  arguments.windows.context = arguments.windows.options.context;
  WATTLE_TRY(const auto theirs, read_windows(*reference, arguments.windows));
  if (windows != theirs) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("cannot compare {} with {}: they divide the text into other tokens",
                            arguments.model, arguments.reference),
                "Compare models with the same tokenizer.");
  }
  return windows;
}

Result<int> run(Arguments arguments) {
  WATTLE_TRY(const auto model, load_model(arguments.model, arguments));
  WATTLE_TRY(const auto layers, parse_exit_layers(arguments.exit_layers, model->config().n_layers));
  lab::Reference reference;
  std::optional<lab::ReferenceLogits> file;
  if (!arguments.reference_logits.empty()) {
    WATTLE_TRY(auto opened, lab::ReferenceLogits::open(arguments.reference_logits));
    file.emplace(std::move(opened));
    reference.file = &*file;
  }
  if (!arguments.reference.empty()) {
    WATTLE_TRY(reference.model, load_model(arguments.reference, arguments));
  }
  WATTLE_TRY(const auto windows,
             windows_for(arguments, *model, reference.model.get(), reference.file));
  const SystemClock clock;
  Progress progress("divergence", static_cast<double>(windows.size()), clock);
  const lab::EvalOptions options{.layers = layers, .on_progress = [&](double done, double total) {
                                   progress.update(
                                       done, fmt::format("window {:.0f}/{:.0f}", done, total));
                                 }};
  const auto made =
      lab::measure_divergence(model, reference, windows, options, arguments.save_logits);
  progress.finish();
  if (!made) return std::unexpected(made.error());
  arguments.json ? print_json(arguments, *model, *made) : print_table(arguments, *model, *made);
  if (made->partial() && !arguments.save_logits.empty()) {
    fmt::print(stderr, "wattle: {} was not written\n", arguments.save_logits);
  }
  return finish_partial(made->partial(), made->n_windows, made->n_windows_planned, "windows");
}

}  // namespace

void add_eval_divergence(CLI::App& eval, Invocation& invocation) {
  auto* command = eval.add_subcommand(
      "divergence", "How far a model is from a reference, token by token: KL, same top token");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("-m,--model", arguments->model, "GGUF file or model folder")->required();
  auto* reference = command->add_option(
      "--reference", arguments->reference,
      "The model to compare with, of the same tokenizer (none: the model's own full depth)");
  command
      ->add_option("--reference-logits", arguments->reference_logits,
                   "… or its distributions, from a file that --save-logits wrote")
      ->excludes(reference);
  command->add_option("--save-logits", arguments->save_logits,
                      "Write the reference's distributions to this file: 2 bytes for each token "
                      "scored and each of the vocabulary");
  add_window_arguments(*command, arguments->windows);
  add_eval_arguments(*command, *arguments);
  command->footer(
      "Example: wattle eval divergence -m model-q4_k.gguf --reference model-f16.gguf -f text.txt");
  command->callback([arguments, &invocation] {
    invocation.run = [arguments] {
      const auto code = run(*arguments);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
