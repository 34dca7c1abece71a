#include "sense/process.hpp"

#include <fmt/format.h>

#include <utility>

namespace wattle::sense {

Process::Process(FsRoot root, int pid)
    : root_(std::move(root)),
      folder_(pid == 0 ? "/proc/self" : fmt::format("/proc/{}", pid)),
      scope_(pid == 0 ? "this process" : fmt::format("process {}", pid)) {}

Error Process::ended() const {
  return {ErrorCode::not_found, scope_ + " has ended", "Name a process that runs."};
}

Result<ProcessStat> Process::stat() {
  const std::string file = folder_ + "/stat";
  const auto text = root_.read_text(file);
  if (!text && known_ && !root_.exists(folder_)) return std::unexpected(ended());
  if (!text && text.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found,
                fmt::format("{} is not below {}", scope_, root_.resolve("/proc").string()),
                "Name a process that runs; a recorded tree has none.");
  }
  if (!text) return std::unexpected(text.error());
  WATTLE_TRY(const ProcessStat now, parse_process_stat(*text, root_.resolve(file).string()));
  const bool other = known_ && now.start_ticks != start_ticks_;
  if (other || now.state == 'Z' || now.state == 'X') return std::unexpected(ended());
  start_ticks_ = now.start_ticks;
  known_ = true;
  return now;
}

Result<std::string> Process::text(const std::string& file) {
  WATTLE_TRY(const ProcessStat alive, stat());
  (void)alive;
  return root_.read_text(folder_ + "/" + file);
}

}  // namespace wattle::sense
