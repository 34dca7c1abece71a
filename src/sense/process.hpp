#pragma once
// The process whose memory and time the gauges read.

#include <functional>
#include <memory>
#include <string>

#include "base/fs_root.hpp"
#include "sense/process_stat.hpp"

namespace wattle::sense {

class Process {
 public:
  // pid 0: this process, /proc/self.
  Process(FsRoot root, int pid);

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const std::string& scope() const { return scope_; }  // "this process"
  // An ended process is `not_found`, also where its number was given to another one.
  [[nodiscard]] Result<ProcessStat> stat();
  // A text of its folder ("status"), with the same check.
  [[nodiscard]] Result<std::string> text(const std::string& file);

 private:
  [[nodiscard]] Error ended() const;
  FsRoot root_;
  std::string folder_;
  std::string scope_;
  std::uint64_t start_ticks_ = 0;
  bool known_ = false;
};

}  // namespace wattle::sense
