// wattle actuate: the knobs of this machine. list and restore are here, set in actuate_set.cpp.
#include "actuate/actuate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "actuate/restore.hpp"
#include "actuate/setting.hpp"
#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/actuate_commands.hpp"

namespace wattle::cli {
namespace {

struct ListOptions : ActuateOptions {
  bool json = false;
  bool all = false;
};

struct RestoreOptions : ActuateOptions {
  std::vector<std::string> knobs;
  bool force = false;
  bool forget = false;
  bool json = false;
};

struct Row {
  actuate::KnobInfo info;
  std::string setting;  // empty: the device does not say, or failed to
  std::string now;      // for people
  std::string runs_at;
};

std::string now_text(actuate::Actuator& actuator, std::string& setting) {
  if (!actuator.info().readable) return "unknown";
  const auto now = actuator.read();
  if (!now) return now.error().what;
  setting = *now;
  return actuator.describe(*now);
}

std::vector<Row> look(const actuate::Inventory& inventory) {
  std::vector<Row> rows;
  for (const auto& actuator : inventory.actuators) {
    Row row;
    row.info = actuator->info();
    row.now = now_text(*actuator, row.setting);
    row.runs_at = actuator->observe();
    rows.push_back(std::move(row));
  }
  return rows;
}

bool same(const Row& a, const Row& b) {
  return !a.info.group.empty() && a.info.group == b.info.group && a.now == b.now &&
         actuate::allowed_text(a.info, 4096) == actuate::allowed_text(b.info, 4096) &&
         a.info.problem.has_value() == b.info.problem.has_value();
}

// "cpu0.freq … cpu8.freq (3)" for neighbours that differ in their number only.
std::string name_of(const std::vector<Row>& rows, std::size_t first, std::size_t last) {
  if (first == last) return rows[first].info.id;
  return fmt::format("{} … {} ({})", rows[first].info.id, rows[last].info.id, last - first + 1);
}

std::string scope_of(const std::vector<Row>& rows, std::size_t first, std::size_t last) {
  return first == last ? rows[first].info.scope : "group " + rows[first].info.group;
}

void print_rows(const std::vector<Row>& rows, bool all) {
  TextTable table({{"knob"}, {"set to"}, {"runs at"}, {"allowed"}, {"scope"}, {"source"}});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::size_t last = i;
    while (!all && last + 1 < rows.size() && same(rows[i], rows[last + 1])) ++last;
    const Row& row = rows[i];
    table.add_row({name_of(rows, i, last), row.now, last == i ? row.runs_at : "",
                   actuate::allowed_text(row.info, 12), scope_of(rows, i, last), row.info.source});
    i = last;
  }
  fmt::print("{}", table.render());
}

void print_problem(const std::string& id, const actuate::Problem& problem) {
  fmt::print("  {}: {}\n", id, problem.reason);
  if (!problem.remedy.empty()) fmt::print("    → {}\n", problem.remedy);
}

void print(const std::vector<Row>& rows, const actuate::Inventory& inventory, bool all) {
  if (rows.empty()) {
    fmt::print("Nothing can be set here.\n");
  } else {
    print_rows(rows, all);
  }
  bool title = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].info.problem) continue;
    if (!title) fmt::print("\nCannot be set:\n");
    title = true;
    std::size_t last = i;
    while (!all && last + 1 < rows.size() && same(rows[i], rows[last + 1])) ++last;
    print_problem(name_of(rows, i, last), *rows[i].info.problem);
    i = last;
  }
  if (!inventory.unavailable.empty()) fmt::print("\nNot here:\n");
  for (const auto& missing : inventory.unavailable) print_problem(missing.id, missing.problem);
}

Json problem_json(const std::optional<actuate::Problem>& problem) {
  if (!problem) return nullptr;
  return {{"reason", problem->reason}, {"remedy", problem->remedy}};
}

Json row_json(const Row& row) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  Json json = {{"id", row.info.id},
               {"group", text(row.info.group)},
               {"scope", row.info.scope},
               {"source", row.info.source},
               {"unit", text(actuate::unit_name(row.info.unit))},
               {"setting", text(row.setting)},
               {"now", row.now},
               {"runs_at", text(row.runs_at)},
               {"table", row.info.table.empty() ? Json() : Json(row.info.table)},
               {"words", row.info.words.empty() ? Json() : Json(row.info.words)},
               {"problem", problem_json(row.info.problem)}};
  json["range"] =
      row.info.range ? Json{{"min", row.info.range->min}, {"max", row.info.range->max}} : Json();
  return json;
}

Json to_json(const std::vector<Row>& rows, const actuate::Inventory& inventory) {
  Json knobs = Json::array();
  for (const Row& row : rows) knobs.push_back(row_json(row));
  Json missing = Json::array();
  for (const auto& u : inventory.unavailable) {
    missing.push_back({{"id", u.id},
                       {"source", u.source},
                       {"reason", u.problem.reason},
                       {"remedy", u.problem.remedy}});
  }
  return {{"knobs", knobs}, {"unavailable", missing}};
}

int run_list(const ListOptions& options) {
  if (const Status root = check_root(options); !root) return report(root.error());
  const auto inventory =
      actuate::discover(FsRoot(options.root), {.nvml_library = options.nvml_library});
  const auto rows = look(inventory);
  if (options.json) {
    fmt::print("{}\n", dump_json(to_json(rows, inventory), 2));
  } else {
    print(rows, inventory, options.all);
  }
  return rows.empty() ? kUnavailable : kOk;
}

Json to_json(const std::vector<actuate::RestoreOutcome>& outcomes) {
  Json list = Json::array();
  for (const auto& outcome : outcomes) {
    list.push_back({{"knob", outcome.knob},
                    {"outcome", actuate::what_name(outcome.what)},
                    {"setting", outcome.setting.empty() ? Json() : Json(outcome.setting)},
                    {"message", outcome.message.empty() ? Json() : Json(outcome.message)}});
  }
  return list;
}

int run_restore(const RestoreOptions& options) {
  if (const Status root = check_root(options); !root) return report(root.error());
  actuate::RestoreOptions how;
  how.folder = options.state_dir;
  how.knobs = options.knobs;
  how.force = options.force;
  how.forget = options.forget;
  how.discover.nvml_library = options.nvml_library;
  const FsRoot root(options.root);
  const auto outcomes = actuate::restore_all(root, how);
  if (!outcomes) return report(outcomes.error());
  if (options.json) {
    fmt::print("{}\n", dump_json(to_json(*outcomes), 2));
  } else if (outcomes->empty()) {
    fmt::print("Nothing to restore.\n");
  }
  bool settled = true;
  for (const auto& outcome : *outcomes) {
    settled = settled && actuate::is_settled(outcome);
    if (options.json) continue;
    fmt::print("{}: {}{}{}\n", outcome.knob, actuate::what_name(outcome.what),
               outcome.message.empty() ? "" : ": ", outcome.message);
  }
  return settled ? kOk : kFailed;
}

}  // namespace

void add_actuate_options(CLI::App& command, ActuateOptions& options) {
  command.add_option("--root", options.root, "Use /sys and /proc below this folder")
      ->capture_default_str();
  command.add_option("--state-dir", options.state_dir,
                     "Where locks and the original settings are kept (default: /run/wattle, "
                     "$XDG_RUNTIME_DIR/wattle or /tmp/wattle-UID; below another root its "
                     "run/wattle)");
  command.add_option("--nvml", options.nvml_library, "NVML library to load")->group("");
}

Status check_root(const ActuateOptions& options) {
  std::error_code ignored;
  if (std::filesystem::is_directory(options.root, ignored)) return {};
  return fail(ErrorCode::not_found, "no folder " + options.root,
              "Name the root of a Linux system with --root.");
}

void add_actuate_list(CLI::App& actuate, Invocation& invocation) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* list = actuate.add_subcommand(
      "list", "What can be set here and to which values; for what cannot, why and how to fix it");
  add_actuate_options(*list, *options);
  list->add_flag("--all", options->all, "A row for each knob, also where neighbours are alike");
  list->add_flag("--json", options->json, "Print JSON");
  list->footer("Example: wattle actuate list\nExit code 4 if nothing at all can be set.");
  list->callback(
      [options, &invocation] { invocation.run = [options] { return run_list(*options); }; });
}

void add_actuate_restore(CLI::App& actuate, Invocation& invocation) {
  auto options = std::make_shared<RestoreOptions>();
  CLI::App* restore = actuate.add_subcommand(
      "restore", "Puts back what ended processes have left set (after kill -9, or set --keep)");
  add_actuate_options(*restore, *options);
  restore->add_option("KNOB", options->knobs, "Only these");
  CLI::Option* force =
      restore->add_flag("--force", options->force, "Also what somebody else has changed since");
  restore
      ->add_flag("--forget", options->forget, "Only drop the records, leave the knobs as they are")
      ->excludes(force);
  restore->add_flag("--json", options->json, "Print JSON");
  restore->footer(
      "What a running process drives is left alone.\n"
      "Exit code 1 if something recorded could not be, or was not, put back.");
  restore->callback(
      [options, &invocation] { invocation.run = [options] { return run_restore(*options); }; });
}

void add_actuate(CLI::App& app, Invocation& invocation) {
  CLI::App* actuate = app.add_subcommand(
      "actuate", "Clocks, cores, power mode and fan of this machine; put back as they were found");
  actuate->require_subcommand(1);
  add_actuate_list(*actuate, invocation);
  add_actuate_set(*actuate, invocation);
  add_actuate_restore(*actuate, invocation);
}

}  // namespace wattle::cli
