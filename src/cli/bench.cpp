// wattle bench: how fast a model is, for every combination of the lists given, against what the
// machine could reach, measured between the repetitions. `pp` and `tg` are those of llama-bench.
#include <fmt/format.h>

#include <memory>

#include "cli/bench_report.hpp"
#include "cli/bench_run.hpp"
#include "cli/command.hpp"
#include "cli/generation_options.hpp"

namespace wattle::cli {
namespace {

struct Options : BenchOptions {
  std::string output = "table";
  bool json = false;
};

int bench(const Options& options) {
  std::vector<BenchRecord> records;
  const Status status = run_bench(options, records);
  if (status || !records.empty()) {
    fmt::print("{}", bench_report(records, options.json ? "json" : options.output));
  }
  return status ? static_cast<int>(kOk) : report(status.error());
}

// "512,1024" or the option again; only the value that follows the option is its own.
template <class T>
CLI::Option* add_list(CLI::App& command, const std::string& names, std::vector<T>& values,
                      const std::string& what) {
  return command.add_option(names, values, what)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
}

void add_options(CLI::App& command, Options& options) {
  constexpr std::uint32_t kMostTokens = 1U << 24U;
  add_list(command, "-m,--model", options.models, "GGUF files, or folders of Hugging Face models")
      ->required();
  add_list(command, "-p,--n-prompt", options.n_prompt, "Prompt tokens (0: no prefill test)")
      ->check(CLI::Range(0U, kMostTokens));
  add_list(command, "-n,--n-gen", options.n_generate, "Tokens to generate (0: no decode test)")
      ->check(CLI::Range(0U, kMostTokens));
  add_list(command, "-d,--n-depth", options.depths,
           "Tokens that are in the context before the timed part")
      ->check(CLI::Range(0U, kMostTokens));
  add_list(command, "-b,--batch", options.batches, "Sequences that decode together")
      ->check(CLI::Range(1, 1024));
  add_list(command, "-t,--threads", options.threads,
           "Threads (0: physical cores this process may use)")
      ->check(CLI::Range(0, 1024));
  command
      .add_option("-r,--repetitions", options.repetitions, "Counted repetitions, after one warm-up")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--kv", options.kv, "Type of the KV cache: f16, f32 or i8")
      ->check(CLI::IsMember({"f16", "f32", "i8"}))
      ->capture_default_str();
  add_repack_option(command, options.repack);
  add_energy_options(command, options.energy);
  auto* output = command.add_option("-o,--output", options.output, "table, md, csv or json")
                     ->check(CLI::IsMember({"table", "md", "csv", "json"}))
                     ->capture_default_str();
  command.add_flag("--json", options.json, "The same as -o json")->excludes(output);
}

}  // namespace

void add_bench(CLI::App& app, Invocation& invocation) {
  auto* command = app.add_subcommand(
      "bench", "Measure prefill and decode speed against the limits of the machine");
  auto options = std::make_shared<Options>();
  add_options(*command, *options);
  command->footer(
      "-m, -p, -n, -d, -b and -t take lists (-p 128,512, or the option again); every combination "
      "is measured.\n"
      "Example: wattle bench -m tinyllama-q4_0.gguf -p 512 -n 128 -d 0,1024 -b 1,8 -t 1,2 -o md");
  command->callback(
      [options, &invocation] { invocation.run = [options] { return bench(*options); }; });
}

}  // namespace wattle::cli
