#pragma once
// The subcommands of `wattle sense`, one file each.

#include "cli/command.hpp"

namespace wattle::cli {

void add_sense_list(CLI::App& sense, Invocation& invocation);
void add_sense_read(CLI::App& sense, Invocation& invocation);
void add_sense_watch(CLI::App& sense, Invocation& invocation);
void add_sense_record(CLI::App& sense, Invocation& invocation);
void add_sense_replay(CLI::App& sense, Invocation& invocation);
void add_sense_align(CLI::App& sense, Invocation& invocation);

}  // namespace wattle::cli
