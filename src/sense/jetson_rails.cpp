#include "sense/jetson_rails.hpp"

#include <algorithm>
#include <span>
#include <string_view>

namespace wattle::sense {
namespace {

struct Row {
  std::string_view label;
  Rail rail;
  std::string_view feeds;
  bool board_total = false;
  std::string_view inside{};
};

constexpr Row kAgxOrin[] = {
    {"VDD_GPU_SOC", Rail::gpu, "GPU and SoC", true},
    {"VDD_CPU_CV", Rail::cpu, "CPU and computer vision", true},
    {"VIN_SYS_5V0", Rail::io, "5 V side with memory", true},
    {"VDDQ_VDD2_1V8AO", Rail::dram, "memory and always-on part", false, "VIN_SYS_5V0"},
};
constexpr Row kOneInput[] = {
    // Orin NX, Orin Nano, Xavier NX
    {"VDD_IN", Rail::system, "whole module", true},
    {"VDD_CPU_GPU_CV", Rail::cpu, "CPU, GPU and computer vision", false, "VDD_IN"},
    {"VDD_SOC", Rail::soc, "SoC", false, "VDD_IN"},
};
constexpr Row kAgxXavier[] = {
    {"GPU", Rail::gpu, "GPU", true},       {"CPU", Rail::cpu, "CPU", true},
    {"SOC", Rail::soc, "SoC", true},       {"CV", Rail::soc, "computer vision", true},
    {"VDDRQ", Rail::dram, "memory", true}, {"SYS5V", Rail::io, "5 V side", true},
};
constexpr Row kNano[] = {
    {"POM_5V_IN", Rail::system, "whole module", true},
    {"POM_5V_GPU", Rail::gpu, "GPU", false, "POM_5V_IN"},
    {"POM_5V_CPU", Rail::cpu, "CPU", false, "POM_5V_IN"},
};
constexpr Row kTx2[] = {
    {"VDD_IN", Rail::soc, "whole module", true},
    {"VDD_MUX", Rail::io, "carrier board", true},
    {"VDD_SYS_GPU", Rail::gpu, "GPU", false, "VDD_IN"},
    {"VDD_SYS_SOC", Rail::soc, "SoC", false, "VDD_IN"},
    {"VDD_SYS_CPU", Rail::cpu, "CPU", false, "VDD_IN"},
    {"VDD_SYS_DDR", Rail::dram, "memory", false, "VDD_IN"},
    {"VDD_4V0_WIFI", Rail::io, "Wi-Fi", false, "VDD_IN"},
    {"VDD_5V0_IO_SYS", Rail::io, "5 V of the carrier", false, "VDD_MUX"},
    {"VDD_3V3_SYS", Rail::io, "3.3 V of the carrier", false, "VDD_MUX"},
    {"VDD_3V3_IO_SLP", Rail::io, "3.3 V in sleep", false, "VDD_MUX"},
    {"VDD_1V8_IO", Rail::io, "1.8 V of the carrier", false, "VDD_MUX"},
    {"VDD_M2_IN", Rail::io, "M.2 slot", false, "VDD_MUX"},
};
constexpr Row kThor[] = {
    {"VIN", Rail::system, "whole board", true},
    {"VDD_GPU", Rail::gpu, "GPU", false, "VIN"},
    {"VDD_CPU_SOC_MSS", Rail::cpu, "CPU, SoC and memory", false, "VIN"},
    {"VIN_SYS_5V0", Rail::io, "5 V side", false, "VIN"},
};

struct Layout {
  std::string_view mark;  // the label that only this board has
  std::span<const Row> rows;
};

constexpr Layout kLayouts[] = {
    {"VDD_GPU_SOC", kAgxOrin},  {"VDD_CPU_CV", kAgxOrin}, {"VDD_CPU_GPU_CV", kOneInput},
    {"SYS5V", kAgxXavier},      {"VDDRQ", kAgxXavier},    {"POM_5V_IN", kNano},
    {"VDD_MUX", kTx2},          {"VDD_SYS_GPU", kTx2},    {"VDD_SYS_CPU", kTx2},
    {"VDD_CPU_SOC_MSS", kThor}, {"VIN", kThor},           {"VDD_IN", kOneInput},
};

bool contains(const std::vector<std::string>& labels, std::string_view label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

std::span<const Row> layout_of(const std::vector<std::string>& labels) {
  for (const Layout& layout : kLayouts) {
    if (contains(labels, layout.mark)) return layout.rows;
  }
  return {};
}

RailPlan plan_of(const Row& row, const std::vector<std::string>& labels) {
  RailPlan plan{std::string(row.label), row.rail, {}, row.board_total, {}};
  plan.scope = plan.label + ": " + std::string(row.feeds);
  if (!row.inside.empty() && contains(labels, row.inside)) plan.inside.emplace_back(row.inside);
  return plan;
}

}  // namespace

BoardRails plan_rails(const std::vector<std::string>& labels) {
  const std::span<const Row> rows = layout_of(labels);
  BoardRails board;
  for (const std::string& label : labels) {
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.label == label; });
    board.rails.push_back(row != rows.end() ? plan_of(*row, labels)
                                            : RailPlan{label, Rail::other, label, false, {}});
  }
  for (const Row& row : rows) {
    if (row.board_total && !contains(labels, row.label)) board.missing.emplace_back(row.label);
  }
  return board;
}

void apply_plan(const RailPlan& plan, const std::string& prefix, SensorInfo& info) {
  info.rail = plan.rail;
  info.scope = plan.scope;
  info.board_total = plan.board_total;
  for (const std::string& label : plan.inside) info.inside.push_back(prefix + label);
}

}  // namespace wattle::sense
