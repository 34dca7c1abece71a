#include "base/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/fs_root.hpp"

namespace wattle {

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& target) {
  std::error_code ignored;
  if (std::filesystem::is_directory(target, ignored)) {
    return fail_errno(EISDIR, "cannot write " + target.string());
  }
  std::string pattern = target.string() + ".XXXXXX.tmp";
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  const int fd = ::mkostemps(name.data(), 4, O_CLOEXEC);
  if (fd < 0) return fail_errno(errno, "cannot write " + target.string());
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd, 0666 & ~mask);
  return AtomicFile(fd, name.data(), target);
}

AtomicFile::AtomicFile(int fd, std::filesystem::path temporary, std::filesystem::path target)
    : fd_(fd), temporary_(std::move(temporary)), target_(std::move(target)) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      temporary_(std::move(other.temporary_)),
      target_(std::move(other.target_)),
      bytes_written_(other.bytes_written_) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "cannot write " + target_.string());
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    bytes_written_ += static_cast<std::size_t>(n);
  }
  return {};
}

Status AtomicFile::write(std::string_view bytes) {
  return write(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

Status AtomicFile::commit() {
  if (::fsync(fd_) != 0) return fail_errno(errno, "cannot write " + target_.string());
  if (::close(std::exchange(fd_, -1)) != 0) {
    const int error_number = errno;
    ::unlink(temporary_.c_str());
    return fail_errno(error_number, "cannot write " + target_.string());
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error_number = errno;
    ::unlink(temporary_.c_str());
    return fail_errno(error_number, "cannot write " + target_.string());
  }
  const auto folder = target_.has_parent_path() ? target_.parent_path() : ".";
  const int folder_fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd >= 0) {
    ::fsync(folder_fd);
    ::close(folder_fd);
  }
  return {};
}

Status write_file_atomically(const std::filesystem::path& target, std::string_view bytes) {
  WATTLE_TRY(AtomicFile file, AtomicFile::create(target));
  WATTLE_CHECK(file.write(bytes));
  return file.commit();
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return fail_errno(EISDIR, "cannot read " + path.string());
  }
  return FsRoot("/").read_text(std::filesystem::absolute(path).string(), limit);
}

}  // namespace wattle
