#include "base/bytes.hpp"

#include <fmt/format.h>

namespace wattle {

std::string format_bytes(std::uint64_t n_bytes) {
  const auto value = static_cast<double>(n_bytes);
  if (n_bytes < 1000) return fmt::format("{} bytes", n_bytes);
  if (value < 999.95e3) return fmt::format("{:.1f} kB", value / 1e3);
  if (value < 999.95e6) return fmt::format("{:.1f} MB", value / 1e6);
  return fmt::format("{:.2f} GB", value / 1e9);
}

}  // namespace wattle
