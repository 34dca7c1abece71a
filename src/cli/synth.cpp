// wattle synth: a valid model file of random weights with the true shape of a known model.
#include "compress/synth.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/progress.hpp"
#include "cli/command.hpp"
#include "cli/weight_type.hpp"

namespace wattle::cli {
namespace {

struct Options {
  std::string shape;
  std::string type = "q4_0";
  std::string out;
  std::uint32_t group_size = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  bool json = false;
};

int run(const Options& options) {
  const auto shape = compress::find_synth_shape(options.shape);
  if (!shape) return report(shape.error());
  const auto type = parse_weight_type(options.type);
  if (!type) return report(type.error());

  compress::SynthOptions work;
  work.type = *type;
  work.group_size = options.group_size;
  work.seed = options.seed;
  work.threads = options.threads;
  const SystemClock clock;
  Progress progress("synth", 1.0, clock);
  work.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.update(static_cast<double>(done) / static_cast<double>(total), format_bytes(done));
  };
  const auto made = compress::synthesize(*shape, options.out, work);
  progress.finish();
  if (!made) return report(made.error());

  if (options.json) {
    const Json out{{"file", options.out},
                   {"shape", shape->name},
                   {"type", engine::info(*type).name},
                   {"seed", options.seed},
                   {"tensors", made->n_tensors},
                   {"parameters", made->n_parameters},
                   {"file_bytes", made->file_bytes}};
    fmt::print("{}\n", dump_json(out, 2));
  } else {
    fmt::print("{}: {} with random {} weights, {:.4g} million parameters, {}\n", options.out,
               shape->name, engine::info(*type).name, static_cast<double>(made->n_parameters) / 1e6,
               format_bytes(made->file_bytes));
  }
  return kOk;
}

}  // namespace

void add_synth(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "synth", "Write a valid model file of random weights with the shape of a known model.");
  std::string names;
  for (const auto& shape : compress::synth_shapes()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", shape.name);
  }
  command->add_option("--shape", options->shape, "One of " + names)->required();
  command->add_option("--type", options->type, "Type of the matrices: " + weight_type_names())
      ->capture_default_str();
  command->add_option("--group-size", options->group_size,
                      "Columns that share a scale and a minimum, of Q4_1: 128 as in AWQ models");
  command->add_option("OUT", options->out, "The file to write")->required();
  command->add_option("--seed", options->seed, "Same seed, same bytes")->capture_default_str();
  command->add_option("--threads", options->threads, "0: all cores this process may use")
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print what was written as JSON");
  command->footer("Example:\n  wattle synth --shape tinyllama-1.1b --type q4_0 tinyllama-q4.gguf");
  command->callback(
      [options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

}  // namespace wattle::cli
