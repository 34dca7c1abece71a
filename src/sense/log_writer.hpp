#pragma once
// Our log (wattle_log.hpp) into a file that is readable at every moment: whole lines only reach it,
// and what is written stays valid when the disk is full or the process is killed.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "sense/wattle_log.hpp"

namespace wattle::sense {

struct LogFileOptions {
  LogFormat format = LogFormat::wattle_csv;
  bool overwrite = false;  // else an existing file is `invalid_argument`
};

// Not thread safe. Lines wait in memory until flush() or until they are many.
class LogWriter {
 public:
  // "-" is standard output.
  [[nodiscard]] static Result<LogWriter> open(const std::filesystem::path& path,
                                              const LogFileOptions& options);
  LogWriter(LogWriter&& other) noexcept;
  LogWriter& operator=(LogWriter&&) = delete;
  ~LogWriter();

  [[nodiscard]] Status header(const LogHeader& header);
  [[nodiscard]] Status row(const LogRow& row);
  // To the kernel: a killed process loses nothing of it.
  [[nodiscard]] Status flush();
  // The last line; flushed, and to the disk.
  [[nodiscard]] Status trailer(const Json& trailer);

  [[nodiscard]] std::uint64_t rows() const { return n_rows_; }
  [[nodiscard]] LogFormat format() const { return format_; }

 private:
  LogWriter(int fd, std::string name, LogFormat format);
  int fd_;
  std::string name_;
  LogFormat format_;
  bool regular_ = false;
  std::string buffer_;
  std::int64_t written_ = 0;  // bytes of whole lines in the file
  std::uint64_t n_rows_ = 0;
};

// ".jsonl" and ".ndjson" are JSON lines, everything else is CSV.
[[nodiscard]] LogFormat log_format_of_path(const std::filesystem::path& path);

}  // namespace wattle::sense
