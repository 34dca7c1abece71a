#include "cli/held_command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <utility>

extern char** environ;

namespace wattle::cli {
namespace {

constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGHUP, SIGCHLD};

// A pipe and not a blocked mask: libraries have threads of their own, to which the kernel may give
// a signal.
std::atomic<int> g_write_end{-1};

struct Taken {
  int signal_number = 0;
  bool from_terminal = false;
};

void on_signal(int signal_number, siginfo_t* info, void* /*context*/) {
  const int error_number = errno;
  const Taken taken{signal_number, info->si_code == SI_KERNEL};
  (void)!::write(g_write_end.load(), &taken, sizeof taken);
  errno = error_number;
}

// Waits at most so long; signal 0 if none came.
Taken next_signal(int fd, int timeout_ms) {
  pollfd waiting{fd, POLLIN, 0};
  Taken taken;
  if (::poll(&waiting, 1, timeout_ms) <= 0) return {};
  if (::read(fd, &taken, sizeof taken) != static_cast<ssize_t>(sizeof taken)) return {};
  return taken;
}

Result<pid_t> spawn(const std::vector<std::string>& argv) {
  std::vector<std::string> arguments = argv;
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t ignored_by_us;
  sigemptyset(&ignored_by_us);
  sigaddset(&ignored_by_us, SIGPIPE);
  sigaddset(&ignored_by_us, SIGXFSZ);
  posix_spawnattr_setsigdefault(&attributes, &ignored_by_us);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, pointers[0], nullptr, &attributes, pointers.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail_errno(error, "cannot run " + argv[0]);
  return child;
}

}  // namespace

Result<HeldSignals> HeldSignals::take() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail_errno(errno, "cannot make a pipe");
  }
  g_write_end = ends[1];
  HeldSignals signals(ends[0]);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &signals.before_[i]);
    if (kSignals[i] == SIGHUP && signals.before_[i].sa_handler == SIG_IGN) continue;  // nohup
    struct sigaction action{};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    ::sigaction(kSignals[i], &action, nullptr);
  }
  return signals;
}

HeldSignals::HeldSignals(HeldSignals&& other) noexcept
    : read_end_(std::exchange(other.read_end_, -1)), before_(other.before_) {}

HeldSignals::~HeldSignals() {
  if (read_end_ < 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  ::close(g_write_end.exchange(-1));
  ::close(read_end_);
}

int HeldSignals::wait(std::optional<double> seconds) const {
  using Clock = std::chrono::steady_clock;
  constexpr double kLongest_s = 3600.0;
  const auto begin = Clock::now();
  while (true) {
    double left_s = kLongest_s;
    if (seconds) {
      left_s = *seconds - std::chrono::duration<double>(Clock::now() - begin).count();
      if (left_s <= 0.0) return 0;
    }
    const Taken taken =
        next_signal(read_end_, static_cast<int>(std::ceil(std::min(left_s, kLongest_s) * 1000.0)));
    if (taken.signal_number != 0 && taken.signal_number != SIGCHLD) return taken.signal_number;
  }
}

Result<int> HeldSignals::run(const std::vector<std::string>& argv) const {
  WATTLE_TRY(const pid_t child, spawn(argv));
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) != child) {
    const Taken taken = next_signal(read_end_, 1000);
    if (taken.signal_number == 0 || taken.signal_number == SIGCHLD) continue;
    if (!taken.from_terminal) ::kill(child, taken.signal_number);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace wattle::cli
