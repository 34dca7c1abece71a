#pragma once
// Memory for weights, caches and scratch: zeroed, page-aligned, taken from the system only where
// it is touched, and in huge pages where the system offers them.

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "base/result.hpp"

namespace wattle::engine {

class Buffer {
 public:
  Buffer() = default;
  // `purpose` and `remedy` make the error: "cannot reserve 12.3 GB for the KV cache. <remedy>".
  static Result<Buffer> create(std::size_t bytes, const std::string& purpose,
                               const std::string& remedy);
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  template <class T>
  [[nodiscard]] T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// a·b; nullopt-like: SIZE_MAX if it overflows (which no Buffer can hold).
[[nodiscard]] std::size_t saturating_product(std::size_t a, std::size_t b);

}  // namespace wattle::engine
