// wattle chat: prompts and answers in turn, on one session: the KV cache is kept between turns.
#include <fmt/format.h>

#include "base/interrupt.hpp"
#include "cli/command.hpp"
#include "cli/generation_options.hpp"
#include "cli/standard_input.hpp"

namespace wattle::cli {
namespace {

class Chat {
 public:
  Chat(OpenModel open, const GenerationOptions& options)
      : open_(std::move(open)), options_(options) {}

  int run() {
    const bool terminal = standard_input_is_terminal();
    if (terminal) {
      fmt::print(stderr,
                 "{}: /reset forgets the conversation, /exit leaves, Ctrl-C stops an answer.\n",
                 open_.model->config().name);
    }
    LineReader lines;
    int code = kOk;
    for (std::string line; prompt(terminal), lines.next(line);) {
      if (line == "/exit") break;
      if (line == "/reset") {
        reset();
      } else if (!line.empty()) {
        const auto status = turn(line);
        // In a script a failed turn ends the run; a person may try again.
        if (!status) code = report(status.error());
        if (!status && !terminal) return code;
        if (status) code = kOk;
        if (interrupted()) {
          if (!terminal) return kInterrupted;
          set_interrupted(false);  // it stopped the answer, not the conversation
        }
      }
    }
    if (terminal) fmt::print(stderr, "\n");
    return interrupted() ? static_cast<int>(kInterrupted) : code;
  }

 private:
  static void prompt(bool terminal) {
    if (terminal) fmt::print(stderr, "> ");
  }

  void reset() {
    open_.session->rewind(0);
    pending_.reset();
  }

  Status turn(const std::string& text) {
    const bool first = open_.session->position() == 0;
    std::vector<engine::TokenId> tokens;
    if (pending_) tokens.push_back(*pending_);
    const auto encoded = open_.model->tokenizer().encode(
        first ? text : "\n" + text, {.add_special = first, .parse_special = true});
    tokens.insert(tokens.end(), encoded.begin(), encoded.end());
    StreamingObserver observer(clock_, true);
    WATTLE_TRY(const auto result,
               engine::generate(*open_.session, tokens, options_.generate, &observer));
    pending_.reset();
    if (result.last_token_pending) pending_ = result.tokens.back().id;
    fmt::print(stderr, "[{}; {} of {} context]\n",
               cost_line(result, observer, open_.model->config().n_layers),
               open_.session->position(), open_.session->context());
    return {};
  }

  OpenModel open_;
  const GenerationOptions& options_;
  SystemClock clock_;
  std::optional<engine::TokenId> pending_;  // generated, not yet in the session
};

}  // namespace

void add_chat(CLI::App& app, Invocation& invocation) {
  auto* command = app.add_subcommand("chat", "Talk to a model, turn by turn");
  auto options = std::make_shared<GenerationOptions>();
  add_generation_options(*command, *options);
  command->footer(
      "Each line is given to the model as it is, after a line break, and continues the text so "
      "far.\nWithout a terminal, lines are read from standard input until it ends.\n"
      "Example: wattle chat -m models/telemetry-16l.gguf --temp 0.7 --stop \"\\n\"");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      options->generate.exit.entropy_nats = options->exit_entropy;
      auto open = open_model(*options);
      return open ? Chat(std::move(*open), *options).run() : report(open.error());
    };
  });
}

}  // namespace wattle::cli
