#pragma once
// The Raspberry Pi firmware's word on throttling.

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace wattle::sense {

// Of "throttled=0x50005", as `vcgencmd get_throttled` prints it (Raspberry Pi documentation):
// bit 0 under-voltage, 1 frequency capped, 2 throttled, 3 soft temperature limit, all now; bits
// 16 to 19 the same at some time since the start.
[[nodiscard]] Result<std::uint32_t> parse_throttled(std::string_view text);

}  // namespace wattle::sense
