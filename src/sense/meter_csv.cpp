#include "sense/meter_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fs_root.hpp"
#include "sense/followed_file.hpp"
#include "sense/meter_format.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kRemedy = "Check that the meter's program is running and writes this file.";
constexpr double kUsualPeriodS = 1.0;
constexpr double kShortestPeriodS = 0.01;
constexpr double kLongestPeriodS = 60.0;
constexpr double kLeastStaleS = 3.0;
constexpr double kStalePeriods = 5.0;
constexpr double kLeastGapS = 1.0;
constexpr double kGapPeriods = 10.0;
constexpr double kMaxPowerW = 100'000.0;

bool is_data(std::string_view line) {
  line = trim(line);
  return !line.empty() && line[0] != '#';
}

class MeterSensor final : public PowerSensor {
 public:
  MeterSensor(const std::filesystem::path& path, const Clock& clock)
      : file_(path, clock), clock_(clock) {
    const std::string name = path.stem().string();
    info_.id = "meter:" + name;
    info_.source = path.string();
    info_.scope = "the whole system at the external meter " + name;
    info_.kind = Kind::sampled;
    info_.rail = Rail::system;
    info_.group = "meter";
    set_period(kUsualPeriodS);
  }

  [[nodiscard]] const SensorInfo& info() const override { return info_; }

  Result<Reading> read() override {
    if (auto taken = take_new_lines(); !taken) return std::unexpected(with_remedy(taken.error()));
    if (problem_) {
      const Error error = *problem_;
      reported_ = true;
      if (!newest_is_bad_) problem_.reset();
      return std::unexpected(with_remedy(error));
    }
    if (!row_) {
      return fail(ErrorCode::unavailable, info_.source + " has no row yet", kRemedy);
    }
    const double idle_s = file_.idle_s();
    if (idle_s > std::max(kLeastStaleS, kStalePeriods * info_.update_period_s)) {
      return fail(ErrorCode::unavailable,
                  fmt::format("{} has not grown for {:.0f} s", info_.source, idle_s), kRemedy);
    }
    Reading reading{meter_clock_.last_row_ns(), energy_j_, std::nullopt,
                    std::exchange(lost_, std::nullopt)};
    if (info_.kind == Kind::sampled) reading.power_w = row_->value;
    return reading;
  }

  // Once, after the first read: kind, pace and resolution are those of the rows seen.
  void learn() {
    if (format_ && format_->is_counter()) info_.kind = Kind::counter;
    if (!steps_s_.empty()) {
      const auto middle = steps_s_.begin() + static_cast<std::ptrdiff_t>(steps_s_.size() / 2);
      std::nth_element(steps_s_.begin(), middle, steps_s_.end());
      set_period(std::clamp(*middle, kShortestPeriodS, kLongestPeriodS));
    }
    if (row_) (info_.kind == Kind::counter ? info_.resolution_j : info_.resolution_w) = row_->step;
    learning_ = false;
    lost_.reset();
    energy_j_ = 0.0;
  }

 private:
  void set_period(double period_s) {
    info_.update_period_s = period_s;
    info_.default_rate_hz = 1.0 / period_s;
  }

  [[nodiscard]] static Error with_remedy(Error error) {
    if (error.remedy.empty()) error.remedy = kRemedy;
    return error;
  }

  Status take_new_lines() {
    WATTLE_TRY(const auto polled, file_.poll());
    const auto age_ns = static_cast<std::int64_t>(file_.idle_s() * 1e9);
    if (polled.skipped) restart("more rows came at once than are read");
    bool header_next = polled.first;
    for (const std::string& line : polled.lines) {
      if (!is_data(line)) continue;
      const std::int64_t arrival_ns = clock_.monotonic_ns() - age_ns;
      if (std::exchange(header_next, false) || !format_) {
        take_header(line, arrival_ns);
      } else if (line != header_) {  // a program that appends may write it again
        take_row(line, arrival_ns);
      }
    }
    return {};
  }

  void take_header(const std::string& line, std::int64_t arrival_ns) {
    auto format = parse_meter_header(line);
    // A replaced or emptied file may go on without a header, or with the same one.
    if (!format && format_ && parse_meter_row(*format_, line)) return take_row(line, arrival_ns);
    if (format && !learning_ && format->is_counter() != (info_.kind == Kind::counter)) {
      format = fail(ErrorCode::invalid_format,
                    "the meter's new file has energy where the old one had power, or the reverse");
    }
    if (!format) {
      format_.reset();
      return complain(format.error());
    }
    if (line != header_) restart("the meter's file was replaced by one with other columns");
    format_ = *format;
    header_ = line;
    problem_.reset();
    newest_is_bad_ = false;
  }

  void complain(const Error& error) {
    problem_ = error;
    reported_ = false;
    newest_is_bad_ = true;
    restart({});
  }

  // The next row continues nothing.
  void restart(std::string reason) {
    row_.reset();
    if (!reason.empty()) lost_ = std::move(reason);
  }

  void take_row(const std::string& line, std::int64_t arrival_ns) {
    const auto row = parse_meter_row(*format_, line);
    if (!row) return complain(row.error());
    newest_is_bad_ = false;
    if (reported_) problem_.reset();
    if (!meter_clock_.add(row->time_s, arrival_ns)) restart("the meter's clock was set back");
    if (row_) integrate(*row_, *row);
    row_ = *row;
  }

  void integrate(const MeterRow& before, const MeterRow& row) {
    const double seconds = row.time_s - before.time_s;
    if (learning_ && seconds > 0.0) steps_s_.push_back(seconds);
    if (seconds > std::max(kLeastGapS, kGapPeriods * info_.update_period_s)) {
      lost_ = fmt::format("the meter wrote no row for {:.1f} s", seconds);
    } else if (!format_->is_counter()) {
      energy_j_ += 0.5 * (before.value + row.value) * seconds;
    } else if (const double step_j = row.value - before.value;
               step_j < 0.0 || step_j > kMaxPowerW * (seconds + info_.update_period_s)) {
      lost_ = fmt::format("the meter's counter went from {:g} to {:g} J: taken as a reset",
                          before.value, row.value);
    } else {
      energy_j_ += step_j;
    }
  }

  SensorInfo info_;
  FollowedFile file_;
  const Clock& clock_;
  MeterClock meter_clock_;
  std::optional<MeterFormat> format_;
  std::string header_;
  std::optional<MeterRow> row_;  // the newest; empty where the next one continues nothing
  double energy_j_ = 0.0;
  std::optional<std::string> lost_;
  std::optional<Error> problem_;
  bool reported_ = false;  // the problem has been returned once
  bool newest_is_bad_ = false;
  bool learning_ = true;
  std::vector<double> steps_s_;  // between rows, while learning
};

}  // namespace

bool MeterClock::add(double time_s, std::int64_t arrival_ns) {
  const bool went_back = last_time_s_ && time_s < *last_time_s_;
  if (went_back) {
    offset_s_.reset();
    offset_before_s_.reset();
    n_rows_ = 0;
  }
  last_time_s_ = time_s;
  is_new_ = true;
  const double offset_s = static_cast<double>(arrival_ns) * 1e-9 - time_s;
  if (++n_rows_ > kRows) {
    offset_before_s_ = offset_s_;
    offset_s_.reset();
    n_rows_ = 1;
  }
  offset_s_ = std::min(offset_s_.value_or(offset_s), offset_s);
  return !went_back;
}

std::int64_t MeterClock::last_row_ns() {
  if (!std::exchange(is_new_, false)) return last_ns_.value_or(0);
  const double offset_s = std::min(*offset_s_, offset_before_s_.value_or(*offset_s_));
  const auto t_ns = static_cast<std::int64_t>((*last_time_s_ + offset_s) * 1e9);
  last_ns_ = last_ns_ ? std::max(t_ns, *last_ns_ + 1) : t_ns;
  return *last_ns_;
}

void discover_meter_csv(const Clock& clock, const DiscoverOptions& options, Inventory& inventory) {
  if (options.meter_csv.empty()) return;
  auto sensor = std::make_unique<MeterSensor>(options.meter_csv, clock);
  // The first read tells the pace, by which the second judges whether the file still grows.
  (void)sensor->read();
  sensor->learn();
  if (const auto reading = sensor->read(); !reading) {
    const SensorInfo& info = sensor->info();
    inventory.unavailable.push_back(
        {info.id, info.source, reading.error().what, reading.error().remedy});
    return;
  }
  inventory.sensors.push_back(std::move(sensor));
}

}  // namespace wattle::sense
