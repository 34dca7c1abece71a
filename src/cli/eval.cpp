// wattle eval: how good a model is, and what an exit layer or a precision costs in quality.
#include "cli/eval_options.hpp"

namespace wattle::cli {

void add_eval(CLI::App& app, Invocation& invocation) {
  auto* command = app.add_subcommand(
      "eval", "How good a model is: perplexity, divergence from a reference, tasks");
  command->require_subcommand(1);
  add_eval_divergence(*command, invocation);
  add_eval_perplexity(*command, invocation);
  add_eval_tasks(*command, invocation);
}

}  // namespace wattle::cli
