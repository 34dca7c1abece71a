#pragma once
// Starts the built `wattle` program as a user would and collects what it says.

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <vector>

namespace wattle::e2e {

struct Outcome {
  int exit_code = -1;  // 128 + signal if it was killed
  std::string out;
  std::string err;
};

// Runs WATTLE_PROGRAM with `arguments`; `input` is its standard input.
inline Outcome run_wattle(const std::vector<std::string>& arguments,
                          const std::string& input = {}) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0 ||
      pipe2(err.data(), O_CLOEXEC) != 0) {
    return {};
  }
  // A program that ends without reading its input must not take the tests along.
  std::signal(SIGPIPE, SIG_IGN);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGPIPE, SIG_DFL);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    std::vector<char*> argv;
    std::string program = WATTLE_PROGRAM;
    argv.push_back(program.data());
    std::vector<std::string> copies = arguments;
    for (auto& copy : copies) argv.push_back(copy.data());
    argv.push_back(nullptr);
    execv(WATTLE_PROGRAM, argv.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  Outcome outcome;
  std::size_t written = 0;
  std::array<pollfd, 3> fds{{{in[1], POLLOUT, 0}, {out[0], POLLIN, 0}, {err[0], POLLIN, 0}}};
  if (input.empty()) {
    close(in[1]);
    fds[0].fd = -1;
  }
  std::array<char, 65536> buffer{};
  while (fds[1].fd >= 0 || fds[2].fd >= 0) {
    poll(fds.data(), fds.size(), -1);
    if (fds[0].fd >= 0 && fds[0].revents != 0) {
      const std::size_t piece = std::min<std::size_t>(input.size() - written, 4096);
      const ssize_t n = write(in[1], input.data() + written, piece);
      if (n > 0) written += static_cast<std::size_t>(n);
      if (n < 0 || written == input.size()) {
        close(in[1]);
        fds[0].fd = -1;
      }
    }
    for (const int stream : {1, 2}) {
      auto& fd = fds[static_cast<std::size_t>(stream)];
      if (fd.fd < 0 || fd.revents == 0) continue;
      const ssize_t n = read(fd.fd, buffer.data(), buffer.size());
      if (n > 0) {
        (stream == 1 ? outcome.out : outcome.err)
            .append(buffer.data(), static_cast<std::size_t>(n));
      } else {
        close(fd.fd);
        fd.fd = -1;
      }
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

}  // namespace wattle::e2e
