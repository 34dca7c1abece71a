// wattle sense: what this machine says about itself.
#include "cli/sense_commands.hpp"

namespace wattle::cli {

void add_sense(CLI::App& app, Invocation& invocation) {
  CLI::App* sense = app.add_subcommand("sense", "Power, temperature and clocks of this machine");
  sense->require_subcommand(1);
  add_sense_list(*sense, invocation);
  add_sense_read(*sense, invocation);
  add_sense_watch(*sense, invocation);
  add_sense_record(*sense, invocation);
  add_sense_replay(*sense, invocation);
  add_sense_align(*sense, invocation);
}

}  // namespace wattle::cli
