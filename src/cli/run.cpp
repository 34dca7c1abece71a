// wattle run: a prompt in, the answer as it is generated, then one line of what it cost.
#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/conversation.hpp"
#include "cli/energy_options.hpp"
#include "cli/generation_options.hpp"
#include "cli/standard_input.hpp"
#include "meter/measure.hpp"

namespace wattle::cli {
namespace {

struct RunOptions : GenerationOptions {
  std::optional<std::string> prompt;
  std::string file;
  bool chat = false;
  std::string system;
  bool no_special = false;
  bool raw_tokens = false;
  bool no_energy = false;
  double idle_seconds = 0.0;
  EnergyOptions energy;
};

Result<std::string> read_prompt(const RunOptions& options) {
  if (!options.file.empty()) return read_file(options.file);
  if (options.prompt && *options.prompt != "-") return *options.prompt;
  return read_standard_input();
}

// The record under the field's names, then what only `run` knows: every token's depth and entropy.
Json describe(const meter::InferenceRecord& record, const engine::Model& model,
              const StreamingObserver& observer) {
  Json json = meter::to_json(record);
  json["isa"] = model.isa();
  json["threads"] = model.threads();
  json["decode_threads"] = model.decode_threads();
  json["tokens"] = Json::array();
  for (const auto& token : observer.tokens()) {
    Json entry = {{"id", token.id},
                  {"layers", token.layers},
                  {"entropy_nats", token.entropy_nats},
                  {"logprob", token.logprob}};
    for (const auto& top : token.top_logprobs) {
      entry["top_logprobs"].push_back({{"id", top.id}, {"logprob", top.logprob}});
    }
    json["tokens"].push_back(std::move(entry));
  }
  return json;
}

Result<int> run(const RunOptions& options) {
  WATTLE_TRY(const std::string prompt, read_prompt(options));
  if (prompt.empty()) {
    return fail(ErrorCode::invalid_argument, "the prompt is empty",
                "Give text with -p, a file with -f, or text on standard input.");
  }
  WATTLE_CHECK(check_root(options.energy));
  WATTLE_TRY(const engine::GenerateOptions generate, generate_options(options));
  WATTLE_TRY(const OpenModel open, open_model(options));
  SystemClock clock;
  meter::MeterOptions meter_options;
  meter_options.energy = !options.no_energy;
  apply(options.energy, meter_options);
  WATTLE_TRY(const auto meter, meter::Meter::create(meter_options, clock));
  if (options.idle_seconds > 0) {
    WATTLE_TRY([[maybe_unused]] const auto idle, meter->measure_idle(options.idle_seconds));
  }
  StreamingObserver observer(!options.json && !options.raw_tokens);
  meter::Prompt text{.text = prompt,
                     .encode = {.add_special = !options.no_special, .parse_special = true}};
  std::vector<engine::TokenId> tokens;
  if (options.chat || !options.system.empty()) {
    WATTLE_TRY(auto conversation, Conversation::begin(*open.model, "", options.system));
    conversation.add("user", prompt);
    WATTLE_TRY(tokens, conversation.tokens());
    text = {.text = "", .encode = {.add_special = false}, .before = tokens};
  }
  WATTLE_TRY(const auto record, meter->measure(*open.session, text, generate, &observer));
  if (options.json) {
    fmt::print("{}\n", dump_json(describe(record, *open.model, observer), 2));
  } else if (options.raw_tokens) {
    std::string separator;
    for (const auto& token : observer.tokens()) {
      fmt::print("{}{}", std::exchange(separator, " "), token.id);
    }
    fmt::print("\n");
  }
  fmt::print(stderr, "{}\n", cost_line(record, open.model->config().n_layers));
  return interrupted() ? kInterrupted : kOk;
}

}  // namespace

void add_run(CLI::App& app, Invocation& invocation) {
  auto* command = app.add_subcommand("run", "Answer one prompt, and say what it cost");
  auto options = std::make_shared<RunOptions>();
  add_generation_options(*command, *options);
  auto* prompt = command->add_option("-p,--prompt", options->prompt,
                                     "The prompt; '-' or none: read from standard input");
  command->add_option("-f,--file", options->file, "Read the prompt from this file")
      ->excludes(prompt);
  command->add_flag("--chat", options->chat,
                    "Give the prompt as a message in the model's chat template");
  command->add_option("--system", options->system,
                      "What the model is told before the message; implies --chat");
  command->add_flag("--no-special", options->no_special,
                    "Do not put the model's begin-of-text token before the prompt");
  command->add_flag("--raw-tokens", options->raw_tokens, "Print token ids instead of text");
  command->add_flag("--no-energy", options->no_energy, "Measure times only");
  command
      ->add_option("--idle", options->idle_seconds,
                   "Measure idle power for so many seconds first, to give net energy too")
      ->check(CLI::Range(0.0, 3600.0));
  command->add_option("--logprobs", options->generate.n_logprobs,
                      "With --json: log-probabilities of so many tokens at every step");
  add_energy_options(*command, options->energy);
  command->add_flag("--json", options->json, "Print JSON with every token's depth and entropy");
  command->footer(
      "Without --chat the prompt is given to the model as it is; names of control tokens in it are "
      "recognised.\n"
      "Example: wattle run -m models/telemetry-16l.gguf -p \"co 0.005 ppm, temp 71 F:\" -n 60\n"
      "Only valid JSON: --json-schema '{\"properties\": {\"alarm\": {\"type\": \"boolean\"}}}'");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      const auto code = run(*options);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
