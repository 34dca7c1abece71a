#include "base/interrupt.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>

namespace wattle {
namespace {
std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int signal_number) {
  if (g_interrupted.exchange(true)) _exit(128 + signal_number);
}
}  // namespace

void install_interrupt_handlers() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  sigaction(SIGXFSZ, &ignore, nullptr);  // write() then fails with EFBIG, which is an error value
}

bool interrupted() {
  return g_interrupted.load(std::memory_order_relaxed);
}
void set_interrupted(bool value) {
  g_interrupted = value;
}

}  // namespace wattle
