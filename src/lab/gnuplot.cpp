#include "lab/gnuplot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"

extern char** environ;

namespace wattle::lab {
namespace {

constexpr std::int64_t kLimitNs = 30'000'000'000;
constexpr const char* kRemedy = "Install it (Debian: gnuplot-nox) and run `wattle lab report`.";

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "wattle-figure-XXXXXX");
    if (!error && ::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Result<int> wait_for(pid_t child) {
  SystemClock clock;
  const std::int64_t end_ns = clock.monotonic_ns() + kLimitNs;
  int status = 0;
  while (true) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) return fail_errno(errno, "cannot wait for gnuplot");
    if (clock.monotonic_ns() > end_ns) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return fail(ErrorCode::unavailable, "gnuplot did not finish a figure within 30 s");
    }
    ::poll(nullptr, 0, 5);
  }
}

Result<std::string> render(const std::string& script) {
  const TemporaryFolder folder;
  if (folder.path().empty()) return fail_errno(errno, "cannot create a temporary folder");
  const std::string script_file = folder.path() / "figure.gp";
  const std::string log_file = folder.path() / "log.txt";
  const std::string svg_file = folder.path() / "figure.svg";
  WATTLE_CHECK(write_file_atomically(script_file, fmt::format("set output {}\n{}\nunset output\n",
                                                              gnuplot_quote(svg_file), script)));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log_file.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::string program = "gnuplot";
  std::string argument = script_file;
  std::array<char*, 3> argv = {program.data(), argument.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "gnuplot", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(ErrorCode::unavailable, "gnuplot is not installed", kRemedy);
  WATTLE_TRY(const int status, wait_for(child));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const auto log = read_file(log_file, 1 << 16);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
      return fail(ErrorCode::unavailable, "gnuplot is not installed", kRemedy);
    }
    return fail(ErrorCode::internal, fmt::format("gnuplot could not draw a figure: {}",
                                                 log.value_or("").substr(0, 500)));
  }
  return read_file(svg_file, 64U << 20);
}

}  // namespace

Renderer gnuplot_renderer() {
  return render;
}

std::string gnuplot_quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '`' || c == 0x7F) {
      quoted += ' ';
    } else if (c == '\'') {
      quoted += "''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace wattle::lab
