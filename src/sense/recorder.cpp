#include "sense/recorder.hpp"

#include <algorithm>
#include <utility>

#include "sense/cpu_time.hpp"
#include "sense/log_time.hpp"
#include "sense/sampling.hpp"

namespace wattle::sense {
namespace {

constexpr double kNs = 1e-9;
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kFlushNs = kSecondNs / 2;  // so that a second is kept even when held up
constexpr std::size_t kCurvePoints = 512;

// The thread's, and that of programs that sensors start.
std::int64_t cpu_ns() {
  return thread_cpu_ns() + programs_cpu_ns();
}

}  // namespace

Recorder::Recorder(Inventory inventory, GaugeInventory gauges, Clock& clock, LogWriter& writer,
                   const RecorderOptions& options)
    : clock_(clock), writer_(writer), unavailable_(std::move(inventory.unavailable)) {
  total_ = choose_total(infos(inventory), unavailable_);
  start_ns_ = flushed_ns_ = clock.monotonic_ns();
  suspended_ns_ = clock.suspended_ns();
  for (auto& sensor : inventory.sensors) {
    SensorInfo info = sensor->info();
    info.default_rate_hz = sampling_rate_hz(info, options.rate_hz);
    EnergyCurve curve(info, info.default_rate_hz, kCurvePoints);
    const auto period_ns = static_cast<std::int64_t>(1e9 / info.default_rate_hz);
    sensors_.push_back(
        {std::move(sensor), std::move(info), std::move(curve), period_ns, start_ns_, {}, false});
  }
  for (auto& gauge : gauges.gauges) {
    const double own_hz = gauge->info().default_rate_hz;
    const double rate_hz = std::clamp(
        options.rate_hz > 0.0 ? std::min(options.rate_hz, own_hz) : own_hz, 0.01, 1000.0);
    gauges_.push_back({std::move(gauge), static_cast<std::int64_t>(1e9 / rate_hz), start_ns_, {}});
  }
  for (Unavailable& missing : gauges.unavailable) unavailable_.push_back(std::move(missing));
}

Status Recorder::begin(const std::string& host, const std::string& version) {
  LogHeader header;
  for (const Sensor& sensor : sensors_) header.sensors.push_back(sensor.info);
  for (const GaugeChannel& channel : gauges_) {
    header.gauges.push_back(channel.gauge->info());
    header.gauges.back().default_rate_hz = 1e9 / static_cast<double>(channel.period_ns);
  }
  header.total = total_;
  header.unavailable = unavailable_;
  header.host = host;
  header.wattle = version;
  start_ns_ = clock_.monotonic_ns();
  start_cpu_ns_ = cpu_ns();
  return writer_.header(header);
}

Status Recorder::write(const std::string& id, const char* quantity, std::int64_t t_ns,
                       std::optional<double> value, const std::string& reason) {
  const std::int64_t now_ns = clock_.monotonic_ns();
  const std::int64_t wall_ns = clock_.wall_ns() - (now_ns - t_ns);
  return writer_.row({t_ns, wall_ns, id, quantity, value, reason});
}

Status Recorder::write_lost(Sensor& sensor, const std::string& reason) {
  sensor.failing = reason;
  sensor.curve.add_failure(reason);
  return write(sensor.info.id, sensor.is_energy ? "energy_j" : "power_w", clock_.monotonic_ns(),
               std::nullopt, reason);
}

Status Recorder::read(Sensor& sensor) {
  auto reading = sensor.sensor->read();
  if (!reading) {
    const std::string reason = reading.error().what;
    if (sensor.failing == reason) return {};
    return write_lost(sensor, reason);
  }
  sensor.failing.clear();
  sensor.is_energy = reading->energy_j.has_value();
  sensor.curve.add(*reading);
  return write(sensor.info.id, sensor.is_energy ? "energy_j" : "power_w", reading->t_ns,
               sensor.is_energy ? reading->energy_j : reading->power_w,
               reading->lost.value_or(std::string()));
}

Status Recorder::read(GaugeChannel& channel) {
  const auto reading = channel.gauge->read();
  const GaugeInfo& info = channel.gauge->info();
  const char* quantity = quantity_name(info.quantity);
  if (!reading) {
    const std::string& reason = reading.error().what;
    if (std::exchange(channel.failing, reason) == reason) return {};
    return write(info.id, quantity, clock_.monotonic_ns(), std::nullopt, reason);
  }
  channel.failing.clear();
  return write(info.id, quantity, reading->t_ns, reading->value, {});
}

Result<std::int64_t> Recorder::step() {
  if (const auto reason = suspension(clock_, suspended_ns_)) {
    for (Sensor& sensor : sensors_) WATTLE_CHECK(write_lost(sensor, *reason));
  }
  std::int64_t next_ns = flushed_ns_ + kFlushNs;
  const auto go_on = [&](auto& channel) -> Status {
    if (channel.due_ns <= clock_.monotonic_ns()) {
      WATTLE_CHECK(read(channel));
      channel.due_ns = next_due_ns(channel.due_ns, channel.period_ns, clock_.monotonic_ns());
    }
    next_ns = std::min(next_ns, channel.due_ns);
    return {};
  };
  for (Sensor& sensor : sensors_) WATTLE_CHECK(go_on(sensor));
  for (GaugeChannel& gauge : gauges_) WATTLE_CHECK(go_on(gauge));
  const std::int64_t now_ns = clock_.monotonic_ns();
  if (now_ns - flushed_ns_ >= kFlushNs) {
    WATTLE_CHECK(writer_.flush());
    flushed_ns_ = now_ns;
  }
  return next_ns;
}

Status Recorder::finish() {
  const std::int64_t now_ns = clock_.monotonic_ns();
  return writer_.trailer({{"end", wall_time_us(clock_.wall_ns())},
                          {"rows", writer_.rows()},
                          {"cpu_seconds", static_cast<double>(cpu_ns() - start_cpu_ns_) * kNs},
                          {"wall_seconds", static_cast<double>(now_ns - start_ns_) * kNs}});
}

std::optional<double> Recorder::power_w() const {
  if (total_.members.empty()) return std::nullopt;
  double power_w = 0.0;
  for (const std::size_t i : total_.members) {
    const EnergyCurve& curve = sensors_[i].curve;
    const auto newest_ns = curve.newest_ns();
    if (!newest_ns || !sensors_[i].failing.empty()) return std::nullopt;
    const std::int64_t from_ns = std::max(*curve.oldest_ns(), *newest_ns - kSecondNs);
    const CurveState a = curve.at(from_ns);
    const CurveState b = curve.at(*newest_ns);
    if (!a.known || !b.known || a.epoch != b.epoch || from_ns == *newest_ns) return std::nullopt;
    power_w += (b.energy_j - a.energy_j) / (static_cast<double>(*newest_ns - from_ns) * kNs);
  }
  return power_w;
}

double Recorder::cost() const {
  const auto wall_ns = clock_.monotonic_ns() - start_ns_;
  if (wall_ns <= 0) return 0.0;
  return static_cast<double>(cpu_ns() - start_cpu_ns_) / static_cast<double>(wall_ns);
}

}  // namespace wattle::sense
