#pragma once
// An external power meter whose program appends to a CSV file (docs/formats/meter-csv.md): the
// whole system at its plug, which no sensor inside can see.

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "sense/discover.hpp"

namespace wattle::sense {

// The meter's time made into the monotonic clock's: a row cannot arrive before it was measured, so
// the smallest (arrival − row time) of the last 64 to 128 rows is taken as the offset. It contains
// the shortest delay from measuring to seeing, which is not known; update_period_s stands for it.
class MeterClock {
 public:
  // A row and when it was seen. False: the meter's clock was set back, and the time since the row
  // before is unknown.
  bool add(double time_s, std::int64_t arrival_ns);
  // When the last row was measured; later than at the last call, if a row has come since.
  [[nodiscard]] std::int64_t last_row_ns();

 private:
  static constexpr int kRows = 64;
  std::optional<double> last_time_s_;
  std::optional<double> offset_s_;         // smallest of this block of rows
  std::optional<double> offset_before_s_;  // and of the block before
  int n_rows_ = 0;
  bool is_new_ = false;
  std::optional<std::int64_t> last_ns_;
};

// "meter:NAME" of the file NAME.csv in `options.meter_csv`; nothing where that is empty. Power rows
// are integrated here by trapezoids over the meter's own times, so a batch of rows that comes at
// once loses nothing: readings carry energy and the newest power. A row that is none is an error,
// and so is a file that stopped growing.
void discover_meter_csv(const Clock& clock, const DiscoverOptions& options, Inventory& inventory);

}  // namespace wattle::sense
