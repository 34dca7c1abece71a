#include "lab/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace wattle::lab {

std::string exit_layer_label(const Configuration& configuration) {
  const bool full =
      configuration.exit_layer == 0 || configuration.exit_layer == configuration.n_layers;
  if (full) return fmt::format("{} (full)", configuration.n_layers);
  return fmt::format("{} of {}", configuration.exit_layer, configuration.n_layers);
}

std::string short_label(const Configuration& configuration) {
  const bool full =
      configuration.exit_layer == 0 || configuration.exit_layer == configuration.n_layers;
  if (full) return configuration.precision + ", full depth";
  return fmt::format("{}, layer {}", configuration.precision, configuration.exit_layer);
}

std::optional<double> idle_drift(const SessionInfo& session) {
  if (!session.idle_before || !session.idle_after || session.idle_before->power_w <= 0.0) {
    return std::nullopt;
  }
  return std::abs(session.idle_after->power_w - session.idle_before->power_w) /
         session.idle_before->power_w;
}

void take_energy(Block& block, const meter::BlockEnergy& window) {
  block.seconds = window.seconds;
  block.busy_seconds = window.prefill_seconds + window.decode_seconds + window.other_seconds;
  block.n_sensor_updates = window.n_updates;
  block.energy_source = window.source;
  block.energy_prefill = window.prefill;
  block.energy_decode = window.decode;
  block.energy_between = window.between;
  block.avg_power_w = window.avg_power_w;
  block.peak_power_w = window.peak_power_w;
  block.flags = window.flags;
  block.energy = window.answers;
}

bool left_out_of_aggregates(const std::vector<std::string>& flags) {
  constexpr std::array<std::string_view, 2> kReasons = {"throttled", "clock changed"};
  return std::any_of(flags.begin(), flags.end(), [&](const std::string& flag) {
    return std::any_of(kReasons.begin(), kReasons.end(),
                       [&](std::string_view reason) { return flag.starts_with(reason); });
  });
}

}  // namespace wattle::lab
