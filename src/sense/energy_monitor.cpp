#include "sense/energy_monitor.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "sense/cpu_time.hpp"
#include "sense/sampling.hpp"

namespace wattle::sense {
namespace {

constexpr double kNs = 1e-9;
constexpr double kPowerIntervalS = 0.05;
constexpr std::int64_t kLongestSleepNs = 50'000'000;  // so that stopping is prompt

}  // namespace

EnergyMonitor::EnergyMonitor(std::vector<std::unique_ptr<PowerSensor>> sensors, Clock& clock,
                             const MonitorOptions& options,
                             std::vector<std::unique_ptr<Gauge>> gauges)
    : clock_(clock), start_ns_(clock.monotonic_ns()), suspended_ns_(clock.suspended_ns()) {
  for (auto& sensor : sensors) {
    infos_.push_back(sensor->info());
    const double rate_hz = sampling_rate_hz(infos_.back(), options.rate_hz);
    channels_.push_back({std::move(sensor),
                         EnergyCurve(infos_.back(), rate_hz, options.ring_points),
                         static_cast<std::int64_t>(1e9 / std::max(rate_hz, 0.01)), start_ns_});
  }
  for (auto& gauge : gauges) {
    gauge_infos_.push_back(gauge->info());
    const double rate_hz = std::max(gauge_infos_.back().default_rate_hz, 0.01);
    gauges_.push_back({std::move(gauge), GaugeSeries(options.gauge_points),
                       static_cast<std::int64_t>(1e9 / rate_hz), start_ns_});
  }
  for (Channel& channel : channels_) read(channel);
  for (GaugeChannel& channel : gauges_) read(channel);
  if (options.own_thread && !(channels_.empty() && gauges_.empty())) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
}

EnergyMonitor::~EnergyMonitor() = default;

double EnergyMonitor::rate_hz() const {
  std::int64_t period_ns = 0;
  for (const Channel& channel : channels_) {
    period_ns = period_ns == 0 ? channel.period_ns : std::min(period_ns, channel.period_ns);
  }
  return period_ns > 0 ? 1e9 / static_cast<double>(period_ns) : 0.0;
}

void EnergyMonitor::read(Channel& channel) {
  const bool counts_programs = channel.curve.info().starts_program;
  const std::int64_t before_ns = counts_programs ? programs_cpu_ns() : 0;
  auto reading = channel.sensor->read();
  if (counts_programs) programs_cpu_ns_ += programs_cpu_ns() - before_ns;
  ++n_reads_;
  if (reading) {
    channel.curve.add(*reading);
  } else {
    channel.curve.add_failure(reading.error().what);
  }
}

void EnergyMonitor::read(GaugeChannel& channel) {
  const auto reading = channel.gauge->read();
  ++n_reads_;
  if (reading) {
    channel.series.add(*reading);
  } else {
    channel.series.add_failure(reading.error().what);
  }
}

// The lock is held for one reading at a time, so that marks do not wait for a slow sensor twice.
template <class AnyChannel>
void EnergyMonitor::read_due(AnyChannel& channel, std::int64_t& next_ns) {
  const std::lock_guard lock(mutex_);
  if (channel.due_ns <= clock_.monotonic_ns()) {
    notice_suspension();
    read(channel);
    channel.due_ns = next_due_ns(channel.due_ns, channel.period_ns, clock_.monotonic_ns());
  }
  next_ns = std::min(next_ns, channel.due_ns);
}

void EnergyMonitor::notice_suspension() {
  const auto reason = suspension(clock_, suspended_ns_);
  if (!reason) return;
  for (Channel& channel : channels_) channel.curve.add_failure(*reason);
}

std::int64_t EnergyMonitor::sample_due() {
  std::int64_t next_ns = std::numeric_limits<std::int64_t>::max();
  for (Channel& channel : channels_) read_due(channel, next_ns);
  for (GaugeChannel& channel : gauges_) read_due(channel, next_ns);
  return next_ns;
}

void EnergyMonitor::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::int64_t next_ns = sample_due();
    thread_cpu_ns_ = thread_cpu_ns();
    const std::int64_t left_ns = next_ns - clock_.monotonic_ns();
    if (left_ns > 0) clock_.sleep_ns(std::min(left_ns, kLongestSleepNs));
  }
}

template <class Work>
auto EnergyMonitor::on_callers_time(const Work& work) {
  struct Charge {
    std::atomic<std::int64_t>& account_ns;
    std::int64_t start_ns = thread_cpu_ns();
    ~Charge() { account_ns += thread_cpu_ns() - start_ns; }
  };
  const Charge charge{caller_cpu_ns_};
  const std::lock_guard lock(mutex_);
  return work();
}

void EnergyMonitor::read_all() {
  notice_suspension();
  for (Channel& channel : channels_) read(channel);
}

void EnergyMonitor::sample_now() {
  on_callers_time([this] { read_all(); });
}

void EnergyMonitor::sample_gauges_now() {
  on_callers_time([this] {
    for (GaugeChannel& channel : gauges_) read(channel);
  });
}

EnergyMonitor::GaugeNow EnergyMonitor::gauge(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  const GaugeSeries& series = gauges_[index].series;
  return {series.latest(), series.problem()};
}

GaugeSpan EnergyMonitor::gauge_between(std::size_t index, std::int64_t from_ns,
                                       std::int64_t to_ns) const {
  const std::lock_guard lock(mutex_);
  return gauges_[index].series.between(from_ns, to_ns);
}

void EnergyMonitor::sample(std::size_t sensor) {
  on_callers_time([this, sensor] { read(channels_[sensor]); });
}

// One lock for time, reading and mark: however long another thread holds this one up, the mark
// stands beside its own reading.
Mark EnergyMonitor::begin() {
  return on_callers_time([this] {
    read_all();
    return mark_locked(clock_.monotonic_ns());
  });
}

Mark EnergyMonitor::end() {
  return on_callers_time([this] {
    const std::int64_t t_ns = clock_.monotonic_ns();
    read_all();
    return mark_locked(t_ns);
  });
}

Mark EnergyMonitor::mark_locked(std::int64_t t_ns) const {
  Mark mark;
  mark.t_ns = t_ns;
  for (const Channel& channel : channels_) {
    mark.states.push_back(channel.curve.at(t_ns));
    mark.problems.push_back(channel.curve.last_gap());
  }
  return mark;
}

Mark EnergyMonitor::mark_at(std::int64_t t_ns) const {
  const std::lock_guard lock(mutex_);
  return mark_locked(t_ns);
}

double EnergyMonitor::power_interval_s() const {
  double interval_s = kPowerIntervalS;
  for (const SensorInfo& info : infos_) interval_s = std::max(interval_s, info.update_period_s);
  return interval_s;
}

std::optional<double> EnergyMonitor::power_locked(std::int64_t from_ns, std::int64_t to_ns) const {
  double energy_j = 0.0;
  for (const Channel& channel : channels_) {
    const CurveState a = channel.curve.at(from_ns);
    const CurveState b = channel.curve.at(to_ns);
    if (!a.known || !b.known || a.epoch != b.epoch) return std::nullopt;
    energy_j += b.energy_j - a.energy_j;
  }
  return energy_j / (static_cast<double>(to_ns - from_ns) * kNs);
}

std::optional<std::int64_t> EnergyMonitor::oldest_locked() const {
  std::optional<std::int64_t> oldest;
  for (const Channel& channel : channels_) {
    const auto first = channel.curve.oldest_ns();
    if (!first) return std::nullopt;
    oldest = std::max(oldest.value_or(*first), *first);
  }
  return oldest;
}

std::vector<PowerPoint> EnergyMonitor::power(std::int64_t from_ns, std::int64_t to_ns,
                                             std::size_t max_points) const {
  const std::lock_guard lock(mutex_);
  std::vector<PowerPoint> points;
  const auto oldest = oldest_locked();
  if (!oldest || max_points == 0) return points;
  from_ns = std::max(from_ns, *oldest);
  for (const Channel& channel : channels_) to_ns = std::min(to_ns, *channel.curve.newest_ns());
  if (to_ns <= from_ns) return points;
  const double interval_ns = power_interval_s() / kNs;
  const double span_ns = static_cast<double>(to_ns - from_ns);
  const auto n =
      static_cast<std::size_t>(std::min(span_ns / interval_ns, static_cast<double>(max_points)));
  const auto edge = [&](std::size_t k) {
    return from_ns +
           static_cast<std::int64_t>(span_ns * static_cast<double>(k) / static_cast<double>(n));
  };
  for (std::size_t k = 0; k < n; ++k) {
    const std::int64_t a = edge(k);
    const std::int64_t b = edge(k + 1);
    if (const auto power_w = power_locked(a, b)) points.push_back({a + (b - a) / 2, *power_w});
  }
  return points;
}

std::optional<double> EnergyMonitor::peak_power_w(std::int64_t from_ns, std::int64_t to_ns) const {
  std::optional<double> peak;
  for (const PowerPoint& point : power(from_ns, to_ns, std::numeric_limits<std::size_t>::max())) {
    peak = std::max(peak.value_or(point.power_w), point.power_w);
  }
  return peak;
}

MonitorCost EnergyMonitor::cost() const {
  return {static_cast<double>(thread_cpu_ns_ + caller_cpu_ns_ + programs_cpu_ns_) * kNs,
          static_cast<double>(clock_.monotonic_ns() - start_ns_) * kNs, n_reads_};
}

}  // namespace wattle::sense
