#pragma once
// The subcommands of `wattle actuate`.

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "cli/command.hpp"

namespace wattle::cli {

// What all of them take.
struct ActuateOptions {
  std::string root = "/";
  std::string state_dir;
  std::string nvml_library;
};
void add_actuate_options(CLI::App& command, ActuateOptions& options);
[[nodiscard]] Status check_root(const ActuateOptions& options);

void add_actuate_list(CLI::App& actuate, Invocation& invocation);
void add_actuate_set(CLI::App& actuate, Invocation& invocation);
void add_actuate_restore(CLI::App& actuate, Invocation& invocation);

}  // namespace wattle::cli
