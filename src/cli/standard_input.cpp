#include "cli/standard_input.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/interrupt.hpp"

namespace wattle::cli {
namespace {

constexpr std::size_t kLimit = std::size_t{64} << 20U;
constexpr int kPollMs = 100;

// Bytes appended; 0 at the end or when interrupted; −1 on error (errno).
ssize_t read_some(std::string& to) {
  std::array<char, 65536> bytes{};
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (!interrupted()) {
    const int ready = ::poll(&input, 1, kPollMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n > 0) to.append(bytes.data(), static_cast<std::size_t>(n));
    return n;
  }
  return 0;
}

}  // namespace

bool standard_input_is_terminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

Result<std::string> read_standard_input() {
  std::string text;
  for (ssize_t n = 1; n > 0;) {
    n = read_some(text);
    if (n < 0) return fail_errno(errno, "cannot read standard input");
    if (text.size() > kLimit) {
      return fail(ErrorCode::invalid_argument, "standard input is longer than 64 MB",
                  "Give a shorter prompt.");
    }
  }
  if (interrupted()) return fail(ErrorCode::cancelled, "interrupted");
  return text;
}

bool LineReader::next(std::string& line) {
  while (true) {
    const auto end = buffer_.find('\n');
    if (end != std::string::npos) {
      line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return true;
    }
    if (ended_ || buffer_.size() > kLimit) {
      line.swap(buffer_);
      buffer_.clear();
      return !line.empty();
    }
    if (read_some(buffer_) <= 0) {
      ended_ = true;
      if (interrupted()) return false;
    }
  }
}

}  // namespace wattle::cli
