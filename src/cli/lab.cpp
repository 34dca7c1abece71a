// wattle lab: experiments from a manifest.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"
#include "cli/energy_options.hpp"
#include "lab/export.hpp"
#include "lab/findings.hpp"
#include "lab/gnuplot.hpp"
#include "lab/machine.hpp"
#include "lab/plan.hpp"
#include "lab/runner.hpp"
#include "lab/store.hpp"
#include "lab/summary_table.hpp"

namespace wattle::cli {
namespace {

struct LabArguments {
  std::string manifest, output, cache, results;
  bool fresh = false, dry_run = false, json = false, quiet = false;
  EnergyOptions energy;
};

// Exports, draws and prints what is in `results`.
int show(const std::filesystem::path& folder, const lab::Results& results, bool json) {
  const lab::Summary summary = lab::summarise(results);
  const auto page = lab::write_outputs(folder, results, summary, lab::gnuplot_renderer());
  if (!page) return report(page.error());
  if (json) {
    fmt::print("{}\n", dump_json(lab::summary_json(results, summary), 2));
    return kOk;
  }
  fmt::print("\n{}\n{}\n", lab::summary_table(summary), lab::find_out(results, summary).headline);
  fmt::print("Report: {}\n", page->string());
  return kOk;
}

Result<lab::Plan> prepare(const LabArguments& arguments, bool convert) {
  lab::PlanOptions options;
  options.cache = arguments.cache;
  options.convert = convert;
  options.on_step = [](const std::string& what) { fmt::print(stderr, "{}…\n", what); };
  WATTLE_TRY(lab::Plan plan, lab::make_plan(arguments.manifest, options));
  if (!arguments.output.empty()) plan.manifest.output = arguments.output;
  auto& measure = plan.manifest.measure;
  if (arguments.energy.root != "/") measure.root = arguments.energy.root;
  if (!arguments.energy.sensors.empty()) measure.sensors = arguments.energy.sensors;
  return plan;
}

Result<lab::RunOutcome> measure(const lab::Plan& plan, lab::Store& store,
                                const LabArguments& arguments) {
  const auto& measure = plan.manifest.measure;
  static SystemClock clock;  // the meter's thread outlives nothing else
  meter::MeterOptions options;
  apply(arguments.energy, options);
  options.root = FsRoot(measure.root);
  options.sensors = measure.sensors;
  options.energy = measure.energy;
  Json machine = lab::describe_machine(options.root);
  machine["version"] = WATTLE_VERSION;
  WATTLE_TRY(const auto meter, meter::Meter::create(options, clock));
  return lab::run_plan(plan,
                       {store, *meter, clock, lab::engine_sessions(plan.manifest), machine,
                        arguments.quiet ? Progress::Style::silent : Progress::Style::automatic});
}

int run_lab(const LabArguments& arguments) {
  if (const Status root = check_root(arguments.energy); !root) return report(root.error());
  const auto plan = prepare(arguments, !arguments.dry_run);
  if (!plan) return report(plan.error());
  if (arguments.dry_run) {
    fmt::print("{}", lab::describe_plan(*plan));
    return kOk;
  }
  const auto store =
      lab::Store::open(plan->manifest.output, lab::experiment_of(*plan), plan->configurations,
                       arguments.fresh ? lab::Store::Start::fresh : lab::Store::Start::resume);
  if (!store) return report(store.error());
  const auto outcome = measure(*plan, **store, arguments);
  if (outcome && outcome->n_trials_before == outcome->n_trials_planned) {
    fmt::print(stderr, "All {} trials of {} are in {} already; --fresh measures again.\n",
               outcome->n_trials_planned, plan->manifest.name, (*store)->folder().string());
  } else if (outcome && outcome->n_trials_before > 0) {
    fmt::print(stderr, "Continued: {} of {} trials were there already.\n", outcome->n_trials_before,
               outcome->n_trials_planned);
  }
  // What is there is shown also after an error or Ctrl-C.
  int code = kOk;
  const auto results = (*store)->load();
  if (!results) {
    code = report(results.error());
  } else if (!results->records.empty()) {
    code = show((*store)->folder(), *results, arguments.json);
  }
  if (!outcome) return report(outcome.error());
  if (!outcome->interrupted) return code;
  fmt::print(
      stderr,
      "Interrupted: finished answers are kept. The same command continues where it stopped.\n");
  return kInterrupted;
}

int report_lab(const LabArguments& arguments) {
  const auto results = lab::read_results(arguments.results);
  if (!results) return report(results.error());
  return show(arguments.results, *results, arguments.json);
}

int validate_lab(const LabArguments& arguments) {
  const auto plan = prepare(arguments, false);
  if (!plan) return report(plan.error());
  fmt::print("{} is valid.\n{}", arguments.manifest, lab::describe_plan(*plan));
  return kOk;
}

}  // namespace

void add_lab(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<LabArguments>();
  auto* lab = app.add_subcommand("lab", "Experiments from a YAML manifest, with measured energy");
  lab->require_subcommand(1);
  lab->footer("Example: wattle lab run manifests/quickstart.yaml");

  auto* run = lab->add_subcommand("run", "Run a manifest, or continue it where it stopped");
  run->add_option("manifest", arguments->manifest, "YAML file; docs/formats/manifest.md")
      ->required();
  run->add_option("-o,--output", arguments->output, "Results folder instead of the manifest's");
  run->add_option("--cache", arguments->cache,
                  "Folder for converted models (default: $WATTLE_CACHE or ~/.cache/wattle)");
  run->add_flag("--fresh", arguments->fresh,
                "Start anew; earlier results move to previous/ in the results folder");
  run->add_flag("--dry-run", arguments->dry_run, "Say what would be run, and run nothing");
  run->add_flag("-q,--quiet", arguments->quiet, "No progress bar");
  run->add_flag("--json", arguments->json, "Print the summary as JSON");
  add_energy_options(*run, arguments->energy);
  run->footer("Example: wattle lab run manifests/quickstart.yaml --output results/tonight");
  run->callback(
      [arguments, &invocation] { invocation.run = [arguments] { return run_lab(*arguments); }; });

  auto* redraw = lab->add_subcommand("report", "Export and draw the results of a folder again");
  redraw->add_option("results", arguments->results, "Folder that `wattle lab run` has written")
      ->required();
  redraw->add_flag("--json", arguments->json, "Print the summary as JSON");
  redraw->footer("Example: wattle lab report results/quickstart");
  redraw->callback([arguments, &invocation] {
    invocation.run = [arguments] { return report_lab(*arguments); };
  });

  auto* validate = lab->add_subcommand("validate", "Check a manifest and everything it names");
  validate->add_option("manifest", arguments->manifest, "YAML file")->required();
  validate->footer("Example: wattle lab validate manifests/quickstart.yaml");
  validate->callback([arguments, &invocation] {
    invocation.run = [arguments] { return validate_lab(*arguments); };
  });
}

}  // namespace wattle::cli
