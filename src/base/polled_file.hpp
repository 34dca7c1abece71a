#pragma once
// A small file of /proc or /sys that is read again and again: it stays open between two readings,
// which then cost two system calls without a path to look up. Opened anew when it was replaced,
// removed or its device has gone. Not thread safe.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fs_root.hpp"
#include "base/result.hpp"

namespace wattle {

class PolledFile {
 public:
  // Nothing is opened yet. `limit`: bytes; a larger file is an error.
  PolledFile(FsRoot root, std::string absolute_path, std::size_t limit = 1U << 20);
  PolledFile(PolledFile&& other) noexcept;
  PolledFile& operator=(PolledFile&&) = delete;
  ~PolledFile();

  // The whole file; valid until the next reading. Errors as FsRoot::read_text().
  [[nodiscard]] Result<std::string_view> read_text();
  // As FsRoot::read_int(), read_uint().
  [[nodiscard]] Result<std::int64_t> read_int();
  [[nodiscard]] Result<std::uint64_t> read_uint();

 private:
  [[nodiscard]] Status open();
  void close();
  [[nodiscard]] int read_open_file();  // 0 or errno; fills text_

  std::string path_;  // resolved
  std::size_t limit_;
  int fd_ = -1;
  std::string text_;
};

}  // namespace wattle
