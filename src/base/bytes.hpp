#pragma once
// Byte counts for people, in decimal units: "640 bytes", "12.0 kB", "637.9 MB", "2.20 GB".

#include <cstdint>
#include <string>

namespace wattle {

[[nodiscard]] std::string format_bytes(std::uint64_t n_bytes);

}  // namespace wattle
