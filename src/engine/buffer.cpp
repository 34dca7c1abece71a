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
  // Large buffers begin at a huge page; the addresses skipped for it are given back.
  constexpr std::size_t kHugePage = std::size_t{2} << 20U;
  const std::size_t skip = bytes >= 2 * kHugePage ? kHugePage : 0;
  void* data = MAP_FAILED;
  if (bytes <= physical) {
    data = ::mmap(nullptr, bytes + skip, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  if (data == MAP_FAILED) {
    return fail(
        ErrorCode::resource_exhausted,
        fmt::format("cannot reserve {:.1f} GB for {}: this machine has {:.1f} GB",
                    static_cast<double>(bytes) / 1e9, purpose, static_cast<double>(physical) / 1e9),
        remedy);
  }
  buffer.data_ = static_cast<std::byte*>(data);
  if (skip > 0) {
    const std::size_t before =
        (kHugePage - reinterpret_cast<std::uintptr_t>(data) % kHugePage) % kHugePage;
    if (before > 0) ::munmap(data, before);
    buffer.data_ += before;
    // Pages after the last: munmap takes whole pages only.
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t mapped = (bytes + page - 1) / page * page;
    const std::size_t total = (bytes + skip + page - 1) / page * page;
    if (before + mapped < total) ::munmap(buffer.data_ + mapped, total - before - mapped);
#if defined(MADV_HUGEPAGE)
    ::madvise(buffer.data_, bytes, MADV_HUGEPAGE);
#endif
  }
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
