#include "base/polled_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace wattle {
namespace {

constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kOneNumber = 64;

// Its name now belongs to another file, or to none.
bool is_unlinked(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) != 0 || status.st_nlink == 0;
}

}  // namespace

PolledFile::PolledFile(FsRoot root, std::string absolute_path, std::size_t limit)
    : path_(root.resolve(absolute_path).string()), limit_(limit) {}

PolledFile::PolledFile(PolledFile&& other) noexcept
    : path_(std::move(other.path_)),
      limit_(other.limit_),
      fd_(std::exchange(other.fd_, -1)),
      text_(std::move(other.text_)) {}

PolledFile::~PolledFile() {
  close();
}

void PolledFile::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Status PolledFile::open() {
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) return fail_errno(errno, "cannot read " + path_);
  return {};
}

int PolledFile::read_open_file() {
  std::size_t size = 0;
  text_.resize(std::max(text_.capacity(), kFirstBuffer));
  while (true) {
    if (size == text_.size()) {
      if (size > limit_) return EFBIG;
      text_.resize(2 * size);
    }
    const ssize_t n =
        ::pread(fd_, text_.data() + size, text_.size() - size, static_cast<off_t>(size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    size += static_cast<std::size_t>(n);
    // A number of sysfs comes in one piece, and asking for its end would cost a third of the time.
    if (n == 0 || (size <= kOneNumber && text_[size - 1] == '\n')) break;
  }
  text_.resize(size);
  return size > limit_ ? EFBIG : 0;
}

Result<std::string_view> PolledFile::read_text() {
  const bool was_open = fd_ >= 0 && !is_unlinked(fd_);
  if (!was_open) {
    close();
    WATTLE_CHECK(open());
  }
  int error = read_open_file();
  if (error != 0 && was_open) {  // the device may have come back under the same name
    close();
    WATTLE_CHECK(open());
    error = read_open_file();
  }
  if (error == EFBIG) {
    close();
    return fail(ErrorCode::out_of_range,
                path_ + " is larger than " + std::to_string(limit_) + " bytes");
  }
  if (error != 0) {
    close();
    return fail_errno(error, "cannot read " + path_);
  }
  return std::string_view(text_);
}

Result<std::int64_t> PolledFile::read_int() {
  WATTLE_TRY(const std::string_view text, read_text());
  return parse_int(text, path_);
}

Result<std::uint64_t> PolledFile::read_uint() {
  WATTLE_TRY(const std::string_view text, read_text());
  return parse_uint(text, path_);
}

}  // namespace wattle
