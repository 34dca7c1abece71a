#include "sense/energy_window.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sense/energy_monitor.hpp"

namespace wattle::sense {
namespace {

double square(double x) {
  return x * x;
}

// Standard deviation of a uniform distribution of the given width.
double uniform_deviation(double width) {
  return width / std::sqrt(12.0);
}

}  // namespace

double WindowEnergy::uncertainty_j() const {
  return std::hypot(boundary_j, sensor_j);
}

std::optional<double> WindowEnergy::avg_power_w() const {
  if (!energy_j || seconds <= 0.0) return std::nullopt;
  return *energy_j / seconds;
}

WindowEnergy energy_between(const Mark& a, const Mark& b, std::span<const SensorInfo> infos) {
  WindowEnergy window;
  window.seconds = static_cast<double>(b.t_ns - a.t_ns) * 1e-9;
  window.n_updates = infos.empty() ? 0 : std::numeric_limits<std::uint64_t>::max();
  if (infos.empty()) window.problem = "no sensor";
  double total_j = 0.0;
  double boundary_j2 = 0.0;
  double sensor_j2 = 0.0;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const CurveState& open = a.states[i];
    const CurveState& close = b.states[i];
    if (!open.known || !close.known || open.epoch != close.epoch) {
      window.per_sensor_j.emplace_back();
      if (window.problem.empty()) {
        window.problem =
            infos[i].id + ": " +
            (b.problems[i].empty() ? "the window is older than the samples kept" : b.problems[i]);
      }
      continue;
    }
    const double energy_j = close.energy_j - open.energy_j;
    window.per_sensor_j.emplace_back(energy_j);
    total_j += energy_j;
    window.n_updates = std::min(window.n_updates, close.n_updates - open.n_updates);
    const double mean_w = window.seconds > 0.0 ? energy_j / window.seconds : 0.0;
    for (const CurveState* end : {&open, &close}) {
      const double power_w = std::max(mean_w, end->power_w);
      boundary_j2 += square(uniform_deviation(power_w * end->dt_s));
      sensor_j2 += square(uniform_deviation(infos[i].resolution_j));
    }
    sensor_j2 += square(uniform_deviation(infos[i].resolution_w) * window.seconds);
  }
  window.boundary_j = std::sqrt(boundary_j2);
  window.sensor_j = std::sqrt(sensor_j2);
  if (window.problem.empty()) {
    window.energy_j = total_j;
  } else {
    window.n_updates = 0;
  }
  return window;
}

EnergyWindow::EnergyWindow(EnergyMonitor& monitor) : monitor_(monitor), open_(monitor.begin()) {}

WindowEnergy EnergyWindow::close() const {
  return energy_between(open_, monitor_.end(), monitor_.infos());
}

}  // namespace wattle::sense
