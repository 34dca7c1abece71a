// wattle chat: prompts and answers in turn, on one session: the KV cache is kept between turns.
#include <fmt/format.h>

#include "base/interrupt.hpp"
#include "cli/command.hpp"
#include "cli/generation_options.hpp"
#include "cli/standard_input.hpp"
#include "meter/measure.hpp"

namespace wattle::cli {
namespace {

class Chat {
 public:
  Chat(OpenModel open, std::unique_ptr<meter::Meter> meter, engine::GenerateOptions options)
      : open_(std::move(open)), meter_(std::move(meter)), options_(std::move(options)) {}

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
    pending_.clear();
  }

  Status turn(const std::string& text) {
    engine::Session& session = *open_.session;
    const std::uint32_t begin = session.position();
    const bool first = begin == 0;
    const std::string line = first ? text : "\n" + text;
    const meter::Prompt prompt{
        .text = line, .encode = {.add_special = first, .parse_special = true}, .before = pending_};
    StreamingObserver observer(true);
    WATTLE_TRY(const auto record, meter_->measure(session, prompt, options_, &observer));
    pending_.clear();
    // The last token is in the session only if generation had to go past it.
    if (!observer.tokens().empty() &&
        session.position() < begin + record.n_prompt_tokens + record.n_output_tokens) {
      pending_.push_back(observer.tokens().back().id);
    }
    fmt::print(stderr, "[{}; {} of {} context]\n",
               cost_line(record, open_.model->config().n_layers), session.position(),
               session.context());
    return {};
  }

  OpenModel open_;
  std::unique_ptr<meter::Meter> meter_;
  engine::GenerateOptions options_;
  std::vector<engine::TokenId> pending_;  // generated, not yet in the session: one at most
};

Result<int> chat(const GenerationOptions& options) {
  WATTLE_TRY(engine::GenerateOptions generate, generate_options(options));
  WATTLE_TRY(OpenModel open, open_model(options));
  SystemClock clock;
  WATTLE_TRY(auto meter, meter::Meter::create({}, clock));
  return Chat(std::move(open), std::move(meter), std::move(generate)).run();
}

}  // namespace

void add_chat(CLI::App& app, Invocation& invocation) {
  auto* command = app.add_subcommand("chat", "Talk to a model, turn by turn");
  auto options = std::make_shared<GenerationOptions>();
  add_generation_options(*command, *options);
  command->footer(
      "Each line is given to the model as it is, after a line break, and continues the text so "
      "far.\nWithout a terminal, lines are read from standard input until it ends.\n"
      "Example: wattle chat -m models/telemetry-16l.gguf --temp 0.7 --stop \"\\n\"\n"
      "Each answer by a grammar: --grammar answer.gbnf, with  root ::= \"yes\" | \"no\"");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      const auto code = chat(*options);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
