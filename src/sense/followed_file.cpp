#include "sense/followed_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace wattle::sense {
namespace {

constexpr off_t kTail = off_t{64} << 10;
constexpr off_t kMostAtOnce = off_t{4} << 20;
constexpr std::size_t kLongestLine = std::size_t{64} << 10;
constexpr std::int64_t kNeverNs = std::int64_t{1'000'000'000} * 1'000'000'000;

Result<ssize_t> read_at(int fd, char* data, std::size_t size, off_t offset,
                        const std::filesystem::path& path) {
  while (true) {
    const ssize_t n = ::pread(fd, data, size, offset);
    if (n >= 0) return n;
    if (errno != EINTR) return fail_errno(errno, "cannot read " + path.string());
  }
}

std::string without_return(std::string line) {
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace

FollowedFile::FollowedFile(std::filesystem::path path, const Clock& clock)
    : path_(std::move(path)), clock_(clock), last_growth_ns_(clock.monotonic_ns() - kNeverNs) {}

FollowedFile::~FollowedFile() {
  close();
}

void FollowedFile::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  buffer_.clear();
}

double FollowedFile::idle_s() const {
  return static_cast<double>(clock_.monotonic_ns() - last_growth_ns_) * 1e-9;
}

// Another file under the same name, or none: what the old one still held has been read before.
bool FollowedFile::replaced() const {
  struct stat named{};
  struct stat opened{};
  if (::stat(path_.c_str(), &named) != 0 || ::fstat(fd_, &opened) != 0) return true;
  return named.st_dev != device_ || named.st_ino != inode_ || opened.st_size < offset_;
}

Status FollowedFile::open(Lines& lines) {
  close();
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) return fail_errno(errno, "cannot read " + path_.string());
  struct stat status{};
  if (::fstat(fd_, &status) != 0) return fail_errno(errno, "cannot read " + path_.string());
  if (!S_ISREG(status.st_mode)) {
    close();
    return fail(ErrorCode::invalid_argument, path_.string() + " is no ordinary file",
                "Let the program write to a file, and name that.");
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
  offset_ = 0;
  drop_first_ = false;
  const std::int64_t changed_ns =
      static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
  last_growth_ns_ =
      clock_.monotonic_ns() - std::max<std::int64_t>(clock_.wall_ns() - changed_ns, 0);
  lines.first = true;
  if (status.st_size <= 2 * kTail) return {};
  std::string head(kLongestLine, '\0');
  WATTLE_TRY(const ssize_t n, read_at(fd_, head.data(), head.size(), 0, path_));
  const auto end = std::string_view(head.data(), static_cast<std::size_t>(n)).find('\n');
  if (end != std::string::npos) lines.lines.push_back(without_return(head.substr(0, end)));
  offset_ = status.st_size - kTail;
  drop_first_ = true;
  return {};
}

Status FollowedFile::take_lines(Lines& lines) {
  std::size_t start = 0;
  bool too_long = false;
  while (true) {
    const auto end = buffer_.find('\n', start);
    if (end == std::string::npos) break;
    if (end - start > kLongestLine) {
      too_long = true;
    } else if (!std::exchange(drop_first_, false)) {
      lines.lines.push_back(without_return(buffer_.substr(start, end - start)));
    }
    start = end + 1;
  }
  buffer_.erase(0, start);
  if (buffer_.size() > kLongestLine) {
    too_long = true;
    buffer_.clear();
    drop_first_ = true;
  }
  if (!too_long) return {};
  return fail(ErrorCode::out_of_range, path_.string() + " has a line of more than 64 KiB",
              "Check that it is the right file.");
}

Status FollowedFile::read_to_end(Lines& lines) {
  struct stat status{};
  if (::fstat(fd_, &status) == 0 && status.st_size - offset_ > kMostAtOnce) {
    offset_ = status.st_size - kTail;
    buffer_.clear();
    drop_first_ = true;
    lines.skipped = true;
  }
  std::array<char, 16384> chunk;
  Status result;
  for (off_t total = 0; total < kMostAtOnce;) {
    WATTLE_TRY(const ssize_t n, read_at(fd_, chunk.data(), chunk.size(), offset_, path_));
    if (n == 0) break;
    // The time of the first content is the file's own time of change.
    if (!lines.first) last_growth_ns_ = clock_.monotonic_ns();
    offset_ += n;
    total += n;
    buffer_.append(chunk.data(), static_cast<std::size_t>(n));
    if (auto taken = take_lines(lines); !taken) result = std::move(taken);
  }
  return result;
}

Result<FollowedFile::Lines> FollowedFile::poll() {
  Lines lines;
  if (fd_ >= 0) {
    WATTLE_CHECK(read_to_end(lines));
    if (!replaced() || !lines.lines.empty()) return lines;
  }
  WATTLE_CHECK(open(lines));
  WATTLE_CHECK(read_to_end(lines));
  return lines;
}

}  // namespace wattle::sense
