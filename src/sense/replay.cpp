#include "sense/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sense/log_build.hpp"

namespace wattle::sense {
namespace {

constexpr double kNs = 1e-9;

// One sensor of the log: gives the reading it was last told to stand at.
class ReplaySensor final : public PowerSensor {
 public:
  ReplaySensor(const LogPower& log, const std::size_t& n_passed) : log_(log), n_passed_(n_passed) {}

  [[nodiscard]] const SensorInfo& info() const override { return log_.info; }

  Result<Reading> read() override {
    if (n_passed_ == 0) return fail(ErrorCode::unavailable, "the log has not begun");
    const LogReading& now = log_.readings[n_passed_ - 1];
    if (!now.value) return fail(ErrorCode::io, now.reason);
    Reading reading;
    reading.t_ns = now.t_ns;
    (log_.is_energy ? reading.energy_j : reading.power_w) = now.value;
    if (!now.reason.empty()) reading.lost = now.reason;
    return reading;
  }

 private:
  const LogPower& log_;
  const std::size_t& n_passed_;
};

struct Event {
  std::int64_t t_ns;
  std::size_t sensor;
};

}  // namespace

LogReplay::LogReplay(const SensorLog& log, const std::vector<std::size_t>& sensors)
    : progress_(sensors.size()) {
  std::vector<std::size_t> n_passed(sensors.size(), 0);
  std::vector<std::unique_ptr<PowerSensor>> feeds;
  std::vector<Event> events;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < sensors.size(); ++i) {
    const LogPower& sensor = log.power[sensors[i]];
    feeds.push_back(std::make_unique<ReplaySensor>(sensor, n_passed[i]));
    for (const LogReading& reading : sensor.readings) events.push_back({reading.t_ns, i});
    longest = std::max(longest, sensor.readings.size());
    interval_s_ =
        std::max({interval_s_, median_interval_s(sensor.readings), sensor.info.update_period_s});
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.t_ns < b.t_ns; });
  if (!events.empty()) clock_.advance_ns(events.front().t_ns);
  MonitorOptions options;
  options.ring_points = longest + 2;
  options.own_thread = false;
  monitor_ = std::make_unique<EnergyMonitor>(std::move(feeds), clock_, options);
  std::vector<std::vector<std::int64_t>> times(sensors.size());
  for (const Event& event : events) {
    clock_.advance_ns(event.t_ns - clock_.monotonic_ns());
    const LogPower& sensor = log.power[sensors[event.sensor]];
    const bool good = sensor.readings[n_passed[event.sensor]++].value.has_value();
    monitor_->sample(event.sensor);
    ++(good ? n_readings_ : n_failed_);
    if (good) times[event.sensor].push_back(event.t_ns);
    if (good) follow_gaps(event.sensor, event.t_ns);
  }
  for (std::size_t i = 0; i < sensors.size(); ++i) {
    if (times[i].empty()) {  // one that never read leaves nothing known of all
      first_ns_.reset();
      last_ns_.reset();
      reading_times_.clear();
      return;
    }
    first_ns_ = std::max(first_ns_.value_or(times[i].front()), times[i].front());
    last_ns_ = std::min(last_ns_.value_or(times[i].back()), times[i].back());
    const std::int64_t end_ns = log.power[sensors[i]].readings.back().t_ns;
    if (end_ns > times[i].back()) {
      gaps_.push_back({times[i].back(), end_ns, log.power[sensors[i]].info.id,
                       monitor_->mark_at(end_ns).problems[i]});
    }
    if (i == 0 || times[i].size() < reading_times_.size()) reading_times_ = times[i];
  }
  if (first_ns_ && *first_ns_ > *last_ns_) {
    first_ns_.reset();
    last_ns_.reset();
  }
}

// Whatever began a new epoch between two good readings lost the energy between them.
void LogReplay::follow_gaps(std::size_t sensor, std::int64_t t_ns) {
  const Mark mark = monitor_->mark_at(t_ns);
  Progress& progress = progress_[sensor];
  const std::uint32_t epoch = mark.states[sensor].epoch;
  if (progress.started && epoch != progress.epoch) {
    gaps_.push_back({progress.good_ns, t_ns, monitor_->infos()[sensor].id, mark.problems[sensor]});
  }
  progress = {t_ns, epoch, true};
}

WindowEnergy LogReplay::between(std::int64_t from_ns, std::int64_t to_ns) const {
  WindowEnergy window = monitor_->between(monitor_->mark_at(from_ns), monitor_->mark_at(to_ns));
  std::string problem;
  if (!first_ns_) {
    problem = "the log knows no moment of all these sensors";
  } else if (from_ns < *first_ns_) {
    problem = fmt::format("the log begins {:.3f} s later",
                          static_cast<double>(*first_ns_ - from_ns) * kNs);
  } else if (to_ns > *last_ns_) {
    problem =
        fmt::format("the log ends {:.3f} s earlier", static_cast<double>(to_ns - *last_ns_) * kNs);
  } else if (!window.energy_j) {
    for (const ReplayGap& gap : gaps_) {
      if (gap.begin_ns < to_ns && gap.end_ns > from_ns) {
        problem = gap.sensor + ": " + gap.reason;
        break;
      }
    }
  }
  if (problem.empty()) return window;
  window.energy_j.reset();
  window.problem = std::move(problem);
  return window;
}

std::optional<double> LogReplay::peak_power_w(std::int64_t from_ns, std::int64_t to_ns) const {
  return monitor_->peak_power_w(from_ns, to_ns);
}

std::optional<double> LogReplay::mean_power_w(std::int64_t from_ns, std::int64_t to_ns) const {
  if (!first_ns_ || from_ns < *first_ns_ || to_ns > *last_ns_) return std::nullopt;
  return monitor_->between(monitor_->mark_at(from_ns), monitor_->mark_at(to_ns)).avg_power_w();
}

LogReplay::Known LogReplay::known_between(std::int64_t from_ns, std::int64_t to_ns) const {
  Known known;
  if (!first_ns_) return known;
  from_ns = std::max(from_ns, *first_ns_);
  to_ns = std::min(to_ns, *last_ns_);
  std::vector<ReplayGap> gaps = gaps_;
  std::sort(gaps.begin(), gaps.end(),
            [](const ReplayGap& a, const ReplayGap& b) { return a.begin_ns < b.begin_ns; });
  const auto add = [&](std::int64_t a, std::int64_t b) {
    if (b <= a) return;
    const auto energy_j = between(a, b).energy_j;
    if (!energy_j) return;
    known.energy_j += *energy_j;
    known.seconds += static_cast<double>(b - a) * kNs;
  };
  for (const ReplayGap& gap : gaps) {
    add(from_ns, std::min(gap.begin_ns, to_ns));
    from_ns = std::max(from_ns, gap.end_ns);
  }
  add(from_ns, to_ns);
  return known;
}

Result<std::vector<std::size_t>> choose_sensors(const SensorLog& log,
                                                const std::vector<std::string>& ids) {
  std::vector<std::size_t> chosen;
  for (const std::string& id : ids) {
    const auto it = std::find_if(log.power.begin(), log.power.end(),
                                 [&](const LogPower& s) { return s.info.id == id; });
    if (it == log.power.end()) {
      std::string known;
      for (const LogPower& sensor : log.power)
        known += (known.empty() ? "" : ", ") + sensor.info.id;
      return fail(ErrorCode::not_found, fmt::format("{} has no sensor '{}'", log.source, id),
                  known.empty() ? "It has no sensor of power at all." : "It has " + known + ".");
    }
    chosen.push_back(static_cast<std::size_t>(it - log.power.begin()));
  }
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

}  // namespace wattle::sense
