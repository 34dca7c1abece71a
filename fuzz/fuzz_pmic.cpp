// What vcgencmd prints: never a crash, no power that is negative or not finite.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sense/pmic.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto rails = wattle::sense::parse_pmic(text)) {
    const double power_w = wattle::sense::pmic_sum_w(*rails);
    if (rails->empty() || !std::isfinite(power_w) || power_w < 0.0) std::abort();
  }
  return 0;
}
