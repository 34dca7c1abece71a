// wattle sense read: every sensor and gauge once, or those that are named.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/sense_commands.hpp"
#include "cli/sense_view.hpp"

namespace wattle::cli {
namespace {

struct Options {
  EnergyOptions energy;
  std::vector<std::string> ids;
  int pid = 0;
  double seconds = 0.5;
  bool json = false;
};

struct Value {
  std::string id;
  std::optional<double> value;  // watts, or the gauge's unit
  std::string text, problem;
  Json json;
};

std::vector<Value> values_of(const SenseView& view, const std::vector<PowerRow>& rows) {
  std::vector<Value> values;
  for (const PowerRow& row : rows) {
    values.push_back({row.info.id, row.power_w,
                      row.power_w ? fmt::format("{:.3f} W", *row.power_w) : "", row.problem,
                      row_json(row)});
  }
  for (std::size_t i = 0; i < view.monitor->gauge_infos().size(); ++i) {
    const sense::GaugeInfo& info = view.monitor->gauge_infos()[i];
    const auto now = view.monitor->gauge(i);
    Value value{info.id, {}, {}, now.problem, gauge_json(view, i)};
    if (now.reading) {
      value.value = now.reading->value;
      value.text = gauge_text(info.quantity, now.reading->value);
    }
    values.push_back(std::move(value));
  }
  return values;
}

// "temp:" or "temp:*" are all that begin so.
bool is_wanted(std::string_view id, std::string_view wanted) {
  if (wanted.ends_with('*')) return id.starts_with(wanted.substr(0, wanted.size() - 1));
  return wanted.ends_with(':') ? id.starts_with(wanted) : id == wanted;
}

Result<std::vector<Value>> choose(const std::vector<Value>& all, const SenseView& view,
                                  const std::vector<std::string>& wanted) {
  if (wanted.empty()) return all;
  std::vector<Value> chosen;
  for (const std::string& name : wanted) {
    const std::size_t before = chosen.size();
    for (const Value& value : all) {
      if (is_wanted(value.id, name)) chosen.push_back(value);
    }
    if (chosen.size() > before) continue;
    for (const auto* list : {&view.unavailable, &view.unavailable_gauges}) {
      for (const auto& u : *list) {
        if (is_wanted(u.id, name)) return fail(ErrorCode::unavailable, u.reason, u.remedy);
      }
    }
    return fail(ErrorCode::not_found, fmt::format("there is no sensor '{}' here", name),
                "See `wattle sense list` for their names.");
  }
  return chosen;
}

Result<int> read(const Options& options) {
  SystemClock clock;
  WATTLE_TRY(const SenseView view, open_view(options.energy, options.pid, clock));
  const sense::Mark begin = view.monitor->begin();
  if (!wait_until(clock, begin.t_ns + static_cast<std::int64_t>(options.seconds * 1e9))) {
    return kInterrupted;
  }
  view.monitor->sample_gauges_now();  // what is a share of time is of this time
  const auto rows = power_rows(view, begin, view.monitor->end());
  WATTLE_TRY(const auto values, choose(values_of(view, rows), view, options.ids));
  if (options.json) {
    Json json = Json::array();
    for (const Value& value : values) json.push_back(value.json);
    fmt::print("{}\n", dump_json(json, 2));
  } else {
    TextTable table({{"sensor"}, {"now", TextTable::Align::right}, {""}});
    for (const Value& v : values) table.add_row({v.id, v.value ? v.text : "–", v.problem});
    fmt::print("{}", table.render());
  }
  const bool all_there =
      std::ranges::all_of(values, [](const Value& value) { return value.value.has_value(); });
  return values.empty() || (!options.ids.empty() && !all_there) ? kUnavailable : kOk;
}

}  // namespace

void add_sense_read(CLI::App& sense, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      sense.add_subcommand("read", "Read every sensor once, or those that are named");
  command->add_option("id", options->ids,
                      "Ids of `wattle sense list`; temp: or temp:* are all that begin so");
  command
      ->add_option("--seconds", options->seconds, "Power and utilisation are means over this long")
      ->capture_default_str()
      ->check(CLI::Range(0.05, 3600.0));
  command
      ->add_option("--pid", options->pid, "Memory and processor time of this process (0: our own)")
      ->check(CLI::Range(0, 1 << 22));
  command->add_flag("--json", options->json, "Print JSON");
  add_energy_options(*command, options->energy);
  command->footer(
      "Example: wattle sense read rapl:package-0 temp:\n"
      "Exit code 4 if one that is named cannot be read.");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      const auto code = read(*options);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
