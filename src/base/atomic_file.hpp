#pragma once
// Files are written whole: temporary file beside the target, fsync, rename, fsync of the folder.
// Killed or out of space at any point, the target is either the old file or the complete new one.
// What a killed process left beside the target is removed by the next one that writes it.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace wattle {

// Streams to a temporary file in the target's folder; nothing is visible before commit().
// Destroyed without commit(), it removes the temporary file. Not thread safe.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::filesystem::path& target);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  [[nodiscard]] Status write(std::string_view bytes);
  [[nodiscard]] Status write(std::span<const std::byte> bytes);
  [[nodiscard]] std::size_t bytes_written() const { return bytes_written_; }
  // Makes the file durable and visible under the target's name.
  [[nodiscard]] Status commit();

 private:
  AtomicFile(int fd, std::filesystem::path temporary, std::filesystem::path target);
  int fd_;
  std::filesystem::path temporary_;
  std::filesystem::path target_;
  std::size_t bytes_written_ = 0;
};

[[nodiscard]] Status write_file_atomically(const std::filesystem::path& target,
                                           std::string_view bytes);

// Whole file into memory, at most `limit` bytes.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t limit = std::size_t{1} << 30);

}  // namespace wattle
