#include "control/virtual_tree.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace wattle::control {
namespace {

constexpr std::string_view kMarkerText =
    "This folder is a device simulated by wattle. Nothing in it is measured. It may be deleted.\n";
// Outside the folders that readers list.
constexpr const char* kTemporary = "/.wattle-virtual-device.tmp";
constexpr std::array kOurs{"/sys", "/proc", "/usr", "/var", kTemporary};

std::unexpected<Error> failed(const std::error_code& error, const std::string& what) {
  return fail_errno(error.value(), what);
}

Status check_ownership(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return failed(error, "cannot create " + folder.string());
  const bool empty = std::filesystem::is_empty(folder, error);
  if (error) return failed(error, "cannot use " + folder.string());
  const auto marker = std::filesystem::symlink_status(folder / kVirtualMarker, error);
  if (empty || std::filesystem::is_regular_file(marker)) return {};
  return fail(ErrorCode::invalid_argument,
              folder.string() + " is not empty and holds no virtual device",
              "Name a new folder: what is in this one will not be touched.");
}

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

// As atomic as a rename over the target; but ext4 writes a renamed file to the disk at once, and
// waits for that, many times a second. An exchanged one it does not.
int take_place(const std::filesystem::path& temporary, const std::filesystem::path& target) {
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    return 0;
  }
  return ::rename(temporary.c_str(), target.c_str()) == 0 ? 0 : errno;
}

}  // namespace

Result<VirtualTree> VirtualTree::claim(const std::filesystem::path& folder) {
  WATTLE_CHECK(check_ownership(folder));
  const auto marker = folder / kVirtualMarker;
  const int fd = ::open(marker.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return fail_errno(errno, "cannot write " + marker.string());
  VirtualTree tree(folder, fd);
  struct stat status{};
  // Removed between open and lock: another device was just ending.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 || ::fstat(fd, &status) != 0 || status.st_nlink == 0) {
    return fail(ErrorCode::unavailable, "another virtual device drives " + folder.string(),
                "End it first, or name another folder.");
  }
  if (status.st_size == 0) {
    if (const int error_number = write_all(fd, kMarkerText); error_number != 0) {
      return fail_errno(error_number, "cannot write " + marker.string());
    }
  }
  WATTLE_CHECK(tree.clear());
  return tree;
}

VirtualTree::VirtualTree(const std::filesystem::path& folder, int lock)
    : root_(folder), lock_(lock) {}

VirtualTree::VirtualTree(VirtualTree&& other) noexcept
    : root_(std::move(other.root_)),
      lock_(std::exchange(other.lock_, -1)),
      written_(std::move(other.written_)) {}

VirtualTree::~VirtualTree() {
  if (lock_ >= 0) ::close(lock_);
}

Status VirtualTree::make_parent(const std::string& path) const {
  std::error_code error;
  const auto folder = root_.resolve(path).parent_path();
  std::filesystem::create_directories(folder, error);
  if (error) return failed(error, "cannot create " + folder.string());
  return {};
}

Status VirtualTree::replace(const std::string& path, std::string_view text, unsigned mode) {
  const auto target = root_.resolve(path);
  const auto temporary = root_.resolve(kTemporary);
  const std::string what = "cannot write " + target.string();
  ::unlink(temporary.c_str());
  const int fd =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, static_cast<mode_t>(mode));
  if (fd < 0) return fail_errno(errno, what);
  int error_number = write_all(fd, text);
  if (::close(fd) != 0 && error_number == 0) error_number = errno;
  if (error_number == 0) error_number = take_place(temporary, target);
  ::unlink(temporary.c_str());
  if (error_number != 0) return fail_errno(error_number, what);
  return {};
}

Status VirtualTree::write(const std::string& path, std::string_view text) {
  const auto found = written_.find(path);
  if (found != written_.end() && found->second == text) return {};
  if (found == written_.end()) WATTLE_CHECK(make_parent(path));
  WATTLE_CHECK(replace(path, text, 0644));
  written_[path] = text;
  return {};
}

Status VirtualTree::write_program(const std::string& path, std::string_view text) {
  WATTLE_CHECK(make_parent(path));
  return replace(path, text, 0755);
}

Status VirtualTree::link(const std::string& path, const std::string& target) {
  WATTLE_CHECK(make_parent(path));
  const auto parent = std::filesystem::path(path).parent_path();
  const auto relative = std::filesystem::path(target).lexically_relative(parent);
  std::error_code error;
  std::filesystem::create_symlink(relative, root_.resolve(path), error);
  if (error) return failed(error, "cannot link " + root_.resolve(path).string());
  return {};
}

Status VirtualTree::clear() const {
  for (const char* name : kOurs) {
    std::error_code error;
    std::filesystem::remove_all(root_.resolve(name), error);
    if (error) return failed(error, "cannot empty " + root_.resolve(name).string());
  }
  return {};
}

Status VirtualTree::remove() {
  WATTLE_CHECK(clear());
  const auto marker = root_.root() / kVirtualMarker;
  if (::unlink(marker.c_str()) != 0) return fail_errno(errno, "cannot remove " + marker.string());
  ::rmdir(root_.root().c_str());  // fails where somebody put a file of their own
  return {};
}

}  // namespace wattle::control
