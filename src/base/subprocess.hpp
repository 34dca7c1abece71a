#pragma once
// Programs as an argument: like every path, a program is looked up below a root, so that a recorded
// or simulated tree brings its own tools (a script in usr/bin) and the host's never answer for it.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fs_root.hpp"
#include "base/result.hpp"

namespace wattle {

// Below "/": in the folders of $PATH and in /usr/sbin, /sbin. Below another root: in its usr/bin,
// usr/sbin, usr/local/bin, bin, sbin. `unavailable` if it is in none of them.
[[nodiscard]] Result<std::filesystem::path> find_program(const FsRoot& root, std::string_view name);

struct CommandOptions {
  double timeout_s = 10.0;       // then it is killed: `unavailable`
  std::size_t limit = 1U << 20;  // bytes of output; more is `out_of_range`
};

struct CommandOutput {
  int exit_code = 0;  // 128 + signal if it was killed
  std::string out;
  std::string err;
};

// Runs argv[0] (a name, see find_program) to its end, without a shell and without standard input.
// The variable WATTLE_ROOT names the root, for scripts in a tree. An exit code other than 0 is no
// error here.
[[nodiscard]] Result<CommandOutput> run_command(const FsRoot& root,
                                                const std::vector<std::string>& argv,
                                                const CommandOptions& options = {});

// A program that goes on printing lines. Ended (SIGTERM, then SIGKILL) when this goes. Not thread
// safe.
class LineProcess {
 public:
  [[nodiscard]] static Result<LineProcess> start(const FsRoot& root,
                                                 const std::vector<std::string>& argv);
  LineProcess(LineProcess&& other) noexcept;
  LineProcess& operator=(LineProcess&&) = delete;
  ~LineProcess();

  // The next whole line without its end, waiting at most timeout_s (0: only what is there). Empty:
  // none yet. `unavailable` once the program has ended and all its lines are read; `out_of_range`
  // if a line is longer than 64 KiB.
  [[nodiscard]] Result<std::optional<std::string>> next_line(double timeout_s);

 private:
  LineProcess(pid_t child, int fd, std::string name);
  pid_t child_;
  int fd_;
  std::string name_;
  std::string buffer_;
  bool at_end_ = false;
};

}  // namespace wattle
