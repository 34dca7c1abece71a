#include "base/subprocess.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <utility>

extern char** environ;

namespace wattle {
namespace {

constexpr std::size_t kLongestLine = std::size_t{64} << 10;
constexpr int kPatienceMs = 500;  // between SIGTERM and SIGKILL

using Deadline = std::chrono::steady_clock::time_point;

Deadline in_seconds(double seconds) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(
             std::chrono::duration<double>(std::max(seconds, 0.0)));
}

int ms_until(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

struct Pipe {
  std::array<int, 2> fd{-1, -1};
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  [[nodiscard]] bool open() { return ::pipe2(fd.data(), O_CLOEXEC) == 0; }
  void close_end(std::size_t end) {
    if (fd[end] >= 0) ::close(std::exchange(fd[end], -1));
  }
  [[nodiscard]] int release(std::size_t end) { return std::exchange(fd[end], -1); }
};

// A group of its own: Ctrl-C at the terminal is for us, and we end it.
Result<pid_t> spawn(const FsRoot& root, const std::vector<std::string>& argv, int out, int err) {
  if (argv.empty()) return fail(ErrorCode::invalid_argument, "no program was named");
  WATTLE_TRY(const auto program, find_program(root, argv[0]));
  std::vector<std::string> arguments = argv;
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::string our_root = "WATTLE_ROOT=" + root.root().string();
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("WATTLE_ROOT=")) environment.push_back(*variable);
  }
  environment.push_back(our_root.data());
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  if (err >= 0) {
    posix_spawn_file_actions_adddup2(&actions, err, 2);
  } else {
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t reset;
  sigemptyset(&reset);
  for (const int signal_number : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM}) {
    sigaddset(&reset, signal_number);
  }
  posix_spawnattr_setsigdefault(&attributes, &reset);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, &attributes, pointers.data(),
                                  environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail_errno(error, "cannot run " + program.string());
  return child;
}

void end_process(pid_t child) {
  ::kill(-child, SIGTERM);
  const Deadline deadline = in_seconds(kPatienceMs * 1e-3);
  while (::waitpid(child, nullptr, WNOHANG) == 0) {
    if (ms_until(deadline) == 0) {
      ::kill(-child, SIGKILL);
      while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
      }
      return;
    }
    ::poll(nullptr, 0, 2);
  }
}

// Reads what is there; false at the end.
bool append_some(int fd, std::string& text) {
  std::array<char, 8192> buffer;
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  text.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0;
}

bool is_program(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<std::filesystem::path> find_program(const FsRoot& root, std::string_view name) {
  if (name.empty() || name.find('/') != std::string_view::npos) {
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' is no program's name", name));
  }
  std::vector<std::string> folders;
  if (root.root() == "/") {
    const char* const path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
    while (!rest.empty()) {
      const auto end = std::min(rest.find(':'), rest.size());
      if (end > 0) folders.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    for (const char* folder : {"/usr/sbin", "/sbin"}) folders.emplace_back(folder);
  } else {
    for (const char* folder : {"/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin", "/sbin"}) {
      folders.push_back(root.resolve(folder).string());
    }
  }
  for (const std::string& folder : folders) {
    auto path = std::filesystem::path(folder) / name;
    if (is_program(path)) return path;
  }
  return fail(ErrorCode::unavailable,
              fmt::format("the program '{}' is not installed{}", name,
                          root.root() == "/" ? "" : " below " + root.root().string()));
}

Result<CommandOutput> run_command(const FsRoot& root, const std::vector<std::string>& argv,
                                  const CommandOptions& options) {
  Pipe out;
  Pipe err;
  if (!out.open() || !err.open()) return fail_errno(errno, "cannot make a pipe");
  WATTLE_TRY(const pid_t child, spawn(root, argv, out.fd[1], err.fd[1]));
  out.close_end(1);
  err.close_end(1);
  CommandOutput output;
  const Deadline deadline = in_seconds(options.timeout_s);
  std::array<pollfd, 2> fds{{{out.fd[0], POLLIN, 0}, {err.fd[0], POLLIN, 0}}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    const int left_ms = ms_until(deadline);
    if (left_ms == 0) {
      end_process(child);
      return fail(ErrorCode::unavailable, argv[0] + " did not finish in time");
    }
    ::poll(fds.data(), fds.size(), left_ms);
    for (const std::size_t k : {0U, 1U}) {
      if (fds[k].fd < 0 || fds[k].revents == 0) continue;
      if (!append_some(fds[k].fd, k == 0 ? output.out : output.err)) fds[k].fd = -1;
    }
    if (output.out.size() + output.err.size() > options.limit) {
      end_process(child);
      return fail(ErrorCode::out_of_range,
                  argv[0] + " printed more than " + std::to_string(options.limit) + " bytes");
    }
  }
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {  // closed its output, but goes on
    if (ms_until(deadline) == 0) {
      end_process(child);
      return fail(ErrorCode::unavailable, argv[0] + " did not finish in time");
    }
    ::poll(nullptr, 0, 1);
  }
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

Result<LineProcess> LineProcess::start(const FsRoot& root, const std::vector<std::string>& argv) {
  Pipe out;
  if (!out.open()) return fail_errno(errno, "cannot make a pipe");
  WATTLE_TRY(const pid_t child, spawn(root, argv, out.fd[1], -1));
  return LineProcess(child, out.release(0), argv[0]);
}

LineProcess::LineProcess(pid_t child, int fd, std::string name)
    : child_(child), fd_(fd), name_(std::move(name)) {}

LineProcess::LineProcess(LineProcess&& other) noexcept
    : child_(std::exchange(other.child_, -1)),
      fd_(std::exchange(other.fd_, -1)),
      name_(std::move(other.name_)),
      buffer_(std::move(other.buffer_)),
      at_end_(other.at_end_) {}

LineProcess::~LineProcess() {
  if (fd_ >= 0) ::close(fd_);
  if (child_ > 0) end_process(child_);
}

Result<std::optional<std::string>> LineProcess::next_line(double timeout_s) {
  const Deadline deadline = in_seconds(timeout_s);
  while (true) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    if (buffer_.size() > kLongestLine) {
      return fail(ErrorCode::out_of_range, name_ + " printed a line of more than 64 KiB");
    }
    if (at_end_) {
      if (!buffer_.empty()) return std::exchange(buffer_, {});
      return fail(ErrorCode::unavailable, name_ + " has ended");
    }
    pollfd waiting{fd_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, ms_until(deadline));
    if (ready == 0) return std::optional<std::string>{};
    if (ready < 0 && errno == EINTR) {
      if (ms_until(deadline) == 0) return std::optional<std::string>{};
      continue;
    }
    at_end_ = !append_some(fd_, buffer_);
  }
}

}  // namespace wattle
