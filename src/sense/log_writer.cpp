#include "sense/log_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace wattle::sense {
namespace {
constexpr std::size_t kManyBytes = 1U << 16;
}  // namespace

LogFormat log_format_of_path(const std::filesystem::path& path) {
  const auto extension = path.extension();
  return extension == ".jsonl" || extension == ".ndjson" ? LogFormat::wattle_jsonl
                                                         : LogFormat::wattle_csv;
}

LogWriter::LogWriter(int fd, std::string name, LogFormat format)
    : fd_(fd), name_(std::move(name)), format_(format) {
  struct stat info{};
  regular_ = ::fstat(fd_, &info) == 0 && S_ISREG(info.st_mode);
  if (!regular_ || fd_ != STDOUT_FILENO) return;
  // `wattle ... >> file`: what stands there already is not ours to cut.
  const off_t end = ::lseek(fd_, 0, SEEK_CUR);
  written_ = end > 0 ? end : 0;
}

LogWriter::LogWriter(LogWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      name_(std::move(other.name_)),
      format_(other.format_),
      regular_(other.regular_),
      buffer_(std::move(other.buffer_)),
      written_(other.written_),
      n_rows_(other.n_rows_) {}

LogWriter::~LogWriter() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

Result<LogWriter> LogWriter::open(const std::filesystem::path& path,
                                  const LogFileOptions& options) {
  if (path == "-") return LogWriter(STDOUT_FILENO, "standard output", options.format);
  int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (options.overwrite ? O_TRUNC : O_EXCL);
  std::error_code ignored;
  const auto kind = std::filesystem::status(path, ignored).type();
  using Type = std::filesystem::file_type;
  // A pipe or a device is there to be written to.
  if (kind == Type::fifo || kind == Type::character || kind == Type::socket) {
    flags = O_WRONLY | O_CLOEXEC;
  }
  const int fd = ::open(path.c_str(), flags, 0666);
  if (fd < 0 && errno == EEXIST) {
    return fail(ErrorCode::invalid_argument, path.string() + " exists",
                "Choose another name, or replace it with --force.");
  }
  if (fd < 0) return fail_errno(errno, "cannot write " + path.string());
  return LogWriter(fd, path.string(), options.format);
}

Status LogWriter::header(const LogHeader& header) {
  buffer_ += header_text(format_, header);
  return flush();
}

Status LogWriter::row(const LogRow& row) {
  append_row(format_, row, buffer_);
  ++n_rows_;
  return buffer_.size() < kManyBytes ? Status() : flush();
}

Status LogWriter::flush() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int error = n < 0 ? errno : EIO;
      // Back to the last whole line; where that fails, readers see a line that is cut off.
      const auto whole = buffer_.rfind('\n', done == 0 ? 0 : done - 1);
      const auto kept = done == 0 || whole == std::string::npos ? 0 : whole + 1;
      if (regular_)
        (void)!::ftruncate(fd_, static_cast<off_t>(written_ + static_cast<std::int64_t>(kept)));
      buffer_.clear();
      return fail_errno(error, "cannot write " + name_);
    }
    done += static_cast<std::size_t>(n);
  }
  written_ += static_cast<std::int64_t>(buffer_.size());
  buffer_.clear();
  return {};
}

Status LogWriter::trailer(const Json& trailer) {
  buffer_ += trailer_text(format_, trailer);
  WATTLE_CHECK(flush());
  if (regular_ && ::fdatasync(fd_) != 0) return fail_errno(errno, "cannot write " + name_);
  return {};
}

}  // namespace wattle::sense
