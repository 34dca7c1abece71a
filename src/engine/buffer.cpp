#include "engine/buffer.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace wattle::engine {

Result<Buffer> Buffer::create(std::size_t bytes, const std::string& purpose,
                              const std::string& remedy) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  // The system would hand out more addresses than it has memory, and kill the process later.
  const auto physical = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* data = MAP_FAILED;
  if (bytes <= physical) {
    data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  if (data == MAP_FAILED) {
    return fail(
        ErrorCode::resource_exhausted,
        fmt::format("cannot reserve {:.1f} GB for {}: this machine has {:.1f} GB",
                    static_cast<double>(bytes) / 1e9, purpose, static_cast<double>(physical) / 1e9),
        remedy);
  }
#if defined(MADV_HUGEPAGE)
  if (bytes >= (std::size_t{4} << 20U)) ::madvise(data, bytes, MADV_HUGEPAGE);
#endif
  buffer.data_ = static_cast<std::byte*>(data);
  buffer.size_ = bytes;
  return buffer;
}

Buffer::~Buffer() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

std::size_t saturating_product(std::size_t a, std::size_t b) {
  std::size_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

}  // namespace wattle::engine
