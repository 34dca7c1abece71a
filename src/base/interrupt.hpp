#pragma once
// Clean Ctrl-C: SIGINT and SIGTERM set a flag that long loops poll; a second signal ends at once.

namespace wattle {

// Installs the handlers once for the process. Called by main() only.
void install_interrupt_handlers();
[[nodiscard]] bool interrupted();
// For tests.
void set_interrupted(bool value);

}  // namespace wattle
