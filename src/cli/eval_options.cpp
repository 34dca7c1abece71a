#include "cli/eval_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>

#include "base/atomic_file.hpp"

namespace wattle::cli {

void add_eval_arguments(CLI::App& command, EvalArguments& arguments) {
  command.add_option(
      "--exit-layer", arguments.exit_layers,
      "Evaluate after these layers, counted from 1: 4,8,16 or all (none: full depth)");
  command
      .add_option("-t,--threads", arguments.threads,
                  "Threads (0: physical cores this process may use)")
      ->check(CLI::Range(0, 1024));
  command.add_flag("--exact", arguments.exact,
                   "Weights dequantised, activations and KV cache F32: slow, for checking");
  command.add_flag("--json", arguments.json, "Print JSON");
}

Result<std::shared_ptr<const engine::Model>> load_model(const std::string& file,
                                                        const EvalArguments& arguments) {
  return engine::Model::load(file, {.exact = arguments.exact, .threads = arguments.threads});
}

Result<std::vector<std::uint32_t>> parse_exit_layers(const std::string& text,
                                                     std::uint32_t n_layers) {
  std::vector<std::uint32_t> layers;
  if (text.empty()) return std::vector{n_layers};
  if (text == "all") {
    layers.resize(n_layers);
    std::iota(layers.begin(), layers.end(), 1U);
    return layers;
  }
  for (const std::string& part : CLI::detail::split(text, ',')) {
    std::uint32_t layer = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), layer);
    if (error != std::errc() || end != part.data() + part.size() || layer > n_layers) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("--exit-layer: '{}' is not a layer of a model of {}", part, n_layers),
                  fmt::format("Give numbers from 1 to {}, separated by commas, or all.", n_layers));
    }
    layers.push_back(layer == 0 ? n_layers : layer);
  }
  std::ranges::sort(layers);
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  return layers;
}

CLI::Option* add_window_arguments(CLI::App& command, WindowArguments& arguments) {
  auto* text = command.add_option("-f,--file", arguments.text_file, "The text, UTF-8");
  command.add_option("-c,--ctx", arguments.context,
                     "Tokens of a window (default: 512, at most the model's context)");
  command.add_option("--stride", arguments.options.stride,
                     "Tokens between the beginnings of windows (0: they do not overlap)");
  command.add_option("--chunks", arguments.options.max_windows,
                     "Evaluate the first windows only, so many (0: all)");
  command
      .add_option("--protocol", arguments.protocol,
                  "Which windows and tokens count: wattle, llama.cpp or huggingface "
                  "(docs/evaluation.md)")
      ->check(CLI::IsMember({"wattle", "llama.cpp", "huggingface"}))
      ->capture_default_str();
  return text;
}

Result<std::vector<lab::Window>> read_windows(const engine::Model& model,
                                              WindowArguments& arguments) {
  static const std::map<std::string, lab::WindowProtocol> kProtocols = {
      {"wattle", lab::WindowProtocol::wattle},
      {"llama.cpp", lab::WindowProtocol::llama_cpp},
      {"huggingface", lab::WindowProtocol::hugging_face}};
  arguments.options.protocol = kProtocols.at(arguments.protocol);
  arguments.options.context =
      arguments.context.value_or(std::min(512U, model.config().context_length));
  WATTLE_TRY(const std::string text, read_file(arguments.text_file));
  auto windows = lab::plan_windows(model.tokenizer(), text, arguments.options);
  if (windows) return windows;
  return fail(windows.error().code,
              fmt::format("cannot evaluate {}: {}", arguments.text_file, windows.error().what),
              windows.error().remedy);
}

std::string plus_minus(double value, const std::optional<double>& error, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (error) text += fmt::format(" ± {:.{}f}", *error, decimals);
  return text;
}

std::optional<double> best_error(const lab::TokenMean& mean) {
  return mean.standard_error_windows ? mean.standard_error_windows : mean.standard_error;
}

Json to_json(const lab::TokenMean& mean) {
  const auto or_null = [](const std::optional<double>& x) { return x ? Json(*x) : Json(nullptr); };
  return {{"mean", mean.mean},
          {"standard_error", or_null(mean.standard_error)},
          {"standard_error_windows", or_null(mean.standard_error_windows)}};
}

Json to_json(const std::optional<lab::Interval>& interval) {
  if (!interval) return nullptr;
  return Json::array({interval->low, interval->high});
}

int finish_partial(bool partial, std::size_t done, std::size_t planned, const char* unit) {
  if (!partial) return kOk;
  fmt::print(stderr, "wattle: interrupted: the figures are of the first {} of {} {}\n", done,
             planned, unit);
  return kInterrupted;
}

}  // namespace wattle::cli
