// wattle sense list: what can be read on this machine, and for what cannot, why and how to fix it.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/sense_commands.hpp"
#include "cli/sense_view.hpp"

namespace wattle::cli {
namespace {

struct Options {
  EnergyOptions energy;
  double seconds = 0.5;
  bool json = false;
};

using Align = TextTable::Align;

void print_sensors(const std::vector<PowerRow>& rows) {
  if (rows.empty()) {
    fmt::print("No power can be read here.\n");
    return;
  }
  TextTable table({{"sensor"},
                   {"source"},
                   {"scope"},
                   {"kind"},
                   {"rate", Align::right},
                   {"now", Align::right},
                   {"total"}});
  for (const PowerRow& row : rows) {
    table.add_row({row.info.id, row.info.source, row.info.scope, sense::kind_name(row.info.kind),
                   fmt::format("{:.3g} Hz", row.info.default_rate_hz),
                   row.power_w ? fmt::format("{:.2f} W", *row.power_w) : row.problem,
                   row.in_total ? "yes" : ""});
  }
  fmt::print("{}", table.render());
}

void print_total(const SenseView& view) {
  if (view.total.members.empty()) return;
  fmt::print("\nEnergy figures here: {} ({}), scope {}.\n", view.total.id,
             sense::kind_name(view.total.kind), view.total.scope);
  if (view.simulated) {
    fmt::print("The board is simulated: nothing here is measured.\n");
  } else if (view.total.kind == sense::Kind::model) {
    fmt::print("They are modelled from processor utilisation, not measured.\n");
  }
  if (!view.total.note.empty()) fmt::print("Note: {}.\n", view.total.note);
}

std::string trips_text(const sense::GaugeInfo& info) {
  std::string text;
  for (const sense::TripPoint& trip : info.trips) {
    text += fmt::format("{}{} {:g}", text.empty() ? "" : ", ", trip.type, trip.temperature_c);
  }
  return text;
}

// "freq:cpu" of "freq:cpu12"; empty where it is not one of many cores.
std::string family_of(const std::string& id) {
  const std::string family = id.substr(0, id.find_last_not_of("0123456789") + 1);
  return family.size() < id.size() && family.ends_with(":cpu") ? family : std::string();
}

// Cores in a row of their own each would push everything else off the screen.
std::vector<std::string> family_row(const SenseView& view, std::size_t first, std::size_t end) {
  const auto& infos = view.monitor->gauge_infos();
  std::optional<double> least;
  std::optional<double> most;
  for (std::size_t i = first; i < end; ++i) {
    const auto now = view.monitor->gauge(i);
    if (!now.reading) continue;
    least = std::min(least.value_or(now.reading->value), now.reading->value);
    most = std::max(most.value_or(now.reading->value), now.reading->value);
  }
  std::string now = view.monitor->gauge(first).problem;
  if (least) {
    const auto quantity = infos[first].quantity;
    now = gauge_text(quantity, *least);
    if (gauge_text(quantity, *most) != now) now += " to " + gauge_text(quantity, *most);
  }
  const std::string& last = infos[end - 1].id;
  return {infos[first].id + " … " + last.substr(last.find(':') + 1),
          fmt::format("{} cores", end - first),
          fmt::format("{:.3g} Hz", infos[first].default_rate_hz), now, ""};
}

void print_gauges(const SenseView& view) {
  const auto& infos = view.monitor->gauge_infos();
  if (infos.empty()) return;
  TextTable table({{"beside power"},
                   {"scope"},
                   {"rate", Align::right},
                   {"now", Align::right},
                   {"trip points, °C"}});
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const std::string family = family_of(infos[i].id);
    std::size_t end = i + 1;
    while (!family.empty() && end < infos.size() && family_of(infos[end].id) == family) ++end;
    if (end > i + 2) {
      table.add_row(family_row(view, i, end));
      i = end - 1;
      continue;
    }
    const auto now = view.monitor->gauge(i);
    table.add_row({infos[i].id, infos[i].scope, fmt::format("{:.3g} Hz", infos[i].default_rate_hz),
                   now.reading ? gauge_text(infos[i].quantity, now.reading->value) : now.problem,
                   trips_text(infos[i])});
  }
  fmt::print("\n{}", table.render());
}

void print_missing(const SenseView& view) {
  if (view.unavailable.empty() && view.unavailable_gauges.empty()) return;
  fmt::print("\nCannot be read:\n");
  for (const auto* list : {&view.unavailable, &view.unavailable_gauges}) {
    for (const auto& u : *list) {
      fmt::print("  {}: {}\n", u.id, u.reason);
      if (!u.remedy.empty()) fmt::print("    → {}\n", u.remedy);
    }
  }
}

Json to_json(const SenseView& view, const std::vector<PowerRow>& rows) {
  Json sensors = Json::array();
  for (const PowerRow& row : rows) sensors.push_back(row_json(row));
  Json gauges = Json::array();
  for (std::size_t i = 0; i < view.monitor->gauge_infos().size(); ++i) {
    gauges.push_back(gauge_json(view, i));
  }
  return {{"board", view.board.empty() ? Json() : Json(view.board)},
          {"sensors", sensors},
          {"total", total_json(view)},
          {"gauges", gauges},
          {"unavailable", unavailable_json(view.unavailable)},
          {"unavailable_gauges", unavailable_json(view.unavailable_gauges)}};
}

Result<int> list(const Options& options) {
  SystemClock clock;
  WATTLE_TRY(const SenseView view, open_view(options.energy, 0, clock));
  // A counter alone shows no power: it is watched for a moment.
  const sense::Mark begin = view.monitor->begin();
  const auto span_ns = static_cast<std::int64_t>(options.seconds * 1e9);
  if (!wait_until(clock, begin.t_ns + span_ns)) return kInterrupted;
  view.monitor->sample_gauges_now();  // what is a share of time is of this time
  const sense::Mark end = view.monitor->end();
  const auto rows = power_rows(view, begin, end);
  if (options.json) {
    fmt::print("{}\n", dump_json(to_json(view, rows), 2));
  } else {
    if (!view.board.empty()) fmt::print("{}\n\n", view.board);
    print_sensors(rows);
    print_total(view);
    print_gauges(view);
    print_missing(view);
  }
  return rows.empty() ? kUnavailable : kOk;
}

}  // namespace

void add_sense_list(CLI::App& sense, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = sense.add_subcommand(
      "list", "What can be read here, and for what cannot, why and how to fix it");
  command->add_option("--seconds", options->seconds, "How long to watch for the present power")
      ->capture_default_str()
      ->check(CLI::Range(0.05, 60.0));
  command->add_flag("--json", options->json, "Print JSON");
  add_energy_options(*command, options->energy);
  command->footer(
      "Example: wattle sense list\n         wattle sense list --root /host --json\n"
      "Exit code 4 if no power can be read at all.");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      const auto code = list(*options);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
