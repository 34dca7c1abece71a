#include "sense/log_build.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace wattle::sense {

void BadLines::add(std::size_t line, std::string_view why) {
  if (n_++ == 0) first_ = fmt::format("line {}: {}", line, why);
}

void BadLines::note_in(SensorLog& log) const {
  if (n_ == 0) return;
  log.notes.push_back(fmt::format("{} line{} left out ({}{})", n_, n_ == 1 ? "" : "s",
                                  n_ == 1 ? "" : "first ", first_));
}

LogPower foreign_sensor(std::string id, std::string column, std::string scope, Rail rail,
                        const std::string& group) {
  LogPower sensor;
  sensor.info.id = std::move(id);
  sensor.info.source = std::move(column);
  sensor.info.scope = std::move(scope);
  sensor.info.kind = Kind::sampled;
  sensor.info.rail = rail;
  sensor.info.group = group;
  return sensor;
}

LogGauge foreign_gauge(std::string id, std::string column, std::string scope, Quantity quantity) {
  LogGauge gauge;
  gauge.info.id = std::move(id);
  gauge.info.source = std::move(column);
  gauge.info.scope = std::move(scope);
  gauge.info.quantity = quantity;
  gauge.info.default_rate_hz = 0.0;
  return gauge;
}

LogReading good_reading(std::int64_t t_ns, double value) {
  return {t_ns, value, {}};
}

LogReading failed_reading(std::int64_t t_ns, std::string reason) {
  return {t_ns, std::nullopt, std::move(reason)};
}

LogReading share_reading(std::int64_t t_ns, double share, std::string_view text) {
  if (share >= 0.0 && share <= 1.0) return good_reading(t_ns, share);
  return failed_reading(t_ns, fmt::format("'{}' is no share", text.substr(0, 40)));
}

double median_interval_s(const std::vector<LogReading>& readings) {
  std::vector<std::int64_t> steps;
  for (std::size_t i = 1; i < readings.size(); ++i) {
    if (readings[i].t_ns > readings[i - 1].t_ns) {
      steps.push_back(readings[i].t_ns - readings[i - 1].t_ns);
    }
  }
  if (steps.empty()) return 0.0;
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return static_cast<double>(*middle) * 1e-9;
}

}  // namespace wattle::sense
