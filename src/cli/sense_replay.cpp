// wattle sense replay: the energy that a log holds, by the rules of a live measurement.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/sense_commands.hpp"
#include "cli/sense_logs.hpp"
#include "sense/log_time.hpp"
#include "sense/log_writer.hpp"
#include "sense/replay.hpp"
#include "sense/run_windows.hpp"

namespace wattle::cli {
namespace {

struct Options {
  std::string file;
  LogOptions log;
  std::vector<std::string> sensors;
  std::string begin;
  std::string end;
  std::string windows;
  std::string csv;
  bool force = false;
  bool json = false;
};

struct Window {
  std::string name;
  std::int64_t begin_ns;  // of the log's own clock
  std::int64_t end_ns;
};

struct Row {
  std::string id;
  std::string scope;
  std::string kind;
  bool is_total = false;
  bool in_total = false;
  std::size_t n_readings = 0;
  std::size_t n_failed = 0;
  sense::WindowEnergy energy;
  sense::LogReplay::Known known;
  std::optional<double> peak_w;
  std::vector<sense::ReplayGap> gaps;  // within the window
};

struct Report {
  Window window;
  std::vector<Row> rows;
};

Row row_of(const sense::LogReplay& replay, const Window& window) {
  Row row;
  row.n_readings = replay.n_readings();
  row.n_failed = replay.n_failed();
  row.energy = replay.between(window.begin_ns, window.end_ns);
  row.known = replay.known_between(window.begin_ns, window.end_ns);
  row.peak_w = replay.peak_power_w(window.begin_ns, window.end_ns);
  for (const sense::ReplayGap& gap : replay.gaps()) {
    if (gap.begin_ns < window.end_ns && gap.end_ns > window.begin_ns) row.gaps.push_back(gap);
  }
  return row;
}

// "2026-11-20T13:45:00Z" or seconds from the log's start.
Result<std::int64_t> moment(const std::string& text, const sense::SensorLog& log,
                            std::int64_t first_ns) {
  if (const auto time = sense::parse_timestamp(text)) return time->ns - log.wall_offset_ns;
  double seconds = 0.0;
  if (!CLI::detail::lexical_cast(text, seconds) || seconds < -1e9 || seconds > 1e9) {
    return fail(ErrorCode::invalid_argument, "'" + text + "' is no time",
                "Write it as 2026-11-20T13:45:00Z, or as seconds from the log's start.");
  }
  return first_ns + static_cast<std::int64_t>(seconds * 1e9);
}

Result<std::vector<Window>> windows_of(const Options& options, const sense::SensorLog& log) {
  const std::int64_t first_ns = log.first_ns().value_or(0);
  std::vector<Window> windows;
  if (!options.windows.empty()) {
    WATTLE_TRY(const sense::RunList list, sense::read_runs(options.windows));
    for (const std::string& note : list.notes) fmt::print(stderr, "wattle: {}\n", note);
    const std::int64_t shift_ns = list.relative ? first_ns : -log.wall_offset_ns;
    for (const auto& run : list.runs) {
      windows.push_back({run.id, run.begin_ns + shift_ns, run.end_ns + shift_ns});
    }
    return windows;
  }
  Window window{"", first_ns, log.last_ns().value_or(0)};
  if (!options.begin.empty()) {
    WATTLE_TRY(window.begin_ns, moment(options.begin, log, first_ns));
  }
  if (!options.end.empty()) {
    WATTLE_TRY(window.end_ns, moment(options.end, log, first_ns));
  }
  if (window.end_ns < window.begin_ns) {
    return fail(ErrorCode::invalid_argument, "--end is before --begin");
  }
  windows.push_back(window);
  return windows;
}

// Without a choice of window each sensor's own readings bound it: they begin and end at moments of
// their own.
Window own_window(const sense::LogReplay& replay, const Window& window, bool whole) {
  if (!whole || !replay.first_ns()) return window;
  return {window.name, *replay.first_ns(), *replay.last_ns()};
}

Result<std::vector<Report>> measure(const Options& options, const sense::SensorLog& log) {
  WATTLE_TRY(const auto windows, windows_of(options, log));
  std::vector<std::size_t> members = log.total;
  std::vector<std::size_t> all(log.power.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  if (!options.sensors.empty()) {
    WATTLE_TRY(all, sense::choose_sensors(log, options.sensors));
    const auto chosen = [&](std::size_t i) {
      return std::find(all.begin(), all.end(), i) != all.end();
    };
    if (!std::all_of(members.begin(), members.end(), chosen)) members.clear();
  }
  const bool whole = options.windows.empty() && options.begin.empty() && options.end.empty();
  std::vector<Report> reports;
  for (const Window& window : windows) reports.push_back({window, {}});
  for (const std::size_t i : all) {
    const sense::LogReplay replay(log, {i});
    for (std::size_t w = 0; w < windows.size(); ++w) {
      Row row = row_of(replay, own_window(replay, windows[w], whole));
      row.id = log.power[i].info.id;
      row.scope = log.power[i].info.scope;
      row.kind = sense::kind_name(log.power[i].info.kind);
      row.in_total = std::find(members.begin(), members.end(), i) != members.end();
      reports[w].rows.push_back(std::move(row));
    }
  }
  if (members.empty()) return reports;
  const sense::LogReplay replay(log, members);
  for (std::size_t w = 0; w < windows.size(); ++w) {
    Row row = row_of(replay, own_window(replay, windows[w], whole));
    row.id = "total";
    row.is_total = true;
    row.kind = sense::kind_name(log.power[members.front()].info.kind);
    for (const std::size_t i : members) {
      row.scope += (row.scope.empty() ? "" : " + ") + log.power[i].info.scope;
    }
    reports[w].rows.push_back(std::move(row));
  }
  return reports;
}

std::string time_text(const sense::SensorLog& log, std::int64_t t_ns) {
  return log.clock == sense::LogClock::none
             ? fmt::format("{:.3f} s",
                           static_cast<double>(t_ns - log.first_ns().value_or(0)) * 1e-9)
             : sense::wall_time_us(t_ns + log.wall_offset_ns);
}

Json to_json(const sense::SensorLog& log, const Row& row) {
  Json gaps = Json::array();
  for (const auto& gap : row.gaps) {
    gaps.push_back({{"begin", time_text(log, gap.begin_ns)},
                    {"seconds", static_cast<double>(gap.end_ns - gap.begin_ns) * 1e-9},
                    {"sensor", gap.sensor},
                    {"reason", gap.reason}});
  }
  const auto optional = [](std::optional<double> v) { return v ? Json(*v) : Json(); };
  const bool known = row.energy.energy_j.has_value();
  const auto of_known = [&](double v) { return known ? Json(v) : Json(); };
  return {{"id", row.id},
          {"scope", row.scope},
          {"kind", row.kind},
          {"is_total", row.is_total},
          {"in_total", row.is_total || row.in_total},
          {"seconds", row.energy.seconds},
          {"energy_j", optional(row.energy.energy_j)},
          {"energy_j_uncertainty", of_known(row.energy.uncertainty_j())},
          {"energy_j_boundary", of_known(row.energy.boundary_j)},
          {"energy_j_sensor", of_known(row.energy.sensor_j)},
          {"avg_power_w", optional(row.energy.avg_power_w())},
          {"peak_power_w", optional(row.peak_w)},
          {"problem", row.energy.problem.empty() ? Json() : Json(row.energy.problem)},
          {"known_energy_j", row.known.seconds > 0.0 ? Json(row.known.energy_j) : Json()},
          {"known_seconds", row.known.seconds},
          {"n_readings", row.n_readings},
          {"n_failed", row.n_failed},
          {"gaps", gaps}};
}

Json to_json(const sense::SensorLog& log, const std::vector<Report>& reports) {
  Json windows = Json::array();
  for (const Report& report : reports) {
    Json rows = Json::array();
    for (const Row& row : report.rows) rows.push_back(to_json(log, row));
    windows.push_back({{"name", report.window.name.empty() ? Json() : Json(report.window.name)},
                       {"begin", time_text(log, report.window.begin_ns)},
                       {"end", time_text(log, report.window.end_ns)},
                       {"sensors", rows}});
  }
  return {{"log", log.source},
          {"format", sense::log_format_name(log.format)},
          {"host", log.host.empty() ? Json() : Json(log.host)},
          {"total_note", log.total_note.empty() ? Json() : Json(log.total_note)},
          {"notes", log.notes},
          {"windows", windows}};
}

void print_report(const sense::SensorLog& log, const Report& report) {
  using Align = TextTable::Align;
  if (!report.window.name.empty()) fmt::print("{}\n", report.window.name);
  TextTable table({{"sensor"},
                   {"kind"},
                   {"scope"},
                   {"energy", Align::right},
                   {"± boundary", Align::right},
                   {"± sensor", Align::right},
                   {"mean", Align::right},
                   {"peak", Align::right},
                   {"time", Align::right},
                   {"readings", Align::right},
                   {"gaps", Align::right},
                   {"total"}});
  for (const Row& row : report.rows) {
    const bool known = row.energy.energy_j.has_value();
    const auto joules = [&](double v) { return known ? fmt::format("{:.3f} J", v) : "–"; };
    const auto watts = [](std::optional<double> v) {
      return v ? fmt::format("{:.2f} W", *v) : std::string("–");
    };
    table.add_row({row.id, row.kind, row.scope, joules(row.energy.energy_j.value_or(0.0)),
                   joules(row.energy.boundary_j), joules(row.energy.sensor_j),
                   watts(row.energy.avg_power_w()), watts(row.peak_w),
                   fmt::format("{:.3f} s", row.energy.seconds), fmt::format("{}", row.n_readings),
                   fmt::format("{}", row.gaps.size()), row.in_total ? "yes" : ""});
  }
  fmt::print("{}", table.render());
  for (const Row& row : report.rows) {
    if (!row.energy.energy_j) {
      fmt::print("{}: no energy for all of it ({})", row.id, row.energy.problem);
      if (row.known.seconds > 0.0) {
        fmt::print("; {:.3f} J in the {:.3f} s that are known", row.known.energy_j,
                   row.known.seconds);
      }
      fmt::print("\n");
    }
    if (row.is_total) continue;
    constexpr std::size_t kShown = 5;
    for (std::size_t i = 0; i < std::min(kShown, row.gaps.size()); ++i) {
      fmt::print("  gap of {:.3f} s at {}: {}\n",
                 static_cast<double>(row.gaps[i].end_ns - row.gaps[i].begin_ns) * 1e-9,
                 time_text(log, row.gaps[i].begin_ns), row.gaps[i].reason);
    }
    if (row.gaps.size() > kShown) {
      fmt::print("  and {} more gaps (--json lists all)\n", row.gaps.size() - kShown);
    }
  }
}

void print(const sense::SensorLog& log, const std::vector<Report>& reports) {
  const auto first_ns = log.first_ns();
  fmt::print("{}: {}{}{}", log.source, sense::log_format_name(log.format),
             log.host.empty() ? "" : " of " + log.host, first_ns ? ", " : "");
  if (first_ns) {
    fmt::print("{} to {}{}", time_text(log, *first_ns), time_text(log, *log.last_ns()),
               log.clock == sense::LogClock::unstated ? " (time zone not stated)" : "");
  }
  fmt::print("\n");
  if (log.cost && log.cost->wall_seconds > 0.0) {
    fmt::print("Recording took {:.2f} % of one core.\n",
               100.0 * log.cost->cpu_seconds / log.cost->wall_seconds);
  }
  for (const Report& report : reports) {
    fmt::print("\n");
    print_report(log, report);
  }
  if (!log.total_note.empty()) fmt::print("Note on the total: {}.\n", log.total_note);
}

struct Cell {
  std::int64_t t_ns;
  std::string_view id;
  std::string_view quantity;
  const sense::LogReading* reading;
};

Status convert(const sense::SensorLog& log, const Options& options) {
  sense::LogHeader header;
  std::vector<Cell> cells;
  for (const auto& sensor : log.power) {
    header.sensors.push_back(sensor.info);
    for (const auto& reading : sensor.readings) {
      cells.push_back(
          {reading.t_ns, sensor.info.id, sensor.is_energy ? "energy_j" : "power_w", &reading});
    }
  }
  for (const auto& gauge : log.gauges) {
    header.gauges.push_back(gauge.info);
    for (const auto& reading : gauge.readings) {
      cells.push_back(
          {reading.t_ns, gauge.info.id, sense::quantity_name(gauge.info.quantity), &reading});
    }
  }
  std::stable_sort(cells.begin(), cells.end(),
                   [](const Cell& a, const Cell& b) { return a.t_ns < b.t_ns; });
  header.total.members = log.total;
  header.total.note = log.total_note;
  header.host = log.host;
  header.wattle = WATTLE_VERSION;
  header.converted = sense::log_format_name(log.format);
  header.clock = log.clock;
  header.date_known = log.date_known;
  WATTLE_TRY(
      sense::LogWriter writer,
      sense::LogWriter::open(options.csv, {sense::log_format_of_path(options.csv), options.force}));
  WATTLE_CHECK(writer.header(header));
  for (const Cell& cell : cells) {
    WATTLE_CHECK(writer.row({cell.t_ns, cell.t_ns + log.wall_offset_ns, cell.id, cell.quantity,
                             cell.reading->value, cell.reading->reason}));
  }
  return writer.flush();
}

Status replay(const Options& options) {
  WATTLE_TRY(const sense::ReadLogOptions read, read_log_options(options.log));
  WATTLE_TRY(const sense::SensorLog log, sense::read_log(options.file, read));
  if (!options.csv.empty()) {
    print_notes(log);
    return convert(log, options);
  }
  WATTLE_TRY(const auto reports, measure(options, log));
  if (options.json) {
    fmt::print("{}\n", dump_json(to_json(log, reports), 2));
  } else {
    print_notes(log);
    print(log, reports);
  }
  return {};
}

}  // namespace

void add_sense_replay(CLI::App& sense, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* replay = sense.add_subcommand(
      "replay",
      "The energy in a log: ours, or of another tool, by the rules of a live measurement");
  replay->add_option("log", options->file, "The log")->required();
  add_log_options(*replay, options->log);
  replay->add_option("--sensor", options->sensors, "Only this sensor (may be given several times)")
      ->allow_extra_args(false);
  replay->add_option("--begin", options->begin,
                     "From here: 2026-11-20T13:45:00Z, or seconds from the log's start");
  replay->add_option("--end", options->end, "To here");
  replay
      ->add_option("--window", options->windows,
                   "For each run in this file (records, or columns begin and end or duration_s)")
      ->excludes("--begin")
      ->excludes("--end");
  replay->add_option("--csv", options->csv,
                     "Convert the log to Wattle's own format (.jsonl: JSON lines; -: standard "
                     "output) instead");
  replay->add_flag("--force", options->force, "With --csv: replace an existing file");
  replay->add_flag("--json", options->json, "Print JSON");
  replay->footer(
      "Example: wattle sense replay run.csv\n"
      "         wattle sense replay run.csv --begin 10 --end 20 --json\n"
      "         wattle sense replay PowerLog.csv --date 2025-11-23 --csv cpu.csv\n"
      "         wattle sense replay gpu.csv --window records.csv\n"
      "A window across a gap has no energy; the part that is known is given beside it. What\n"
      "overlaps is not summed: `total` is only what the log says may be added.\n"
      "Formats: docs/formats/sense-log.md.");
  replay->callback([options, &invocation] {
    invocation.run = [options] {
      const Status status = cli::replay(*options);
      return status ? int{kOk} : report(status.error());
    };
  });
}

}  // namespace wattle::cli
