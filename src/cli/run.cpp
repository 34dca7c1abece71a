// wattle run: a prompt in, the answer as it is generated, then one line of what it cost.
#include <fmt/format.h>

#include <cstdio>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/generation_options.hpp"
#include "cli/standard_input.hpp"

namespace wattle::cli {
namespace {

struct RunOptions : GenerationOptions {
  std::optional<std::string> prompt;
  std::string file;
  bool no_special = false;
  bool raw_tokens = false;
};

Result<std::string> read_prompt(const RunOptions& options) {
  if (!options.file.empty()) return read_file(options.file);
  if (options.prompt && *options.prompt != "-") return *options.prompt;
  return read_standard_input();
}

Json to_json(const engine::Model& model, const engine::GenerateResult& result,
             const StreamingObserver& observer) {
  Json json;
  json["model"] = model.config().name;
  json["precision"] = model.precision();
  json["isa"] = model.isa();
  json["threads"] = model.threads();
  json["text"] = result.text;
  json["stop"] = engine::stop_reason_name(result.stop);
  json["n_prompt_tokens"] = result.n_prompt_tokens;
  json["n_output_tokens"] = result.tokens.size();
  json["ttft_ms"] = observer.ttft_ms();
  json["prefill_tokens_per_s"] = observer.prefill_tokens_per_s();
  json["decode_tokens_per_s"] =
      result.tokens.size() > 1 ? Json(observer.decode_tokens_per_s()) : Json(nullptr);
  json["tokens"] = Json::array();
  for (const auto& token : result.tokens) {
    json["tokens"].push_back({{"id", token.id},
                              {"layers", token.layers},
                              {"entropy_nats", token.entropy_nats},
                              {"logprob", token.logprob}});
  }
  return json;
}

Result<int> run(const RunOptions& options) {
  WATTLE_TRY(const std::string prompt, read_prompt(options));
  WATTLE_TRY(const OpenModel open, open_model(options));
  const auto tokens = open.model->tokenizer().encode(
      prompt, {.add_special = !options.no_special, .parse_special = true});
  const SystemClock clock;
  StreamingObserver observer(clock, !options.json && !options.raw_tokens);
  WATTLE_TRY(const auto result,
             engine::generate(*open.session, tokens, options.generate, &observer));
  if (options.json) {
    fmt::print("{}\n", dump_json(to_json(*open.model, result, observer), 2));
  } else if (options.raw_tokens) {
    for (std::size_t i = 0; i < result.tokens.size(); ++i) {
      fmt::print("{}{}", i == 0 ? "" : " ", result.tokens[i].id);
    }
    fmt::print("\n");
  }
  fmt::print(stderr, "{}\n", cost_line(result, observer, open.model->config().n_layers));
  return result.stop == engine::StopReason::cancelled ? kInterrupted : kOk;
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
  command->add_flag("--no-special", options->no_special,
                    "Do not put the model's begin-of-text token before the prompt");
  command->add_flag("--raw-tokens", options->raw_tokens, "Print token ids instead of text");
  command->add_flag("--json", options->json, "Print JSON with every token's depth and entropy");
  command->footer(
      "The prompt is given to the model as it is; names of control tokens in it are recognised.\n"
      "Example: wattle run -m models/telemetry-16l.gguf -p \"co 0.005 ppm, temp 71 F:\" -n 60");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      options->generate.exit.entropy_nats = options->exit_entropy;
      const auto code = run(*options);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
