// wattle sense watch: a live table of power and of what goes with it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/sense_commands.hpp"
#include "cli/sense_view.hpp"

namespace wattle::cli {
namespace {

struct Options {
  EnergyOptions energy;
  double interval_s = 1.0;
  std::uint64_t count = 0;
  int pid = 0;
  bool json = false;
};

using Align = TextTable::Align;

struct Extremes {
  std::optional<double> min, max;
  void add(double value) {
    min = std::min(min.value_or(value), value);
    max = std::max(max.value_or(value), value);
  }
};

std::string watts(const std::optional<double>& power_w) {
  return power_w ? fmt::format("{:.2f}", *power_w) : "–";
}

class Watch {
 public:
  Watch(const Options& options, SenseView view, Clock& clock)
      : options_(options),
        view_(std::move(view)),
        clock_(clock),
        start_(view_.monitor->begin()),
        last_(start_),
        extremes_(view_.monitor->infos().size()),
        terminal_(!options.json && isatty(STDOUT_FILENO) != 0) {}

  int run() {
    for (std::uint64_t n = 1; options_.count == 0 || n <= options_.count; ++n) {
      const auto due_ns = start_.t_ns + static_cast<std::int64_t>(options_.interval_s * 1e9 *
                                                                  static_cast<double>(n));
      if (!wait_until(clock_, due_ns)) break;
      show();
    }
    if (!options_.json) fmt::print("{}", cost_line());
    return kOk;  // Ctrl-C is how watching ends
  }

 private:
  void show() {
    const sense::Mark now = view_.monitor->end();
    const auto rows = power_rows(view_, last_, now);
    const auto since_start = power_rows(view_, start_, now);
    const double seconds = static_cast<double>(now.t_ns - start_.t_ns) * 1e-9;
    last_ = now;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].power_w) extremes_[i].add(*rows[i].power_w);
    }
    if (options_.json) {
      print_json(rows, since_start, seconds);
    } else {
      print_table(rows, since_start, seconds);
    }
    std::fflush(stdout);
  }

  void print_json(const std::vector<PowerRow>& rows, const std::vector<PowerRow>& since_start,
                  double seconds) const {
    Json sensors = Json::array();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      sensors.push_back(
          {{"id", rows[i].info.id},
           {"power_w", rows[i].power_w ? Json(*rows[i].power_w) : Json()},
           {"energy_j", since_start[i].energy_j ? Json(*since_start[i].energy_j) : Json()},
           {"problem", rows[i].problem.empty() ? Json() : Json(rows[i].problem)}});
    }
    Json gauges = Json::array();
    for (std::size_t i = 0; i < view_.monitor->gauge_infos().size(); ++i) {
      const auto now = view_.monitor->gauge(i);
      gauges.push_back({{"id", view_.monitor->gauge_infos()[i].id},
                        {"value", now.reading ? Json(now.reading->value) : Json()}});
    }
    const auto total_j = total_energy_j(view_, since_start);
    fmt::print("{}\n", dump_json(Json{{"time", iso8601_utc(clock_.wall_ns())},
                                      {"seconds", seconds},
                                      {"total_j", total_j ? Json(*total_j) : Json()},
                                      {"sensors", sensors},
                                      {"gauges", gauges}}));
  }

  void print_table(const std::vector<PowerRow>& rows, const std::vector<PowerRow>& since_start,
                   double seconds) {
    TextTable power({{"sensor"},
                     {"kind"},
                     {"W now", Align::right},
                     {"least", Align::right},
                     {"mean", Align::right},
                     {"most", Align::right},
                     {"J", Align::right},
                     {""}});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      power.add_row(
          {rows[i].info.id, sense::kind_name(rows[i].info.kind), watts(rows[i].power_w),
           watts(extremes_[i].min), watts(since_start[i].power_w), watts(extremes_[i].max),
           since_start[i].energy_j ? fmt::format("{:.1f}", *since_start[i].energy_j) : "–",
           rows[i].problem.empty() && rows[i].in_total ? "in the total" : rows[i].problem});
    }
    std::string text = fmt::format("{}  {:.0f} s", iso8601_utc(clock_.wall_ns()), seconds);
    if (const auto total_j = total_energy_j(view_, since_start)) {
      text += fmt::format("   total {:.1f} J, mean {:.2f} W ({}, {})", *total_j, *total_j / seconds,
                          sense::kind_name(view_.total.kind), view_.total.scope);
    }
    text += "\n" + power.render() + gauges();
    // Drawn over on a terminal; one after the other elsewhere.
    if (terminal_) {
      fmt::print("\x1b[H\x1b[2J{}Ctrl-C ends.\n", text);
    } else {
      fmt::print("{}\n", text);
    }
  }

  [[nodiscard]] std::string gauges() const {
    const auto& infos = view_.monitor->gauge_infos();
    if (infos.empty()) return {};
    TextTable table({{"beside power"}, {"now", Align::right}, {"scope"}});
    for (std::size_t i = 0; i < infos.size(); ++i) {
      const auto now = view_.monitor->gauge(i);
      table.add_row({infos[i].id,
                     now.reading ? gauge_text(infos[i].quantity, now.reading->value) : "–",
                     now.problem.empty() ? infos[i].scope : now.problem});
    }
    return "\n" + table.render();
  }

  [[nodiscard]] std::string cost_line() const {
    const sense::MonitorCost cost = view_.monitor->cost();
    const double share = cost.wall_seconds > 0.0 ? cost.cpu_seconds / cost.wall_seconds : 0.0;
    return fmt::format("Watching took {:.2f} % of a core ({} readings).\n", 100.0 * share,
                       cost.n_reads);
  }

  const Options& options_;
  SenseView view_;
  Clock& clock_;
  sense::Mark start_, last_;
  std::vector<Extremes> extremes_;
  bool terminal_;
};

Result<int> watch(const Options& options) {
  SystemClock clock;
  WATTLE_TRY(SenseView view, open_view(options.energy, options.pid, clock));
  if (view.monitor->infos().empty() && view.monitor->gauge_infos().empty()) {
    return fail(ErrorCode::unavailable, "there is nothing to watch here",
                "See `wattle sense list` for the reasons.");
  }
  return Watch(options, std::move(view), clock).run();
}

}  // namespace

void add_sense_watch(CLI::App& sense, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = sense.add_subcommand("watch", "A live table, until Ctrl-C");
  command->add_option("-i,--interval", options->interval_s, "Seconds between two tables")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  command->add_option("-n,--count", options->count, "Tables to show (0: until Ctrl-C)");
  command
      ->add_option("--pid", options->pid, "Memory and processor time of this process (0: our own)")
      ->check(CLI::Range(0, 1 << 22));
  command->add_flag("--json", options->json, "Print a JSON object a line");
  add_energy_options(*command, options->energy);
  command->footer("Example: wattle sense watch -i 2\n         wattle sense watch -n 10 --json");
  command->callback([options, &invocation] {
    invocation.run = [options] {
      const auto code = watch(*options);
      return code ? *code : report(code.error());
    };
  });
}

}  // namespace wattle::cli
