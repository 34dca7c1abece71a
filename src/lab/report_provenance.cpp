// "How this was measured": everything a reader needs to judge the numbers, and their error budget.

#include <fmt/format.h>

#include <map>

#include "lab/format.hpp"
#include "lab/report.hpp"

namespace wattle::lab {
namespace {

// A value of a JSON object as text; "" if absent.
std::string text_at(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key) || json[key].is_null()) return {};
  const Json& value = json[key];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return three_digits(value.get<double>());
  return dump_json(value);
}

class Definitions {
 public:
  void add(const std::string& term, const std::string& text) {
    if (text.empty()) return;
    html_ += fmt::format("<dt>{}</dt><dd>{}</dd>\n", html_escape(term), html_escape(text));
  }
  [[nodiscard]] std::string html() const { return "<dl>" + html_ + "</dl>\n"; }

 private:
  std::string html_;
};

std::string idle_text(const SessionInfo& session) {
  if (!session.idle_before) return "not measured: net energies are missing";
  std::string text =
      fmt::format("{:.2f} ± {:.2f} W before, over {:.1f} s", session.idle_before->power_w,
                  session.idle_before->standard_error_w, session.idle_before->seconds);
  if (session.idle_after) text += fmt::format("; {:.2f} W after", session.idle_after->power_w);
  if (const auto drift = idle_drift(session)) {
    text += fmt::format("; drift {:.1f} %{}", *drift * 100.0,
                        *drift > kIdleDriftLimit ? " – above the limit of 2 %" : "");
  }
  return text + " (model loaded, nothing running)";
}

void add_sensor(Definitions& list, const SessionInfo& session) {
  const Json& machine = session.machine;
  if (session.energy_source) {
    const auto& source = *session.energy_source;
    std::string kind = source.kind;
    if (kind == "model") kind = "modelled, not measured";
    if (kind == "counter") kind = "hardware energy counter";
    if (kind == "sampled") kind = "sampled power, integrated by trapezoids";
    list.add("Energy", fmt::format("{} – {}; scope: {}", source.sensor, kind, source.scope));
  } else {
    list.add("Energy", "none: no sensor could be read");
  }
  list.add("Sensor note", text_at(machine, "energy_note"));
  std::string rate = text_at(machine, "sample_rate_hz");
  if (!rate.empty()) rate += " reads per second";
  const std::string cost = text_at(machine, "sampler_share_of_core_percent");
  if (!rate.empty() && !cost.empty()) rate += fmt::format("; costing {} % of one core", cost);
  list.add("Sampling", rate);
  list.add("Idle baseline", idle_text(session));
}

void add_machine(Definitions& list, const SessionInfo& session) {
  const Json& machine = session.machine;
  std::string cpu = text_at(machine, "cpu");
  if (const auto cores = text_at(machine, "cores"); !cores.empty()) {
    cpu += fmt::format(", {} cores", cores);
  }
  list.add("Machine", cpu);
  list.add("Engine", fmt::format("Wattle {}, {} kernels, {} threads", text_at(machine, "version"),
                                 text_at(machine, "isa"), text_at(machine, "threads")));
  std::string clock = text_at(machine, "governor");
  list.add("Governor", clock.empty() ? "not readable here" : clock);
  list.add("Load before", text_at(machine, "load_average"));
  list.add("System", text_at(machine, "kernel"));
}

void add_plan(Definitions& list, const Results& results) {
  const Json& plan = results.experiment.plan;
  if (!plan.is_object()) return;
  if (plan.contains("models") && plan["models"].is_array()) {
    for (const auto& model : plan["models"]) {
      list.add("Model file", fmt::format("{} {} – SHA-256 {}", text_at(model, "name"),
                                         text_at(model, "precision"), text_at(model, "sha256")));
    }
  }
  if (plan.contains("suites") && plan["suites"].is_array()) {
    for (const auto& suite : plan["suites"]) {
      list.add("Prompts", fmt::format("{}: {} prompts – SHA-256 {}", text_at(suite, "name"),
                                      text_at(suite, "n_prompts"), text_at(suite, "sha256")));
    }
  }
  list.add("Seeds",
           fmt::format("order {}, sampling {}", text_at(plan, "seed"),
                       plan.contains("generate") ? text_at(plan["generate"], "seed") : ""));
}

std::string flags_text(const Results& results, const Summary& summary) {
  std::map<std::string, std::size_t> counts;
  for (const auto& row : summary.rows) {
    for (const auto& [flag, n] : row.flags) counts[flag] += n;
  }
  for (const auto& session : results.sessions) {
    for (const auto& flag : session.flags) ++counts[flag];
  }
  std::string text;
  for (const auto& [flag, n] : counts) {
    text += fmt::format("{}{} (×{})", text.empty() ? "" : "; ", flag, n);
  }
  return text.empty() ? "none" : text;
}

std::string budget_html(const Summary& summary) {
  std::string rows;
  for (const auto& row : summary.rows) {
    if (!row.uncertainty) continue;
    const auto& u = *row.uncertainty;
    rows += fmt::format(
        "<tr><td class=\"l\">{}</td><td class=\"l\">{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td>{}</td><td>{}</td></tr>\n",
        html_escape(row.configuration.suite), html_escape(short_label(row.configuration)),
        format_joules(u.statistical), format_joules(u.sensor), format_joules(u.boundary),
        format_joules(u.baseline), format_joules(u.combined()));
  }
  if (rows.empty()) return {};
  return "<details><summary>Error budget of J/token: u² = statistical² + sensor² + boundary² + "
         "baseline²</summary><div class=\"scroll\"><table><thead><tr><th class=\"l\">suite</th>"
         "<th class=\"l\">configuration</th><th>statistical</th><th>sensor</th><th>boundary</th>"
         "<th>baseline</th><th>combined</th></tr></thead><tbody>\n" +
         rows +
         "</tbody></table></div><p>One standard deviation each. Baseline counts for net figures "
         "only. The error of a model of power is unknown and in none of them.</p></details>\n";
}

}  // namespace

std::string provenance_html(const Results& results, const Summary& summary) {
  std::string html = "<section id=\"provenance\"><h2>How this was measured</h2>\n";
  std::size_t number = 0;
  for (const auto& session : results.sessions) {
    ++number;
    Definitions list;
    if (results.sessions.size() > 1) {
      list.add(
          fmt::format("Session {}", number),
          fmt::format("{} – {}", session.started,
                      session.state == "running" ? "killed, or still going on" : session.state));
    } else {
      list.add("Started", fmt::format("{}{}", session.started,
                                      session.state == "finished" ? "" : " – " + session.state));
    }
    add_sensor(list, session);
    add_machine(list, session);
    html += list.html();
  }
  Definitions list;
  add_plan(list, results);
  list.add("Trials",
           fmt::format("{} of each configuration, in shuffled order", results.experiment.trials));
  list.add("Flags", flags_text(results, summary));
  html += list.html();
  html += budget_html(summary);
  html += fmt::format("<details><summary>The manifest ({})</summary><pre>{}</pre></details>\n",
                      html_escape(results.experiment.manifest_source),
                      html_escape(results.experiment.manifest_text));
  return html + "</section>\n";
}

}  // namespace wattle::lab
