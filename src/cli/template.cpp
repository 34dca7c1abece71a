// wattle template: a conversation on standard input becomes the prompt that a model expects.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/standard_input.hpp"
#include "cli/utc_time.hpp"
#include "engine/chat_template.hpp"
#include "engine/model_files.hpp"
#include "engine/tokenizer_files.hpp"

namespace wattle::cli {
namespace {

struct Options {
  std::string model;
  std::string file;
  std::string name;
  std::string form;
  std::optional<std::string> now;
  bool show = false;
  bool json = false;
};

Result<Json> read_variables() {
  WATTLE_TRY(const std::string input, read_standard_input());
  WATTLE_TRY(Json variables, parse_json(input, "standard input"));
  if (!variables.is_object() || !variables.contains("messages") ||
      !variables["messages"].is_array()) {
    return fail(ErrorCode::invalid_format,
                "standard input is not a JSON object with a list 'messages'",
                "Give for example {\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}], "
                "\"add_generation_prompt\": true}");
  }
  return variables;
}

Result<engine::ModelTemplate> choose_template(const Options& options,
                                              const std::optional<engine::GgufFile>& model,
                                              const Json& variables) {
  if (!options.file.empty()) {
    WATTLE_TRY(auto text, read_file(options.file));
    return engine::ModelTemplate{std::move(text), options.file, {}, {}};
  }
  if (!options.form.empty()) return engine::default_chat_template(options.form);
  const auto tools = variables.find("tools");
  const bool has_tools = tools != variables.end() && !tools->is_null();
  WATTLE_TRY(auto found, engine::chat_template_of(*model, {options.name, has_tools}));
  if (!found.default_form.empty()) {
    fmt::print(stderr,
               "wattle: {} has no chat template; using the default '{}', because {} (--form "
               "chooses another, --file gives one)\n",
               options.model, found.default_form, found.reason);
  }
  return found;
}

// The tokens of the model, where the input does not give them itself.
Status add_tokens(const Options& options, Json& variables) {
  if (options.model.empty()) return {};
  WATTLE_TRY(const auto tokenizer, engine::open_tokenizer(options.model));
  const Json tokens = engine::template_tokens(*tokenizer);
  for (const auto& [name, token] : tokens.items()) {
    if (!variables.contains(name)) variables[name] = token;
  }
  return {};
}

Result<std::unique_ptr<Clock>> clock_of(const Options& options) {
  if (!options.now) return nullptr;
  if (options.now->empty()) return std::make_unique<SystemClock>();
  WATTLE_TRY(const std::int64_t wall_ns, parse_utc_time(*options.now));
  return std::make_unique<FakeClock>(0, wall_ns);
}

Result<std::string> prompt_of(const Options& options) {
  if (options.model.empty() && options.file.empty() && options.form.empty()) {
    return fail(ErrorCode::invalid_argument, "no template is named",
                "Give a model with -m, a template with --file, or a default with --form");
  }
  std::optional<engine::GgufFile> model;
  if (!options.model.empty()) {
    WATTLE_TRY(model, engine::open_weights(options.model));
  }
  WATTLE_TRY(const auto clock, clock_of(options));
  Json variables = Json::object();
  if (!options.show) {
    WATTLE_TRY(variables, read_variables());
  }
  WATTLE_TRY(const auto found, choose_template(options, model, variables));
  if (options.show) return found.text;
  WATTLE_TRY(const auto chat_template, engine::ChatTemplate::parse(found.text, found.source));
  WATTLE_CHECK(add_tokens(options, variables));
  auto prompt = chat_template.render(variables, clock.get());
  if (prompt) return prompt;
  Error error = prompt.error();
  // The template's own words: it is the conversation that does not suit it, not an option.
  if (error.code == ErrorCode::invalid_argument) error.code = ErrorCode::invalid_format;
  if (!clock && error.what.ends_with("'strftime_now' is undefined")) {
    error.remedy = "This template asks for the time: give --now";
  }
  return std::unexpected(std::move(error));
}

int run(const Options& options) {
  const auto prompt = prompt_of(options);
  if (!prompt) {
    if (options.json) fmt::print("{}\n", dump_json(Json{{"error", prompt.error().message()}}));
    return report(prompt.error());
  }
  const std::string& text = *prompt;
  if (options.json) {
    fmt::print("{}\n", dump_json(Json{{options.show ? "template" : "prompt", text}}));
  } else {
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  return kOk;
}

}  // namespace

void add_template(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "template",
      "A conversation on standard input (JSON) becomes the prompt that a model expects.");
  command->add_option("-m,--model", options->model,
                      "GGUF file or model folder: its chat template and its bos_token, eos_token");
  auto* file =
      command->add_option("--file", options->file, "A template (Jinja) instead of the model's");
  auto* name = command->add_option(
      "--name", options->name, "The model's template of this name (tokenizer.chat_template.NAME)");
  auto* form =
      command->add_option("--form", options->form, "A default of Wattle's instead of the model's")
          ->check(CLI::IsMember(engine::default_chat_forms()));
  file->excludes(name)->excludes(form);
  name->excludes(form);
  command
      ->add_option(
          "--now", options->now,
          "Let the template know the time: 2026-11-20, 2026-11-20T13:45:00, or the clock's "
          "if nothing follows (UTC). Without --now a template has no strftime_now, and the "
          "same conversation gives the same prompt on every day")
      ->expected(0, 1);
  command->add_flag("--show", options->show, "Print the template itself; reads no input");
  command->add_flag("--json", options->json, "Print {\"prompt\": …} or {\"error\": …}");
  command->footer(
      "The input is one object: messages, add_generation_prompt, and whatever else the template "
      "asks for\n(tools, documents, enable_thinking…); bos_token and eos_token default to the "
      "model's. Nothing is added\nto the prompt, no line break either.\n"
      "Example:\n"
      "  echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}], "
      "\"add_generation_prompt\": true}' |\n"
      "    wattle template -m models/telemetry-16l.gguf");
  command->callback(
      [options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

}  // namespace wattle::cli
