// Lines of tegrastats: never a crash, no power that is negative or beyond any board.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sense/tegrastats.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto stats = wattle::sense::parse_tegrastats(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!stats) continue;
    for (const auto& rail : stats->rails) {
      if (!(rail.power_w >= 0.0 && rail.power_w <= 2000.0)) std::abort();
    }
    for (const auto& core : stats->cores) {
      if (core.load.utilisation && !(*core.load.utilisation <= 1.0)) std::abort();
    }
    for (const auto& zone : stats->temperatures) {
      if (zone.temperature_c && !std::isfinite(*zone.temperature_c)) std::abort();
    }
  }
  return 0;
}
