// wattle sense record: every sensor and gauge, each at its own rate, into a log.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <memory>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "cli/sense_commands.hpp"
#include "sense/recorder.hpp"

namespace wattle::cli {
namespace {

struct Options {
  std::string file;
  std::string format = "auto";
  std::string root = "/";
  double seconds = 0.0;
  double rate_hz = 0.0;
  std::vector<std::string> sensors;
  bool no_gauges = false;
  bool force = false;
  bool quiet = false;
  std::string tegrastats_log;
  std::string meter_csv;
};

sense::LogFormat format_of(const Options& options) {
  if (options.format == "csv") return sense::LogFormat::wattle_csv;
  if (options.format == "jsonl") return sense::LogFormat::wattle_jsonl;
  return sense::log_format_of_path(options.file);
}

// Keeps what was asked for, in the order it was found in.
Status keep(const std::vector<std::string>& ids, sense::Inventory& inventory,
            sense::GaugeInventory& gauges) {
  if (ids.empty()) return {};
  std::string known;
  const auto wanted = [&](const std::string& id) {
    known += (known.empty() ? "" : ", ") + id;
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  std::vector<std::string> found;
  const auto choose = [&](auto& all) {
    std::erase_if(all, [&](const auto& one) {
      const bool stays = wanted(one->info().id);
      if (stays) found.push_back(one->info().id);
      return !stays;
    });
  };
  choose(inventory.sensors);
  choose(gauges.gauges);
  for (const std::string& id : ids) {
    if (std::find(found.begin(), found.end(), id) != found.end()) continue;
    for (const auto& missing : inventory.unavailable) {
      if (missing.id == id) return fail(ErrorCode::unavailable, missing.reason, missing.remedy);
    }
    return fail(ErrorCode::not_found, "there is no sensor '" + id + "' here",
                known.empty() ? "" : "There are: " + known + ".");
  }
  return {};
}

std::string host_of(const FsRoot& root) {
  const auto text = root.read_text("/proc/sys/kernel/hostname");
  if (text) return std::string(trim(*text));
  std::array<char, 256> name{};
  if (root.root() != "/" || ::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::string status_of(const sense::Recorder& recorder, const sense::LogWriter& writer) {
  const auto power_w = recorder.power_w();
  return power_w ? fmt::format("{} rows, {:.2f} W", writer.rows(), *power_w)
                 : fmt::format("{} rows", writer.rows());
}

Status sample(const Options& options, SystemClock& clock, sense::Recorder& recorder,
              const sense::LogWriter& writer) {
  constexpr std::int64_t kSliceNs = 50'000'000;
  const std::int64_t start_ns = clock.monotonic_ns();
  const auto length_ns = static_cast<std::int64_t>(options.seconds * 1e9);
  const bool endless = options.seconds <= 0.0;
  Progress progress("recording", options.seconds, clock,
                    options.quiet ? Progress::Style::silent : Progress::Style::automatic);
  while (!interrupted()) {
    WATTLE_TRY(const std::int64_t next_ns, recorder.step());
    const std::int64_t now_ns = clock.monotonic_ns();
    const double done_s = static_cast<double>(now_ns - start_ns) * 1e-9;
    if (!endless && now_ns - start_ns >= length_ns) break;
    progress.update(done_s, status_of(recorder, writer));
    std::int64_t wait_ns = std::min(next_ns - now_ns, kSliceNs);
    if (!endless) wait_ns = std::min(wait_ns, length_ns - (now_ns - start_ns));
    if (wait_ns > 0) clock.sleep_ns(wait_ns);
  }
  return {};
}

Status record(const Options& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(options.root, ignored)) {
    return fail(ErrorCode::not_found, "no folder " + options.root,
                "Name the root of a Linux system with --root.");
  }
  SystemClock clock;
  const FsRoot root(options.root);
  sense::DiscoverOptions discover;
  discover.tegrastats_log = options.tegrastats_log;
  discover.meter_csv = options.meter_csv;
  sense::Inventory inventory = sense::discover(root, clock, discover);
  sense::GaugeInventory gauges;
  if (!options.no_gauges) gauges = sense::discover_gauges(root, clock);
  WATTLE_CHECK(keep(options.sensors, inventory, gauges));
  if (inventory.sensors.empty() && gauges.gauges.empty()) {
    return fail(ErrorCode::unavailable, "nothing can be read here",
                "`wattle sense list` says why and what to do about it.");
  }
  WATTLE_TRY(sense::LogWriter writer,
             sense::LogWriter::open(options.file, {format_of(options), options.force}));
  sense::Recorder recorder(std::move(inventory), std::move(gauges), clock, writer,
                           {options.rate_hz});
  WATTLE_CHECK(recorder.begin(host_of(root), WATTLE_VERSION));
  const std::int64_t start_ns = clock.monotonic_ns();
  WATTLE_CHECK(sample(options, clock, recorder, writer));
  const double seconds = static_cast<double>(clock.monotonic_ns() - start_ns) * 1e-9;
  const double cost = recorder.cost();
  WATTLE_CHECK(recorder.finish());
  if (options.quiet) return {};
  fmt::print(stderr,
             "{} rows in {}: {:.1f} s of {} sensors of power and {} gauges. Sampling took {:.2f} % "
             "of one core.\n",
             writer.rows(), options.file == "-" ? "standard output" : options.file, seconds,
             recorder.n_sensors(), recorder.n_gauges(), 100.0 * cost);
  return {};
}

int run(const Options& options) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error, not a death
  const Status status = record(options);
  return status ? kOk : report(status.error());
}

}  // namespace

void add_sense_record(CLI::App& sense, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* record = sense.add_subcommand(
      "record", "Write what all sensors say into a log, until Ctrl-C or for a time");
  record->add_option("file", options->file, "The log; - is standard output")->required();
  record->add_option("--format", options->format, "auto (by the name: .jsonl or CSV), csv, jsonl")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "csv", "jsonl"}));
  record->add_option("--for", options->seconds, "Stop after so many seconds (0: at Ctrl-C)")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e9));
  record
      ->add_option("--rate", options->rate_hz,
                   "Readings a second of each sensor; none is read faster than it changes (0: each "
                   "its own)")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1000.0));
  record
      ->add_option("--sensor", options->sensors,
                   "Only this sensor or gauge (may be given several times)")
      ->allow_extra_args(false);
  record->add_flag("--no-gauges", options->no_gauges, "Power only: no temperatures, clocks, ...");
  record->add_option("--root", options->root, "Read /sys and /proc below this folder")
      ->capture_default_str();
  record->add_option("--tegrastats-log", options->tegrastats_log,
                     "Follow the log file of a running tegrastats");
  record->add_option("--meter-csv", options->meter_csv,
                     "Follow the CSV file that an external power meter writes");
  record->add_flag("--force", options->force, "Replace an existing file");
  record->add_flag("--quiet", options->quiet, "No status line");
  record->footer(
      "Example: wattle sense record run.csv\n"
      "         wattle sense record run.jsonl --for 60 --rate 50 --no-gauges\n"
      "         wattle sense record - --for 5 | head\n"
      "The log is readable at every moment: kill -9 loses at most the last second. Read it with\n"
      "`wattle sense replay`. Format: docs/formats/sense-log.md.");
  record->callback(
      [options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

}  // namespace wattle::cli
