#include "base/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace wattle {

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const std::string what = "cannot open " + path.string();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail_errno(errno, what);
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    const int error_number = errno;
    ::close(fd);
    return fail_errno(error_number, what);
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(fd);
    return fail(ErrorCode::invalid_argument, what + ": it is not a regular file",
                "Name a model file.");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) {
    ::close(fd);
    return MappedFile(nullptr, 0, path);
  }
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int error_number = errno;
  ::close(fd);
  if (data == MAP_FAILED) return fail_errno(error_number, "cannot map " + path.string());
  return MappedFile(static_cast<const std::byte*>(data), size, path);
}

MappedFile::MappedFile(const std::byte* data, std::size_t size, std::filesystem::path path)
    : data_(data), size_(size), path_(std::move(path)) {}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace wattle
