#pragma once
// The rows of an external power meter's CSV file (docs/formats/meter-csv.md).

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace wattle::sense {

// A column and what its number is multiplied by to be in W, J, V, A or s.
struct MeterColumn {
  std::size_t index = 0;
  double unit = 1.0;
};

struct MeterFormat {
  char delimiter = ',';
  MeterColumn time;
  bool time_has_unit = false;  // otherwise text is ISO 8601 and numbers are told by their size
  // One of: energy alone, power alone, or both of voltage and current.
  std::optional<MeterColumn> energy;
  std::optional<MeterColumn> power;
  std::optional<MeterColumn> voltage;
  std::optional<MeterColumn> current;
  [[nodiscard]] bool is_counter() const { return energy.has_value(); }
};

struct MeterRow {
  double time_s = 0.0;  // on the meter's own clock, from an unknown zero
  double value = 0.0;   // W, or J of a counter; never negative
  double step = 0.0;    // the smallest difference the row's digits can show, in the same unit
};

// invalid_format: which column is missing, and the names that are known.
[[nodiscard]] Result<MeterFormat> parse_meter_header(std::string_view line);
[[nodiscard]] Result<MeterRow> parse_meter_row(const MeterFormat& format, std::string_view line);

}  // namespace wattle::sense
