#pragma once
// One file a command. Each adds itself to the application and, when chosen, sets `invocation.run`.

#include <CLI/CLI.hpp>
#include <functional>

#include "base/result.hpp"

namespace wattle::cli {

// Exit codes, the same for every command.
enum ExitCode {
  kOk = 0,
  kFailed = 1,       // the work failed (I/O, memory, internal)
  kUsage = 2,        // wrong options or values
  kBadInput = 3,     // a file or text is malformed or unsupported
  kUnavailable = 4,  // missing file, sensor, permission or space
  kInterrupted = 130,
};

struct Invocation {
  std::function<int()> run;
};

// Prints "wattle: <message>" on standard error and gives the exit code of the error.
int report(const Error& error);

void add_actuate(CLI::App& app, Invocation& invocation);
void add_inspect(CLI::App& app, Invocation& invocation);
void add_lab(CLI::App& app, Invocation& invocation);
void add_batch(CLI::App& app, Invocation& invocation);
void add_bench(CLI::App& app, Invocation& invocation);
void add_chat(CLI::App& app, Invocation& invocation);
void add_eval(CLI::App& app, Invocation& invocation);
void add_logits(CLI::App& app, Invocation& invocation);
void add_quantize(CLI::App& app, Invocation& invocation);
void add_convert(CLI::App& app, Invocation& invocation);
void add_run(CLI::App& app, Invocation& invocation);
void add_sense(CLI::App& app, Invocation& invocation);
void add_synth(CLI::App& app, Invocation& invocation);
void add_template(CLI::App& app, Invocation& invocation);
void add_tokenize(CLI::App& app, Invocation& invocation);
void add_train(CLI::App& app, Invocation& invocation);
void add_virtual_device(CLI::App& app, Invocation& invocation);

}  // namespace wattle::cli
