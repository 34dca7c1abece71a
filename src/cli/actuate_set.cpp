// wattle actuate set: holds knobs at values while a command runs, for a time, or until Ctrl-C, and
// puts them back.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "actuate/actuate.hpp"
#include "actuate/session.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "cli/actuate_commands.hpp"
#include "cli/held_command.hpp"

namespace wattle::cli {
namespace {

struct SetOptions : ActuateOptions {
  std::vector<std::string> words;    // KNOB=VALUE … [COMMAND ARGUMENT …]
  std::vector<std::string> nothing;  // see add_actuate_set
  std::optional<double> seconds;
  bool hold = false;
  bool keep = false;
  bool dry_run = false;
  bool json = false;
};

struct Request {
  std::vector<std::string> assignments;
  std::vector<std::string> command;
};

// What follows the assignments is the command; command line parsers drop the "--" between them.
Request split(const std::vector<std::string>& words) {
  const auto command = std::find_if(words.begin(), words.end(), [](const std::string& word) {
    return word.find('=') == std::string::npos;
  });
  return {{words.begin(), command}, {command, words.end()}};
}

Status check(const SetOptions& options, const Request& request) {
  WATTLE_CHECK(check_root(options));
  const auto wrong = [](const char* what, const char* remedy) {
    return fail(ErrorCode::invalid_argument, what, remedy);
  };
  if (request.assignments.empty()) {
    return wrong("no KNOB=VALUE was given", "Write for example cpu.freq=1.2GHz.");
  }
  const bool waits = options.hold || options.seconds;
  const int ways = (request.command.empty() ? 0 : 1) + (waits ? 1 : 0) + (options.keep ? 1 : 0);
  if (ways > 1) {
    return wrong("only one of a command, --hold or --for, and --keep can be", "Choose one.");
  }
  if (ways == 0 && !options.dry_run) {
    return wrong("it is not said for how long",
                 "Give -- COMMAND, --hold, --for SECONDS, or --keep; --dry-run only shows.");
  }
  return {};
}

// A power mode sets clocks and cores itself, and their tables change with it.
Status check_alone(const std::vector<actuate::Target>& targets) {
  const bool mode = std::any_of(targets.begin(), targets.end(), [](const auto& target) {
    return target.actuator->info().id == "nvpmodel";
  });
  if (!mode || targets.size() == 1) return {};
  return fail(
      ErrorCode::invalid_argument,
      "nvpmodel sets clocks and cores itself, so other knobs cannot be set with it at once",
      "Nest two commands: wattle actuate set nvpmodel=… -- wattle actuate set … -- COMMAND");
}

int dry_run(const std::vector<actuate::Target>& targets, bool as_json) {
  Json list = Json::array();
  for (const auto& target : targets) {
    const auto steps = actuate::plan_target(target);
    if (!steps) return report(steps.error());
    const auto& info = target.actuator->info();
    for (const auto& step : *steps) {
      list.push_back({{"knob", info.id}, {"target", step.target}, {"value", step.value}});
      if (!as_json) fmt::print("{}: {}\n", info.id, actuate::step_text(step));
    }
    if (steps->empty() && !as_json) {
      fmt::print("{}: nothing to do, it is {}\n", info.id,
                 target.actuator->describe(target.setting));
    }
    if (info.problem && !as_json) {
      fmt::print("{}: would fail: {}\n", info.id, info.problem->reason);
    }
  }
  if (as_json) fmt::print("{}\n", dump_json(list, 2));
  return kOk;
}

// To standard error: standard output is the command's.
void say(const SetOptions& options, const actuate::Actuator& actuator,
         const actuate::SetOutcome& outcome) {
  if (options.json) {
    const Json line = {{"knob", outcome.knob},
                       {"asked", outcome.asked},
                       {"setting", outcome.setting},
                       {"got", actuator.info().readable ? Json(outcome.got) : Json()},
                       {"rounded", outcome.rounded}};
    fmt::print(stderr, "{}\n", dump_json(line));
    return;
  }
  fmt::print(stderr, "wattle: {} is {}{}\n", outcome.knob, actuator.describe(outcome.got),
             outcome.rounded             ? fmt::format(" (asked for {})", outcome.asked)
             : !actuator.info().readable ? std::string(" (as asked; NVML cannot be read back)")
                                         : std::string());
}

// True if all are as they were.
bool put_back(actuate::Session& session) {
  bool settled = true;
  for (const auto& outcome : session.restore()) {
    if (actuate::is_settled(outcome)) continue;
    settled = false;
    fmt::print(stderr, "wattle: {} was not put back: {}\n", outcome.knob, outcome.message);
  }
  return settled;
}

int hold(const SetOptions& options, const Request& request, const HeldSignals& signals,
         actuate::Session& session) {
  if (options.keep) {
    const Status kept = session.keep();
    if (!kept) return report(kept.error());
    fmt::print(stderr, "wattle: left so; wattle actuate restore puts it back\n");
    return kOk;
  }
  int exit_code = kOk;
  if (request.command.empty()) {
    if (!options.seconds) fmt::print(stderr, "wattle: held until Ctrl-C\n");
    const int signal_number = signals.wait(options.seconds);
    // Ctrl-C is how --hold ends; --for was cut short by it.
    if (signal_number != 0 && options.seconds) exit_code = 128 + signal_number;
  } else {
    const auto ended = signals.run(request.command);
    exit_code = ended ? *ended : report(ended.error());
  }
  const bool settled = put_back(session);
  return exit_code == kOk && !settled ? static_cast<int>(kFailed) : exit_code;
}

int run(const SetOptions& options) {
  const Request request = split(options.words);
  if (const Status valid = check(options, request); !valid) return report(valid.error());
  const FsRoot root(options.root);
  actuate::Inventory inventory = actuate::discover(root, {.nvml_library = options.nvml_library});
  const auto targets = actuate::parse_targets(inventory, request.assignments);
  if (!targets) return report(targets.error());
  if (const Status alone = check_alone(*targets); !alone) return report(alone.error());
  if (options.dry_run) return dry_run(*targets, options.json);
  const auto signals = HeldSignals::take();
  if (!signals) return report(signals.error());
  if (interrupted()) return kInterrupted;
  actuate::SessionOptions how;
  how.folder = options.state_dir;
  actuate::Session session(root, std::move(inventory), std::move(how));
  for (const auto& target : *targets) {
    if (const Status held = session.hold(*target.actuator); !held) {
      put_back(session);
      return report(held.error());
    }
  }
  for (const auto& target : *targets) {
    const auto outcome = session.set(target);
    if (!outcome) {
      const int exit_code = report(outcome.error());
      put_back(session);
      return exit_code;
    }
    say(options, *target.actuator, *outcome);
  }
  return hold(options, request, *signals, session);
}

}  // namespace

void add_actuate_set(CLI::App& actuate, Invocation& invocation) {
  auto options = std::make_shared<SetOptions>();
  CLI::App* set = actuate.add_subcommand(
      "set", "Sets knobs while a command runs, for a time or until Ctrl-C, then puts them back");
  add_actuate_options(*set, *options);
  set->add_option("KNOB=VALUE", options->words,
                  "Such as cpu.freq=1.2GHz, gpu.freq=min..816MHz, cpu.governor=performance, "
                  "cpu.cores=4, fan.pwm=50%")
      ->required();
  // The option above takes these words too, in their order. This one is never filled: CLI11 leaves
  // a subcommand at "--" unless a positional of it is still open.
  set->add_option("COMMAND", options->nothing,
                  "After --: what to run meanwhile, with its arguments")
      ->expected(1, 1 << 20);
  set->add_flag("--hold", options->hold, "Hold until Ctrl-C");
  set->add_option("--for", options->seconds, "Hold for so many seconds")
      ->check(CLI::Range(0.0, 1e9));
  set->add_flag("--keep", options->keep, "Leave it set; wattle actuate restore puts it back");
  set->add_flag("--dry-run", options->dry_run, "Print every write in order and write nothing");
  set->add_flag("--json", options->json, "Print what was asked and got as JSON lines");
  set->footer(
      "Examples: wattle actuate set cpu.freq=1.2GHz cpu.cores=4 -- wattle run model.gguf\n"
      "          wattle actuate set gpu.freq=max --hold\n"
      "One value pins a clock, LOW..HIGH sets its limits; a number alone is in the knob's own "
      "unit.\n"
      "The exit code is the command's; 1 if it was 0 and something could not be put back.");
  set->callback([options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

}  // namespace wattle::cli
