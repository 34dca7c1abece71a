#include "actuate/knob_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace wattle::actuate {
namespace {

constexpr std::size_t kLongestJournal = 64UL << 10;

bool can_write(const std::filesystem::path& folder) {
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

// The value of a line "key value\n" at the beginning of text; removes the line.
std::optional<std::string> take_line(std::string_view& text, std::string_view key) {
  if (!text.starts_with(key)) return {};
  const auto end = text.find('\n');
  if (end == std::string_view::npos || end < key.size()) return {};
  std::string value(text.substr(key.size(), end - key.size()));
  text.remove_prefix(end + 1);
  return value;
}

std::optional<Journal> read_journal(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  while (text.size() < kLongestJournal) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  auto journal = parse_journal(text);
  if (!journal) return {};
  return *std::move(journal);
}

// A folder that a group may write is shared by it: so is what lies in it.
mode_t mode_in(const std::filesystem::path& folder) {
  struct stat status{};
  const bool shared = ::stat(folder.c_str(), &status) == 0 && (status.st_mode & S_IWGRP) != 0;
  return shared ? 0664 : 0644;
}

}  // namespace

std::filesystem::path default_state_folder(const FsRoot& root) {
  std::filesystem::path system = root.resolve("/run/wattle");
  if (root.root() != "/") return system;
  std::error_code ignored;
  if (can_write(system) ||
      (!std::filesystem::exists(system, ignored) && can_write(system.parent_path()))) {
    return system;
  }
  if (const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
      runtime != nullptr && can_write(runtime)) {
    return std::filesystem::path(runtime) / "wattle";
  }
  return fmt::format("/tmp/wattle-{}", ::geteuid());
}

Status prepare_state_folder(const std::filesystem::path& folder) {
  const std::string what = "cannot keep state in " + folder.string();
  std::error_code error;
  const bool shared = folder.filename() == "wattle";
  if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), shared ? 0755 : 0700) != 0 && errno != EEXIST) {
    auto failed = fail_errno(errno, what);
    failed.error().remedy = "Name a folder that you may write with --state-dir.";
    return failed;
  }
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return fail_errno(errno, what);
  if (!S_ISDIR(status.st_mode)) return fail_errno(ENOTDIR, what);
  const uid_t us = ::geteuid();
  if (us != 0 && status.st_uid != us && status.st_uid != 0) {
    return fail(ErrorCode::permission_denied, what + ": it belongs to another user",
                "Name a folder of your own with --state-dir.");
  }
  return {};
}

std::string journal_text(const Journal& journal) {
  std::string text = fmt::format("pid {}\n", journal.pid);
  if (!journal.got.empty()) text += fmt::format("got {}\n", journal.got);
  if (!journal.pending.empty()) text += fmt::format("pending {}\n", journal.pending);
  return text + "end\n";
}

Result<Journal> parse_journal(std::string_view text) {
  const auto bad = [] {
    return fail(ErrorCode::invalid_format, "the lock file does not say what was set");
  };
  Journal journal;
  const auto pid = take_line(text, "pid ");
  if (!pid) return bad();
  const auto [end, error] = std::from_chars(pid->data(), pid->data() + pid->size(), journal.pid);
  if (error != std::errc{} || end != pid->data() + pid->size() || journal.pid < 0) return bad();
  journal.got = take_line(text, "got ").value_or("");
  journal.pending = take_line(text, "pending ").value_or("");
  if (!text.starts_with("end\n")) return bad();  // what follows is left of a longer one
  return journal;
}

Result<KnobLock> KnobLock::acquire(const std::filesystem::path& folder, const std::string& knob) {
  WATTLE_CHECK(prepare_state_folder(folder));
  const auto path = folder / (knob + ".lock");
  const std::string what = "cannot lock " + knob;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) {
    auto failed = fail_errno(errno, what + ": " + path.string());
    failed.error().remedy = "Name a folder that you may write with --state-dir.";
    return failed;
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    ::fchmod(fd, mode_in(folder));
    return KnobLock(fd, path, read_journal(fd));
  }
  const int error_number = errno;
  const auto holder = read_journal(fd);
  ::close(fd);
  if (error_number != EWOULDBLOCK) return fail_errno(error_number, what + ": " + path.string());
  return fail(
      ErrorCode::unavailable,
      fmt::format("{} is driven by {}", knob,
                  holder ? fmt::format("process {}", holder->pid) : std::string("another process")),
      "Two drivers would undo each other: end that one first.");
}

KnobLock::KnobLock(int fd, std::filesystem::path path, std::optional<Journal> found)
    : fd_(fd), path_(std::move(path)), found_(std::move(found)) {}

KnobLock::KnobLock(KnobLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      found_(std::move(other.found_)) {}

KnobLock::~KnobLock() {
  if (fd_ >= 0) ::close(fd_);
}

Status KnobLock::note(const Journal& journal) {
  const std::string text = journal_text(journal);
  ssize_t n = -1;
  do {
    n = ::pwrite(fd_, text.data(), text.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return fail_errno(errno, "cannot write " + path_.string());
  if (static_cast<std::size_t>(n) != text.size()) {
    return fail_errno(ENOSPC, "cannot write " + path_.string());
  }
  return {};
}

void KnobLock::clear() {
  (void)::ftruncate(fd_, 0);
}

}  // namespace wattle::actuate
