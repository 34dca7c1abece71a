#pragma once
// The filesystem as an argument. Every path of /proc and /sys is resolved below a root, so that a
// recorded tree can stand in for the machine ("/" by default).

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace wattle {

class FsRoot {
 public:
  explicit FsRoot(std::filesystem::path root = "/") : root_(std::move(root)) {}

  // "/sys/class/x" → "<root>/sys/class/x".
  [[nodiscard]] std::filesystem::path resolve(std::string_view absolute_path) const;
  [[nodiscard]] bool exists(std::string_view absolute_path) const;

  // Whole file, at most `limit` bytes (sysfs files are small; a larger one is an error).
  [[nodiscard]] Result<std::string> read_text(std::string_view absolute_path,
                                              std::size_t limit = 1 << 20) const;
  // A decimal integer with optional surrounding white space; anything else is invalid_format.
  [[nodiscard]] Result<std::int64_t> read_int(std::string_view absolute_path) const;
  [[nodiscard]] Result<std::uint64_t> read_uint(std::string_view absolute_path) const;

  // Overwrites an existing file with one write(), as sysfs wants it; never creates one. What the
  // driver refuses (EINVAL, EBUSY, …) is an error.
  [[nodiscard]] Status write_text(std::string_view absolute_path, std::string_view text) const;

  // Names (not paths) in a folder, sorted with numbers in numeric order ("zone2" before "zone10").
  [[nodiscard]] Result<std::vector<std::string>> list(std::string_view absolute_path) const;

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
};

// A decimal integer with optional surrounding white space; anything else is invalid_format.
// `source` names the text in errors.
[[nodiscard]] Result<std::int64_t> parse_int(std::string_view text, std::string_view source);
[[nodiscard]] Result<std::uint64_t> parse_uint(std::string_view text, std::string_view source);

// White space removed from both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

}  // namespace wattle
