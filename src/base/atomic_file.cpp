#include "base/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/fs_root.hpp"

namespace wattle {
namespace {
constexpr std::string_view kSuffix = ".tmp";
constexpr std::size_t kRandomLetters = 6;
constexpr auto kSurelyLocked = std::chrono::seconds(10);  // a new file is locked well before

// A process that was killed leaves its temporary file, whose lock is gone with it.
void remove_abandoned(const std::filesystem::path& target) {
  const std::string begin = target.filename().string() + ".";
  const auto folder = target.has_parent_path() ? target.parent_path() : ".";
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.size() != begin.size() + kRandomLetters + kSuffix.size() || !name.starts_with(begin) ||
        !name.ends_with(kSuffix)) {
      continue;
    }
    std::error_code ignored;
    const auto written = entry->last_write_time(ignored);
    if (ignored || written > std::filesystem::file_time_type::clock::now() - kSurelyLocked) {
      continue;
    }
    const int fd = ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    ::close(fd);
  }
}
}  // namespace

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& target) {
  std::error_code ignored;
  if (std::filesystem::is_directory(target, ignored)) {
    return fail_errno(EISDIR, "cannot write " + target.string());
  }
  remove_abandoned(target);
  std::string pattern =
      target.string() + "." + std::string(kRandomLetters, 'X') + std::string(kSuffix);
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  const int fd = ::mkostemps(name.data(), static_cast<int>(kSuffix.size()), O_CLOEXEC);
  if (fd < 0) return fail_errno(errno, "cannot write " + target.string());
  ::flock(fd, LOCK_EX | LOCK_NB);
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
