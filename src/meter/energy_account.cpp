#include "meter/energy_account.hpp"

#include <fmt/format.h>

#include <cmath>

namespace wattle::meter {
namespace {

constexpr const char* kFlagPrefix = "energy: ";
constexpr double kShortestWindowS = 5.0;
constexpr std::uint64_t kFewestUpdates = 50;

Energy make_energy(double gross_j, double seconds, double boundary_j, double sensor_j,
                   const std::optional<IdleBaseline>& idle) {
  Energy energy;
  energy.gross_j = gross_j;
  energy.boundary_j = boundary_j;
  energy.sensor_j = sensor_j;
  energy.uncertainty_j = std::hypot(boundary_j, sensor_j);
  if (idle) {
    energy.net_j = gross_j - idle->power_w * seconds;
    energy.baseline_j = idle->standard_error_w * seconds;
  }
  return energy;
}

std::optional<double> combine(const std::optional<double>& a, const std::optional<double>& b,
                              double sign) {
  if (!a || !b) return std::nullopt;
  return *a + sign * *b;
}

std::optional<Energy> combine(const std::optional<Energy>& a, const std::optional<Energy>& b,
                              double sign) {
  if (!a || !b) return std::nullopt;
  Energy out;
  out.gross_j = a->gross_j + sign * b->gross_j;
  out.net_j = combine(a->net_j, b->net_j, sign);
  out.boundary_j = std::hypot(a->boundary_j, b->boundary_j);
  out.sensor_j = std::hypot(a->sensor_j, b->sensor_j);
  out.uncertainty_j = std::hypot(out.boundary_j, out.sensor_j);
  // The same idle power on both sides: its error follows the times, as net does.
  out.baseline_j = combine(a->baseline_j, b->baseline_j, sign);
  return out;
}

}  // namespace

std::optional<Energy> energy_of(const sense::WindowEnergy& window,
                                const std::optional<IdleBaseline>& idle) {
  if (!window.energy_j) return std::nullopt;
  return make_energy(*window.energy_j, window.seconds, window.boundary_j, window.sensor_j, idle);
}

void EnergySum::add(const sense::WindowEnergy& window) {
  seconds_ += window.seconds;
  if (!window.energy_j) {
    known_ = false;
    return;
  }
  gross_j_ += *window.energy_j;
  boundary_j2_ += window.boundary_j * window.boundary_j;
  sensor_j2_ += window.sensor_j * window.sensor_j;
}

std::optional<Energy> EnergySum::energy(const std::optional<IdleBaseline>& idle) const {
  if (!known_) return std::nullopt;
  return make_energy(gross_j_, seconds_, std::sqrt(boundary_j2_), std::sqrt(sensor_j2_), idle);
}

std::optional<Energy> minus(const std::optional<Energy>& a, const std::optional<Energy>& b) {
  return combine(a, b, -1.0);
}

std::optional<Energy> plus(const std::optional<Energy>& a, const std::optional<Energy>& b) {
  return combine(a, b, 1.0);
}

Energy share_of(const Energy& whole, double share) {
  Energy part;
  part.gross_j = whole.gross_j * share;
  if (whole.net_j) part.net_j = *whole.net_j * share;
  part.uncertainty_j = whole.uncertainty_j * share;
  part.boundary_j = whole.boundary_j * share;
  part.sensor_j = whole.sensor_j * share;
  if (whole.baseline_j) part.baseline_j = *whole.baseline_j * share;
  return part;
}

std::string energy_flag(const std::string& text) {
  return kFlagPrefix + text;
}

bool is_energy_flag(const std::string& flag) {
  return flag.starts_with(kFlagPrefix);
}

void flag_window(const sense::WindowEnergy& window, const std::optional<Energy>& energy,
                 std::vector<std::string>& flags) {
  if (!energy) {
    if (!window.problem.empty()) flags.push_back(energy_flag("none: " + window.problem));
    return;
  }
  const bool short_window = window.seconds < kShortestWindowS;
  const bool few_updates = window.n_updates < kFewestUpdates;
  if (short_window || few_updates) {
    std::string why;
    if (short_window) why = fmt::format("window {:.3g} s (below 5 s)", window.seconds);
    if (few_updates) {
      why +=
          fmt::format("{}{} sensor updates (below 50)", why.empty() ? "" : ", ", window.n_updates);
    }
    if (energy->gross_j > 0.0) {
      why += fmt::format(": uncertainty {:.2g} % of gross",
                         100.0 * energy->uncertainty_j / energy->gross_j);
    }
    flags.push_back(energy_flag(why));
  }
  if (!energy->net_j) {
    flags.push_back(energy_flag("no idle baseline, so no net figure"));
  } else if (*energy->net_j < 0.0) {
    flags.push_back(energy_flag("net below zero: less than the idle baseline"));
  }
}

}  // namespace wattle::meter
