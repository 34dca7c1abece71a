#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "base/result.hpp"

namespace wattle {

// Lower-case hexadecimal SHA-256 (OpenSSL).
[[nodiscard]] std::string sha256_hex(std::span<const std::byte> bytes);
[[nodiscard]] Result<std::string> sha256_file(const std::filesystem::path& path);

}  // namespace wattle
