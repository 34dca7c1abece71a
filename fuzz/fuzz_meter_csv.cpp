// A header and rows of a meter's CSV file: never a crash, no value that is negative or not finite,
// and times that can be mapped to the monotonic clock.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sense/meter_csv.hpp"
#include "sense/meter_format.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto next_line = [&] {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
  };
  const auto format = wattle::sense::parse_meter_header(next_line());
  if (!format) return 0;
  wattle::sense::MeterClock clock;
  std::int64_t arrival_ns = 0;
  std::int64_t last_ns = -1;
  while (!text.empty()) {
    const auto row = wattle::sense::parse_meter_row(*format, next_line());
    if (!row) continue;
    if (!std::isfinite(row->time_s) || !std::isfinite(row->value) || row->value < 0.0) std::abort();
    arrival_ns += 1'000'000'000;
    (void)clock.add(row->time_s, arrival_ns);
    const std::int64_t t_ns = clock.last_row_ns();
    if (t_ns <= last_ns) std::abort();
    last_ns = t_ns;
  }
  return 0;
}
