#include "cli/sense_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/board.hpp"
#include "base/interrupt.hpp"
#include "sense/discover.hpp"

namespace wattle::cli {

using sense::Quantity;

Result<SenseView> open_view(const EnergyOptions& options, int pid, Clock& clock) {
  WATTLE_CHECK(check_root(options));
  const FsRoot root(options.root);
  sense::Inventory inventory = sense::discover(root, clock, discover_options(options));
  sense::GaugeInventory gauges = sense::discover_gauges(root, clock, {.pid = pid});
  SenseView view;
  view.board = board_model(root);
  view.simulated = is_simulated_board(root);
  const auto all = sense::infos(inventory);
  view.total = sense::choose_total(all, inventory.unavailable);
  view.unavailable = std::move(inventory.unavailable);
  view.unavailable_gauges = std::move(gauges.unavailable);
  view.monitor = std::make_unique<sense::EnergyMonitor>(
      std::move(inventory.sensors), clock, sense::MonitorOptions{}, std::move(gauges.gauges));
  return view;
}

std::vector<PowerRow> power_rows(const SenseView& view, const sense::Mark& begin,
                                 const sense::Mark& end) {
  const sense::WindowEnergy window = view.monitor->between(begin, end);
  const auto& infos = view.monitor->infos();
  const auto& members = view.total.members;
  std::vector<PowerRow> rows;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    PowerRow row{infos[i], std::ranges::find(members, i) != members.end(), {}, {}, {}};
    const bool changed = end.states[i].n_updates > begin.states[i].n_updates;
    if (!window.per_sensor_j[i]) {
      row.problem = end.problems[i].empty() ? "no reading yet" : end.problems[i];
    } else if (!changed) {
      row.problem = fmt::format("unchanged for {:.3g} s", window.seconds);
    } else if (window.seconds > 0.0) {
      row.energy_j = window.per_sensor_j[i];
      row.power_w = *window.per_sensor_j[i] / window.seconds;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::optional<double> total_energy_j(const SenseView& view, const std::vector<PowerRow>& rows) {
  if (view.total.members.empty()) return std::nullopt;
  double sum_j = 0.0;
  for (const std::size_t i : view.total.members) {
    if (!rows[i].energy_j) return std::nullopt;
    sum_j += *rows[i].energy_j;
  }
  return sum_j;
}

std::string gauge_text(Quantity quantity, double value) {
  switch (quantity) {
    case Quantity::temperature_c:
      return fmt::format("{:.1f} °C", value);
    case Quantity::frequency_hz:
      return fmt::format("{:.6g} MHz", value / 1e6);
    case Quantity::utilisation:
    case Quantity::fan_duty:
    case Quantity::charge:
      return fmt::format("{:.0f} %", 100.0 * value);
    case Quantity::memory_bytes:
      return value >= 1e9 ? fmt::format("{:.2f} GB", value / 1e9)
                          : fmt::format("{:.1f} MB", value / 1e6);
    case Quantity::throttled:
    case Quantity::was_throttled:
      return value > 0.0 ? "yes" : "no";
    case Quantity::fan_rpm:
      return fmt::format("{:.0f} rpm", value);
    case Quantity::page_faults:
    case Quantity::throttle_count:
      return fmt::format("{:.0f}", value);
  }
  return fmt::format("{:g}", value);
}

Json row_json(const PowerRow& row) {
  return {{"id", row.info.id},
          {"source", row.info.source},
          {"scope", row.info.scope},
          {"kind", sense::kind_name(row.info.kind)},
          {"rail", sense::rail_name(row.info.rail)},
          {"sample_rate_hz", row.info.default_rate_hz},
          {"update_period_s", row.info.update_period_s},
          {"in_total", row.in_total},
          {"power_w", row.power_w ? Json(*row.power_w) : Json()},
          {"energy_j", row.energy_j ? Json(*row.energy_j) : Json()},
          {"problem", row.problem.empty() ? Json() : Json(row.problem)}};
}

Json gauge_json(const SenseView& view, std::size_t index) {
  const sense::GaugeInfo& info = view.monitor->gauge_infos()[index];
  const auto now = view.monitor->gauge(index);
  Json json = {{"id", info.id},
               {"source", info.source},
               {"scope", info.scope},
               {"quantity", sense::quantity_name(info.quantity)},
               {"unit", sense::quantity_unit(info.quantity)},
               {"sample_rate_hz", info.default_rate_hz},
               {"value", now.reading ? Json(now.reading->value) : Json()},
               {"problem", now.problem.empty() ? Json() : Json(now.problem)}};
  if (!info.trips.empty()) {
    json["trips"] = Json::array();
    for (const sense::TripPoint& trip : info.trips) {
      json["trips"].push_back({{"type", trip.type}, {"temperature_c", trip.temperature_c}});
    }
  }
  return json;
}

Json total_json(const SenseView& view) {
  if (view.total.members.empty()) return {};
  return {{"id", view.total.id},
          {"scope", view.total.scope},
          {"kind", sense::kind_name(view.total.kind)},
          {"simulated", view.simulated},
          {"note", view.total.note.empty() ? Json() : Json(view.total.note)}};
}

Json unavailable_json(const std::vector<sense::Unavailable>& unavailable) {
  Json missing = Json::array();
  for (const auto& u : unavailable) {
    missing.push_back(
        {{"id", u.id}, {"source", u.source}, {"reason", u.reason}, {"remedy", u.remedy}});
  }
  return missing;
}

bool wait_until(Clock& clock, std::int64_t t_ns) {
  constexpr std::int64_t kSliceNs = 50'000'000;
  while (!interrupted() && clock.monotonic_ns() < t_ns) {
    clock.sleep_ns(std::min(t_ns - clock.monotonic_ns(), kSliceNs));
  }
  return !interrupted();
}

}  // namespace wattle::cli
