// wattle chat: messages and answers in turn, in the form of the model's chat template. What the
// session already has of the conversation is kept between turns.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/interrupt.hpp"
#include "cli/command.hpp"
#include "cli/conversation.hpp"
#include "cli/energy_options.hpp"
#include "cli/generation_options.hpp"
#include "cli/standard_input.hpp"
#include "meter/measure.hpp"

namespace wattle::cli {
namespace {

struct ChatOptions : GenerationOptions {
  std::string system;
  std::string template_file;
  EnergyOptions energy;
};

// How many tokens both begin with.
std::size_t common_prefix(std::span<const engine::TokenId> a, std::span<const engine::TokenId> b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

class Chat {
 public:
  Chat(OpenModel open, std::unique_ptr<meter::Meter> meter, Conversation conversation,
       engine::GenerateOptions options)
      : open_(std::move(open)),
        meter_(std::move(meter)),
        conversation_(std::move(conversation)),
        options_(std::move(options)) {}

  int run() {
    const bool terminal = standard_input_is_terminal();
    if (terminal) {
      fmt::print(stderr,
                 "{}: /reset forgets the conversation, /exit leaves, Ctrl-C stops an answer.\n",
                 open_.model->config().name);
      if (!conversation_.note().empty()) fmt::print(stderr, "({})\n", conversation_.note());
    }
    LineReader lines;
    int code = kOk;
    for (std::string line; prompt(terminal), lines.next(line);) {
      if (line == "/exit") break;
      if (line == "/reset") {
        conversation_.reset();
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

  Status turn(const std::string& text) {
    conversation_.add("user", text);
    const Status status = answer();
    if (!status) conversation_.take_back();
    return status;
  }

  Status answer() {
    engine::Session& session = *open_.session;
    WATTLE_TRY(const std::vector<engine::TokenId> all, conversation_.tokens());
    if (all.size() >= session.context()) {
      return fail(ErrorCode::out_of_range,
                  fmt::format("the conversation has {} tokens, the context {}", all.size(),
                              session.context()),
                  "Begin anew with /reset, or choose a larger context (--ctx).");
    }
    // At least one token must be fed. The template may write the last answer otherwise than the
    // model did: what differs is processed again.
    const std::size_t known = std::min(common_prefix(in_session_, all), all.size() - 1);
    session.rewind(static_cast<std::uint32_t>(known));
    in_session_.resize(known);
    const std::span<const engine::TokenId> rest = std::span(all).subspan(known);
    const meter::Prompt prompt{.text = "", .encode = {.add_special = false}, .before = rest};
    StreamingObserver observer(true);
    WATTLE_TRY(const auto record, meter_->measure(session, prompt, options_, &observer));
    in_session_ = all;
    for (const auto& token : observer.tokens()) in_session_.push_back(token.id);
    in_session_.resize(std::min<std::size_t>(in_session_.size(), session.position()));
    conversation_.add("assistant", record.output_text);
    fmt::print(stderr, "[{}; {} of {} context]\n",
               cost_line(record, open_.model->config().n_layers), session.position(),
               session.context());
    return {};
  }

  OpenModel open_;
  std::unique_ptr<meter::Meter> meter_;
  Conversation conversation_;
  engine::GenerateOptions options_;
  std::vector<engine::TokenId> in_session_;
};

Result<int> chat(const ChatOptions& options) {
  WATTLE_CHECK(check_root(options.energy));
  WATTLE_TRY(engine::GenerateOptions generate, generate_options(options));
  WATTLE_TRY(OpenModel open, open_model(options));
  WATTLE_TRY(auto conversation,
             Conversation::begin(*open.model, options.template_file, options.system));
  SystemClock clock;
  meter::MeterOptions meter_options;
  apply(options.energy, meter_options);
  WATTLE_TRY(auto meter, meter::Meter::create(meter_options, clock));
  return Chat(std::move(open), std::move(meter), std::move(conversation), std::move(generate))
      .run();
}

}  // namespace

void add_chat(CLI::App& app, Invocation& invocation) {
  auto* command = app.add_subcommand("chat", "Talk to a model, turn by turn");
  auto options = std::make_shared<ChatOptions>();
  add_generation_options(*command, *options);
  command->add_option("--system", options->system, "What the model is told before everything else");
  command->add_option("--chat-template", options->template_file,
                      "A template (Jinja) instead of the model's");
  add_energy_options(*command, options->energy);
  command->footer(
      "Each line is a message, written as the model's chat template has it; see it with `wattle "
      "template`.\nWithout a terminal, lines are read from standard input until it ends.\n"
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
