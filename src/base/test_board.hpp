#pragma once
// For tests: a board of tests/fixtures/sysroots copied into a temporary folder, where its files can
// be changed, removed or made unreadable while sensors and actuators use them.

#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/fs_root.hpp"
#include "base/test_folder.hpp"
#include "wattle_folders.hpp"

namespace wattle {

class TestBoard {
 public:
  explicit TestBoard(const std::string& board) {
    std::filesystem::copy(
        std::filesystem::path(WATTLE_SOURCE_DIR) / "tests/fixtures/sysroots" / board,
        folder_.path(),
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  }
  void set(const std::string& path, const std::string& text) const {
    folder_.write(path.substr(1), text);
  }
  void remove(const std::string& path) const {
    std::filesystem::remove_all(folder_.path() / path.substr(1));
  }
  // What root-only looks like to an ordinary user.
  void forbid(const std::string& path) const {
    ::chmod(folder_.path().c_str(), 0755);
    ::chmod((folder_.path() / path.substr(1)).c_str(), 0);
  }
  [[nodiscard]] FsRoot root() const { return FsRoot(folder_.path()); }

 private:
  TestFolder folder_;
};

// Root reads everything; while this lives, the calling thread opens files as an ordinary user.
class OrdinaryUser {
 public:
  OrdinaryUser() {
    if (::geteuid() == 0) ::setfsuid(kNobody);
  }
  ~OrdinaryUser() { ::setfsuid(::geteuid()); }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
};

}  // namespace wattle
