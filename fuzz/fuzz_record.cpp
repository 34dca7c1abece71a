// A record from outside: accepted or refused, and what was accepted survives the way there and
// back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "meter/inference_record.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = wattle::parse_json(text, "fuzz");
  if (!json) return 0;
  auto record = wattle::meter::record_from_json(*json);
  if (!record) return 0;
  const wattle::Json once = wattle::meter::to_json(*record);
  const auto again = wattle::meter::record_from_json(once);
  if (!again || wattle::meter::to_json(*again) != once) std::abort();
  wattle::meter::derive(*record);
  const auto cells = wattle::meter::csv_cells(*record);
  if (cells.size() != wattle::meter::csv_columns().size()) std::abort();
  (void)wattle::meter::csv_line(cells);
  return 0;
}
