#pragma once
// The parser behind GgufFile (internal). It walks the file once from its start; each read checks
// the bytes that are left first, and nothing is allocated before the file is known to hold it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "engine/gguf.hpp"

namespace wattle::engine {

// Limits of the format (docs/formats/gguf.md).
inline constexpr std::uint64_t kMaxKeyBytes = 65535;
inline constexpr std::uint64_t kMaxTensorNameBytes = 64;
inline constexpr std::uint32_t kMaxDimensions = 4;
[[nodiscard]] bool is_valid_alignment(std::uint64_t alignment);
// Limits of Wattle.
inline constexpr int kMaxArrayDepth = 4;
inline constexpr std::uint64_t kMaxArrayElements = std::uint64_t{1} << 26;

class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, std::string source)
      : bytes_(bytes), source_(std::move(source)) {}

  [[nodiscard]] Result<GgufFile> parse();

 private:
  [[nodiscard]] Status parse_header();
  [[nodiscard]] Status parse_metadata();
  [[nodiscard]] Status parse_tensor_table();
  [[nodiscard]] Status check_tensor_regions() const;

  [[nodiscard]] Result<GgufValue> parse_value(std::uint32_t type);
  [[nodiscard]] Result<GgufArray> parse_array(int depth);
  [[nodiscard]] Result<TensorInfo> parse_tensor();

  template <class T>
  [[nodiscard]] Result<T> read();
  [[nodiscard]] Result<std::string> read_string(std::uint64_t limit);
  template <class File, class Kept>
  [[nodiscard]] Status read_scalars(std::uint64_t count, GgufArray& array);
  // An error if fewer than count · size bytes are left.
  [[nodiscard]] Status require(std::uint64_t count, std::uint64_t size);

  [[nodiscard]] std::uint64_t left() const { return bytes_.size() - position_; }
  [[nodiscard]] std::unexpected<Error> truncated() const;
  [[nodiscard]] std::unexpected<Error> damaged(const std::string& what) const;

  std::span<const std::byte> bytes_;
  std::string source_;
  std::size_t position_ = 0;
  std::string place_;  // "the header", "key 'x'": what is being read, for errors
  std::uint64_t n_tensors_ = 0;
  std::uint64_t n_keys_ = 0;
  GgufFile file_;
};

// Outside text made fit for one line of an error: controls and invalid bytes escaped, shortened.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace wattle::engine
