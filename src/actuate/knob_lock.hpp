#pragma once
// One driver a knob: a lock that the kernel drops when the process ends, however it ends. The
// locked file says who holds it and what the knob was last set to, so that after a kill -9 it is
// known whether the present value is ours (docs/formats/actuator-state.md).

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/fs_root.hpp"
#include "base/result.hpp"

namespace wattle::actuate {

// Where locks and state files are: below another root its run/wattle; else /run/wattle if it can be
// written, $XDG_RUNTIME_DIR/wattle, /tmp/wattle-<uid>.
[[nodiscard]] std::filesystem::path default_state_folder(const FsRoot& root);

// Makes the folder. One that belongs to another ordinary user is `permission_denied`: who owns it
// could have values written that are not ours.
[[nodiscard]] Status prepare_state_folder(const std::filesystem::path& folder);

// What a driver last did.
struct Journal {
  int pid = 0;
  std::string got;      // read back after the last write; empty: nothing was written yet
  std::string pending;  // being written; empty unless the process ended in the midst of it
};
[[nodiscard]] std::string journal_text(const Journal& journal);
[[nodiscard]] Result<Journal> parse_journal(std::string_view text);

// Held until destroyed. Not thread safe.
class KnobLock {
 public:
  // `unavailable` if another process, or another session of this one, holds it: names its process.
  [[nodiscard]] static Result<KnobLock> acquire(const std::filesystem::path& folder,
                                                const std::string& knob);
  KnobLock(KnobLock&& other) noexcept;
  KnobLock& operator=(KnobLock&&) = delete;
  ~KnobLock();

  // What the file said when it was locked, if it could be understood.
  [[nodiscard]] const std::optional<Journal>& found() const { return found_; }
  // One write in place, without fsync: it must outlive the process, not the machine, since after a
  // boot nothing is restored.
  [[nodiscard]] Status note(const Journal& journal);
  void clear();  // nothing is set any more

 private:
  KnobLock(int fd, std::filesystem::path path, std::optional<Journal> found);
  int fd_;
  std::filesystem::path path_;
  std::optional<Journal> found_;
};

}  // namespace wattle::actuate
