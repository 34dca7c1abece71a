#pragma once
// A folder that stands in for the "/" of a machine and belongs to one process: claimed with a lock,
// marked, so that a folder of somebody else is never written or emptied, and written so that a
// reader never sees half a file.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/fs_root.hpp"
#include "base/result.hpp"

namespace wattle::control {

inline constexpr const char* kVirtualMarker = ".wattle-virtual-device";

// Not thread safe. The lock ends with the object, or with the process however it ends; the folder
// stays.
class VirtualTree {
 public:
  // Creates `folder`, or takes one that is empty or has the marker, and empties it: what an earlier
  // device (killed, perhaps) left. `invalid_argument` if it holds something else; `unavailable` if
  // another process drives it.
  [[nodiscard]] static Result<VirtualTree> claim(const std::filesystem::path& folder);
  VirtualTree(VirtualTree&& other) noexcept;
  VirtualTree& operator=(VirtualTree&&) = delete;
  ~VirtualTree();

  // Replaces the file, folders included, unless that text was the last written. On an error the
  // file is as it was.
  [[nodiscard]] Status write(const std::string& path, std::string_view text);
  // The same for a program.
  [[nodiscard]] Status write_program(const std::string& path, std::string_view text);
  // The next write() takes place even if the text is the same: somebody else wrote.
  void forget(const std::string& path) { written_.erase(path); }
  // `target` absolute below the root; the link itself is relative, so that the folder can be moved.
  [[nodiscard]] Status link(const std::string& path, const std::string& target);
  // Everything, the folder too where nothing of somebody else's is in it. The object is of no
  // further use.
  [[nodiscard]] Status remove();

  [[nodiscard]] const FsRoot& root() const { return root_; }

 private:
  VirtualTree(const std::filesystem::path& folder, int lock);
  [[nodiscard]] Status replace(const std::string& path, std::string_view text, unsigned mode);
  [[nodiscard]] Status make_parent(const std::string& path) const;
  [[nodiscard]] Status clear() const;
  FsRoot root_;
  int lock_;
  std::map<std::string, std::string> written_;
};

}  // namespace wattle::control
