#pragma once
// What the rails of the Jetson boards feed, and which of them together are the board
// (docs/measurement.md). The labels that occur together tell the boards apart; INA3221 and
// tegrastats use the same ones. NVIDIA's Jetson Linux Developer Guide lists the rails of each
// module. VIN_SYS_5V0 of the AGX Orin contains VDDQ_VDD2_1V8AO: on one board adding it counted 1.27
// W of 22.8 W twice. What lies inside VDD_MUX of the TX2 is taken from the names of its rails.

#include <string>
#include <vector>

#include "sense/sensor.hpp"

namespace wattle::sense {

struct RailPlan {
  std::string label;
  Rail rail = Rail::other;
  std::string scope;  // "VDD_GPU_SOC: GPU and SoC"
  bool board_total = false;
  std::vector<std::string> inside;  // labels, among those given, whose figure contains this one's
};

struct BoardRails {
  std::vector<RailPlan> rails;       // one for each label given, in that order
  std::vector<std::string> missing;  // labels that the board's total needs and that were not given
};

// Labels of no board known: Rail::other, in no total.
[[nodiscard]] BoardRails plan_rails(const std::vector<std::string>& labels);

// Sets rail, scope, board_total and inside; `prefix` ("ina3221:") makes labels ids.
void apply_plan(const RailPlan& plan, const std::string& prefix, SensorInfo& info);

}  // namespace wattle::sense
