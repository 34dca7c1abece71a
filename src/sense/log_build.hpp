#pragma once
// What the parsers of foreign logs share.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sense/log.hpp"

namespace wattle::sense {

// Lines that could not be used: counted, the first one named.
class BadLines {
 public:
  void add(std::size_t line, std::string_view why);
  // As a note of the log, if there were any.
  void note_in(SensorLog& log) const;
  [[nodiscard]] std::size_t size() const { return n_; }
  [[nodiscard]] const std::string& first() const { return first_; }

 private:
  std::size_t n_ = 0;
  std::string first_;
};

// Rates and update period are left open: they follow from the readings (parse_log).
[[nodiscard]] LogPower foreign_sensor(std::string id, std::string column, std::string scope,
                                      Rail rail, const std::string& group);
[[nodiscard]] LogGauge foreign_gauge(std::string id, std::string column, std::string scope,
                                     Quantity quantity);

[[nodiscard]] LogReading good_reading(std::int64_t t_ns, double value);
[[nodiscard]] LogReading failed_reading(std::int64_t t_ns, std::string reason);

// A gauge's quantity where its numbers are shares; others are left out as failed readings.
[[nodiscard]] LogReading share_reading(std::int64_t t_ns, double share, std::string_view text);

// The median time between two readings; 0 if there are none.
[[nodiscard]] double median_interval_s(const std::vector<LogReading>& readings);

}  // namespace wattle::sense
