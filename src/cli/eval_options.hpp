#pragma once
// What the `wattle eval` commands share: options, windows of a text, cells of tables.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "cli/command.hpp"
#include "engine/model.hpp"
#include "lab/eval/token_mean.hpp"
#include "lab/eval/windows.hpp"
#include "lab/statistics.hpp"

namespace wattle::cli {

struct EvalArguments {
  std::string exit_layers;
  int threads = 0;
  bool exact = false;
  bool json = false;
};
void add_eval_arguments(CLI::App& command, EvalArguments& arguments);
[[nodiscard]] Result<std::shared_ptr<const engine::Model>> load_model(
    const std::string& file, const EvalArguments& arguments);
// "4,8,16", "all"; empty: full depth. Sorted, no layer twice.
[[nodiscard]] Result<std::vector<std::uint32_t>> parse_exit_layers(const std::string& text,
                                                                   std::uint32_t n_layers);

struct WindowArguments {
  std::string text_file;
  std::string protocol = "wattle";
  std::optional<std::uint32_t> context;
  lab::WindowOptions options;
};
// Returns the option that names the text, which is not required yet.
CLI::Option* add_window_arguments(CLI::App& command, WindowArguments& arguments);
// Reads the text and cuts it. Without --ctx: 512, or the model's context if that is smaller.
[[nodiscard]] Result<std::vector<lab::Window>> read_windows(const engine::Model& model,
                                                            WindowArguments& arguments);

// "12.345 ± 0.067"; no "±" where the error is not known.
[[nodiscard]] std::string plus_minus(double value, const std::optional<double>& error,
                                     int decimals);
// The error over windows where there are windows to compare, else the one over tokens.
[[nodiscard]] std::optional<double> best_error(const lab::TokenMean& mean);
[[nodiscard]] Json to_json(const lab::TokenMean& mean);
[[nodiscard]] Json to_json(const std::optional<lab::Interval>& interval);
// Where the evaluation ended early, says so on standard error and gives the exit code for it.
[[nodiscard]] int finish_partial(bool partial, std::size_t done, std::size_t planned,
                                 const char* unit);

// One file each.
void add_eval_divergence(CLI::App& eval, Invocation& invocation);
void add_eval_perplexity(CLI::App& eval, Invocation& invocation);
void add_eval_tasks(CLI::App& eval, Invocation& invocation);

}  // namespace wattle::cli
