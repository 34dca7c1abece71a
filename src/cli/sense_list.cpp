// wattle sense list: what can be read on this machine, and for what cannot, why and how to fix it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/sense_commands.hpp"
#include "sense/discover.hpp"
#include "sense/energy_monitor.hpp"

namespace wattle::cli {
namespace {

struct Options {
  std::string root = "/";
  double seconds = 0.5;
  sense::ModelOptions model;
  bool json = false;
};

struct Row {
  sense::SensorInfo info;
  bool in_total = false;
  std::optional<double> power_w;
  std::string problem;  // why there is no power
};

struct Listing {
  std::vector<Row> rows;
  std::vector<sense::Unavailable> unavailable;
  sense::TotalSet total;
};

// Watches every sensor for `seconds` and gives its mean power: a counter alone shows no power.
Listing look(const Options& options) {
  SystemClock clock;
  sense::Inventory inventory =
      sense::discover(FsRoot(options.root), clock, {.model = options.model});
  Listing listing;
  const auto all = sense::infos(inventory);
  listing.total = sense::choose_total(all, inventory.unavailable);
  listing.unavailable = std::move(inventory.unavailable);
  sense::EnergyMonitor monitor(std::move(inventory.sensors), clock);
  const sense::Mark begin = monitor.begin();
  constexpr std::int64_t kSliceNs = 50'000'000;
  const auto end_ns = begin.t_ns + static_cast<std::int64_t>(options.seconds * 1e9);
  while (!interrupted() && clock.monotonic_ns() < end_ns) {
    clock.sleep_ns(std::min(end_ns - clock.monotonic_ns(), kSliceNs));
  }
  const sense::Mark end = monitor.end();
  const sense::WindowEnergy window = monitor.between(begin, end);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Row row{all[i], false, std::nullopt, {}};
    const auto& members = listing.total.members;
    row.in_total = std::find(members.begin(), members.end(), i) != members.end();
    const bool changed = end.states[i].n_updates > begin.states[i].n_updates;
    if (window.per_sensor_j[i] && changed && window.seconds > 0.0) {
      row.power_w = *window.per_sensor_j[i] / window.seconds;
    } else {
      row.problem = window.per_sensor_j[i] ? fmt::format("unchanged for {:g} s", options.seconds)
                                           : end.problems[i];
    }
    listing.rows.push_back(std::move(row));
  }
  return listing;
}

Json to_json(const Listing& listing) {
  Json sensors = Json::array();
  for (const Row& row : listing.rows) {
    sensors.push_back({{"id", row.info.id},
                       {"source", row.info.source},
                       {"scope", row.info.scope},
                       {"kind", sense::kind_name(row.info.kind)},
                       {"rail", sense::rail_name(row.info.rail)},
                       {"sample_rate_hz", row.info.default_rate_hz},
                       {"update_period_s", row.info.update_period_s},
                       {"in_total", row.in_total},
                       {"power_w", row.power_w ? Json(*row.power_w) : Json()},
                       {"problem", row.problem.empty() ? Json() : Json(row.problem)}});
  }
  Json missing = Json::array();
  for (const auto& u : listing.unavailable) {
    missing.push_back(
        {{"id", u.id}, {"source", u.source}, {"reason", u.reason}, {"remedy", u.remedy}});
  }
  Json total;
  if (!listing.total.members.empty()) {
    total = {{"id", listing.total.id},
             {"scope", listing.total.scope},
             {"kind", sense::kind_name(listing.total.kind)},
             {"note", listing.total.note.empty() ? Json() : Json(listing.total.note)}};
  }
  return {{"sensors", sensors}, {"total", total}, {"unavailable", missing}};
}

void print(const Listing& listing) {
  using Align = TextTable::Align;
  if (listing.rows.empty()) {
    fmt::print("Nothing can be read here.\n");
  } else {
    TextTable table({{"sensor"},
                     {"source"},
                     {"scope"},
                     {"kind"},
                     {"rate", Align::right},
                     {"now", Align::right},
                     {"total"}});
    for (const Row& row : listing.rows) {
      table.add_row({row.info.id, row.info.source, row.info.scope, sense::kind_name(row.info.kind),
                     fmt::format("{:g} Hz", row.info.default_rate_hz),
                     row.power_w ? fmt::format("{:.2f} W", *row.power_w) : row.problem,
                     row.in_total ? "yes" : ""});
    }
    fmt::print("{}", table.render());
  }
  if (!listing.total.members.empty()) {
    fmt::print("\nEnergy figures here: {} ({}), scope {}.\n", listing.total.id,
               sense::kind_name(listing.total.kind), listing.total.scope);
    if (listing.total.kind == sense::Kind::model) {
      fmt::print("They are modelled from processor utilisation, not measured.\n");
    }
    if (!listing.total.note.empty()) fmt::print("Note: {}.\n", listing.total.note);
  }
  if (!listing.unavailable.empty()) fmt::print("\nCannot be read:\n");
  for (const auto& u : listing.unavailable) {
    fmt::print("  {}: {}\n", u.id, u.reason);
    if (!u.remedy.empty()) fmt::print("    → {}\n", u.remedy);
  }
}

int run(const Options& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(options.root, ignored)) {
    return report({ErrorCode::not_found, "no folder " + options.root,
                   "Name the root of a Linux system with --root."});
  }
  const Listing listing = look(options);
  if (interrupted()) return kInterrupted;
  if (options.json) {
    fmt::print("{}\n", dump_json(to_json(listing), 2));
  } else {
    print(listing);
  }
  return listing.rows.empty() ? kUnavailable : kOk;
}

}  // namespace

void add_sense_list(CLI::App& sense, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* list = sense.add_subcommand(
      "list", "What can be read here, and for what cannot, why and how to fix it");
  list->add_option("--root", options->root, "Read /sys and /proc below this folder")
      ->capture_default_str();
  list->add_option("--seconds", options->seconds, "How long to watch for the present power")
      ->capture_default_str()
      ->check(CLI::Range(0.05, 60.0));
  list->add_option("--model-idle-w", options->model.idle_w,
                   "Utilisation model: watts when idle (5)");
  list->add_option("--model-max-w", options->model.max_w,
                   "Utilisation model: watts at full load (15; Jetson Nano 10)");
  list->add_flag("--json", options->json, "Print JSON");
  list->footer(
      "Example: wattle sense list\n         wattle sense list --root /host --json\n"
      "Exit code 4 if nothing at all can be read.");
  list->callback([options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

}  // namespace wattle::cli
