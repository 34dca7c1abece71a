// wattle sense align: logs of different clocks joined to the runs they saw.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

#include "base/atomic_file.hpp"
#include "cli/sense_align_report.hpp"
#include "cli/sense_commands.hpp"
#include "cli/sense_logs.hpp"
#include "sense/align.hpp"
#include "sense/log_table.hpp"
#include "sense/log_time.hpp"

namespace wattle::cli {
namespace {

struct Options {
  std::vector<std::string> logs;
  LogOptions log;
  std::string runs;
  std::vector<std::string> sensors;
  std::vector<std::string> offsets;
  std::string against = "runs";
  double max_offset_s = 60.0;
  double tolerance_s = 0.0;
  bool nearest = false;
  bool interpolate = false;
  bool timestamp_is_end = false;
  bool add = false;
  bool json = false;
  std::string csv;
};

std::string scope_of(const sense::SensorLog& log, const std::vector<std::size_t>& sensors) {
  std::string scope;
  for (const std::size_t i : sensors) {
    scope += (scope.empty() ? "" : " + ") + log.power[i].info.id;
  }
  return scope;
}

// Each log takes of the --sensor ids those it has; without any of them its own total.
Result<std::vector<std::size_t>> sensors_of(const Options& options, const sense::SensorLog& log) {
  std::vector<std::string> its_own;
  for (const std::string& id : options.sensors) {
    for (const auto& sensor : log.power) {
      if (sensor.info.id == id) its_own.push_back(id);
    }
  }
  return sensors_or_total(log, its_own);
}

Status check_sensors(const Options& options, const std::vector<AlignedLog>& logs) {
  for (const std::string& id : options.sensors) {
    const bool found = std::any_of(logs.begin(), logs.end(), [&](const AlignedLog& aligned) {
      return std::any_of(aligned.log.power.begin(), aligned.log.power.end(),
                         [&](const sense::LogPower& s) { return s.info.id == id; });
    });
    if (!found) {
      return fail(ErrorCode::not_found, "no log has a sensor '" + id + "'",
                  "`wattle sense replay LOG` lists the sensors of a log.");
    }
  }
  return {};
}

std::int64_t midnight_of(std::int64_t ns) {
  constexpr std::int64_t kDayNs = 86'400'000'000'000;
  return ns - ns % kDayNs;
}

Result<AlignedLog> open_log(const Options& options, const std::string& path,
                            std::int64_t runs_begin_ns) {
  WATTLE_TRY(const sense::ReadLogOptions read, read_log_options(options.log));
  WATTLE_TRY(sense::SensorLog log, sense::read_log(path, read));
  print_notes(log);
  WATTLE_TRY(std::vector<std::size_t> sensors, sensors_of(options, log));
  auto replay = std::make_unique<sense::LogReplay>(log, sensors);
  std::int64_t wall_offset_ns = log.wall_offset_ns;
  if (log.clock == sense::LogClock::none) {  // as if it had begun with the runs
    wall_offset_ns = runs_begin_ns - log.first_ns().value_or(0);
  } else if (!log.date_known) {
    wall_offset_ns += midnight_of(runs_begin_ns);
  }
  sense::PowerTrace trace(*replay, wall_offset_ns);
  std::string scope = scope_of(log, sensors);
  return AlignedLog{std::move(log),
                    std::move(sensors),
                    std::move(scope),
                    std::move(replay),
                    std::move(trace),
                    wall_offset_ns,
                    {},
                    {}};
}

Result<std::vector<std::string>> offsets_of(const Options& options) {
  std::vector<std::string> texts = options.offsets;
  if (texts.empty()) texts = {"auto"};
  if (texts.size() == 1) texts.resize(options.logs.size(), texts.front());
  if (texts.size() != options.logs.size()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} offsets for {} logs", texts.size(), options.logs.size()),
                "Give one for all, or one for each log in their order: --offset auto,-3.5");
  }
  return texts;
}

sense::OffsetOptions search_of(const Options& options, const AlignedLog& aligned) {
  sense::OffsetOptions search{options.max_offset_s, false};
  if (aligned.log.clock == sense::LogClock::none) {  // anywhere along the runs
    search.max_offset_s = 1e7;
  } else {
    search.any_zone = aligned.log.clock == sense::LogClock::unstated;
  }
  return search;
}

Status find_offset(const Options& options, const std::string& text,
                   const std::vector<sense::RunWindow>& runs, const AlignedLog& first,
                   AlignedLog& aligned) {
  if (text != "auto") {
    const auto seconds = sense::parse_number(text);
    if (!seconds || std::abs(*seconds) > 1e9) {
      return fail(ErrorCode::invalid_argument, "'" + text + "' is no offset",
                  "Give seconds to add to the log's clock, or auto.");
    }
    aligned.method = "given";
    aligned.offset.known = true;
    aligned.offset.offset_s = *seconds;
    return {};
  }
  if (options.against == "first" && &aligned != &first) {
    aligned.method = first.log.source;
    aligned.offset =
        sense::offset_to_trace(aligned.trace, first.trace, search_of(options, aligned));
    // The first log's own offset to the runs comes on top.
    if (aligned.offset.known && first.offset.known) {
      aligned.offset.offset_s += first.offset.offset_s;
      aligned.offset.uncertainty_s =
          std::hypot(aligned.offset.uncertainty_s, first.offset.uncertainty_s);
    } else if (aligned.offset.known) {
      aligned.offset.known = false;
      aligned.offset.problem = "the first log's own offset is not known";
    }
    return {};
  }
  aligned.method = "runs";
  aligned.offset = sense::offset_to_runs(aligned.trace, runs, search_of(options, aligned));
  return {};
}

JoinedTable join_all(const Options& options, const std::vector<sense::RunWindow>& runs,
                     const std::vector<AlignedLog>& logs) {
  JoinedTable table{runs, {}, {}};
  for (const sense::RunWindow& run : runs) {
    std::vector<sense::JoinedRun> cells;
    for (const AlignedLog& aligned : logs) {
      sense::JoinedRun cell;
      if (aligned.offset.known) {
        cell = sense::join(*aligned.replay, run, aligned.offset, aligned.wall_offset_ns,
                           {options.nearest, options.tolerance_s});
      } else {
        cell.flag = "clock offset unknown";
      }
      cells.push_back(std::move(cell));
    }
    table.cells.push_back(std::move(cells));
  }
  if (logs.size() < 2) return table;
  std::vector<sense::LogSensors> sensors;
  for (const AlignedLog& aligned : logs) {
    sense::LogSensors of_log{aligned.log.host, {}};
    for (const std::size_t i : aligned.sensors) {
      of_log.infos.push_back(aligned.log.power[i].info);
    }
    sensors.push_back(std::move(of_log));
  }
  table.why_not_added = sense::why_not_add(sensors);
  if (options.add && table.why_not_added) {
    fmt::print(stderr, "wattle: added because of --add, although {}\n", *table.why_not_added);
    table.why_not_added.reset();
  }
  return table;
}

Result<int> align(const Options& options) {
  WATTLE_TRY(const auto offsets, offsets_of(options));
  WATTLE_TRY(sense::RunList list, sense::read_runs(options.runs, {options.timestamp_is_end}));
  for (const std::string& note : list.notes) fmt::print(stderr, "wattle: {}\n", note);
  std::vector<AlignedLog> logs;
  for (const std::string& path : options.logs) {
    WATTLE_TRY(AlignedLog aligned, open_log(options, path, list.runs.front().begin_ns));
    if (logs.empty() && list.relative) {  // seconds from the first log's start
      for (auto& run : list.runs) {
        const auto shift_ns = aligned.log.first_ns().value_or(0) + aligned.wall_offset_ns;
        run.begin_ns += shift_ns;
        run.end_ns += shift_ns;
      }
    }
    logs.push_back(std::move(aligned));
  }
  WATTLE_CHECK(check_sensors(options, logs));
  bool all_known = true;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    WATTLE_CHECK(find_offset(options, offsets[i], list.runs, logs.front(), logs[i]));
    all_known = all_known && logs[i].offset.known;
  }
  const JoinedTable table = join_all(options, list.runs, logs);
  if (!options.csv.empty()) {
    WATTLE_CHECK(write_file_atomically(options.csv, align_csv(logs, table)));
  }
  if (options.json) {
    fmt::print("{}\n", dump_json(align_json(logs, table), 2));
  } else {
    print_aligned(logs, table);
  }
  if (all_known) return int{kOk};
  fmt::print(stderr,
             "wattle: not every clock offset could be found. If it is known, give it: --offset "
             "SECONDS (0: the clocks agree)\n");
  return int{kBadInput};
}

}  // namespace

void add_sense_align(CLI::App& sense, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* align = sense.add_subcommand(
      "align", "Join logs of different clocks to runs: energy, power and coverage of each run");
  align->add_option("logs", options->logs, "The logs")->required();
  align
      ->add_option("--runs", options->runs,
                   "Records of runs (CSV, JSON, JSONL), or columns begin and end or duration_s")
      ->required();
  add_log_options(*align, options->log);
  align
      ->add_option("--sensor", options->sensors,
                   "Use this sensor of the log that has it, instead of the log's total (may be "
                   "given several times)")
      ->allow_extra_args(false);
  align
      ->add_option("--offset", options->offsets,
                   "Seconds to add to a log's clock, or auto; one for all or one a log, joined by "
                   "commas (default: auto)")
      ->delimiter(',')
      ->allow_extra_args(false);
  align
      ->add_option("--against", options->against,
                   "What offsets are found against: runs (when the power is high), or first (the "
                   "first log's power; the first itself against the runs)")
      ->capture_default_str()
      ->check(CLI::IsMember({"runs", "first"}));
  align
      ->add_option("--max-offset", options->max_offset_s,
                   "Largest offset looked at, in seconds, besides whole time zones")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 1e6));
  align
      ->add_option("--tolerance", options->tolerance_s,
                   "Seconds from a reading that count as covered (0: two intervals of the log)")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6));
  CLI::Option* nearest = align->add_flag("--nearest", options->nearest,
                                         "Move each window's edges to the nearest readings");
  align
      ->add_flag("--interpolate", options->interpolate,
                 "Interpolate energy between readings (default)")
      ->excludes(nearest);
  align->add_flag("--timestamp-is-end", options->timestamp_is_end,
                  "The runs' timestamps were written when they ended");
  align->add_flag("--add", options->add,
                  "Add the logs, although they do not tell that they measure different things");
  align->add_flag("--json", options->json, "Print JSON");
  align->add_option("--csv", options->csv, "Write one line a run and log into this file");
  align->footer(
      "Example: wattle sense align gpu.csv --runs records.csv\n"
      "         wattle sense align PowerLog.csv gpu.csv --runs records.jsonl --csv joined.csv\n"
      "         wattle sense align gpu.csv --runs latency_results.csv --timestamp-is-end\n"
      "Offsets that cannot be told (flat, ambiguous) are refused, not guessed: exit code 3.\n"
      "Logs that cannot count the same joules (a processor's package and a card) are added too, "
      "with "
      "the energy-delay product. More: docs/sense-logs.md.");
  align->callback([options, &invocation] {
    invocation.run = [options] {
      const auto code = cli::align(*options);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
