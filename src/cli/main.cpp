#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

#include "base/interrupt.hpp"
#include "cli/command.hpp"

namespace wattle::cli {

int report(const Error& error) {
  fmt::print(stderr, "wattle: {}\n", error.message());
  switch (error.code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::out_of_range:
      return kUsage;
    case ErrorCode::invalid_format:
    case ErrorCode::unsupported:
      return kBadInput;
    case ErrorCode::not_found:
    case ErrorCode::permission_denied:
    case ErrorCode::no_space:
    case ErrorCode::unavailable:
      return kUnavailable;
    case ErrorCode::cancelled:
      return kInterrupted;
    case ErrorCode::io:
    case ErrorCode::resource_exhausted:
    case ErrorCode::internal:
      return kFailed;
  }
  return kFailed;
}

namespace {
int run(int argc, char** argv) {
  CLI::App app("Runs language models on edge devices and knows what every token costs.", "wattle");
  app.set_version_flag("--version", std::string("wattle ") + WATTLE_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);
  Invocation invocation;
  add_actuate(app, invocation);
  add_batch(app, invocation);
  add_bench(app, invocation);
  add_chat(app, invocation);
  add_eval(app, invocation);
  add_inspect(app, invocation);
  add_lab(app, invocation);
  add_logits(app, invocation);
  add_quantize(app, invocation);
  add_convert(app, invocation);
  add_run(app, invocation);
  add_sense(app, invocation);
  add_synth(app, invocation);
  add_template(app, invocation);
  add_tokenize(app, invocation);
  add_train(app, invocation);
  add_virtual_device(app, invocation);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return invocation.run ? invocation.run() : kOk;
}

// What was printed must have arrived: a full disk behind `> file` is a failure of the command. A
// reader that has gone away (`| head`) has what it wanted, so nothing is said about that.
int finish_output(int exit_code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
  if (errno == EPIPE) return kFailed;
  return report(fail_errno(errno != 0 ? errno : EIO, "cannot write to standard output").error());
}
}  // namespace
}  // namespace wattle::cli

int main(int argc, char** argv) {
  wattle::install_interrupt_handlers();
  try {
    return wattle::cli::finish_output(wattle::cli::run(argc, argv));
  } catch (const std::system_error& error) {  // fmt, when standard output takes no more
    return error.code().value() == EPIPE
               ? wattle::cli::kFailed
               : wattle::cli::report(
                     wattle::fail_errno(error.code().value(), "cannot write to standard output")
                         .error());
  } catch (const std::exception& error) {
    fmt::print(stderr, "wattle: internal error: {}\n", error.what());
    return wattle::cli::kFailed;
  }
}
