#pragma once
// The end of a text file that another program goes on writing. Copes with a last line that is not
// whole yet, with a file that is cut short or replaced (log rotation), and with one that is not
// there for a while. Not thread safe.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace wattle::sense {

class FollowedFile {
 public:
  // `path` is taken as it is, not below a root: the user named it.
  FollowedFile(std::filesystem::path path, const Clock& clock);
  ~FollowedFile();
  FollowedFile(const FollowedFile&) = delete;
  FollowedFile& operator=(const FollowedFile&) = delete;

  struct Lines {
    std::vector<std::string> lines;  // whole ones, without their ends
    bool first = false;  // the first of them is the first of the file: opened or replaced just now
    bool skipped = false;  // some before them were left out: more had come than is read at once
  };
  // What has come since the last call; the first call gives the file's first line, then its last
  // 64 KiB. Errors: not_found, permission_denied, io; out_of_range for a line beyond 64 KiB (it is
  // left out).
  [[nodiscard]] Result<Lines> poll();

  // Seconds since something last came: on the monotonic clock, and before the first poll by the
  // file's time of change. Large where the file was never there.
  [[nodiscard]] double idle_s() const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  [[nodiscard]] Status open(Lines& lines);
  [[nodiscard]] Status read_to_end(Lines& lines);
  [[nodiscard]] bool replaced() const;
  void close();
  Status take_lines(Lines& lines);

  std::filesystem::path path_;
  const Clock& clock_;
  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  off_t offset_ = 0;
  bool drop_first_ = false;  // started in the middle of a line
  std::string buffer_;
  std::int64_t last_growth_ns_;
};

}  // namespace wattle::sense
