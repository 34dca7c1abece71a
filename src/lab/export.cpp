#include "lab/export.hpp"

#include <utility>
#include <vector>

#include "base/atomic_file.hpp"
#include "lab/report.hpp"

namespace wattle::lab {
namespace {

// Named values of one configuration, in the order of the columns of summary.csv.
using Cells = std::vector<std::pair<std::string, Json>>;

Json number(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

void add(Cells& cells, const std::string& name, const std::optional<Estimate>& estimate) {
  const bool has_interval = estimate && estimate->ci95;
  cells.emplace_back(name, estimate ? Json(estimate->value) : Json());
  cells.emplace_back(name + "_std", estimate ? number(estimate->std_dev) : Json());
  cells.emplace_back(name + "_ci95_low", has_interval ? Json(estimate->ci95->low) : Json());
  cells.emplace_back(name + "_ci95_high", has_interval ? Json(estimate->ci95->high) : Json());
  cells.emplace_back(name + "_n", estimate ? Json(estimate->n) : Json(0));
}

void add(Cells& cells, const std::string& name, const std::optional<Distribution>& d) {
  const auto value = [&](double Distribution::* member) { return d ? Json((*d).*member) : Json(); };
  cells.emplace_back(name + "_mean", value(&Distribution::mean));
  cells.emplace_back(name + "_std", d ? number(d->std_dev) : Json());
  cells.emplace_back(name + "_p50", value(&Distribution::p50));
  cells.emplace_back(name + "_p50_ci95_low", d && d->p50_ci95 ? Json(d->p50_ci95->low) : Json());
  cells.emplace_back(name + "_p50_ci95_high", d && d->p50_ci95 ? Json(d->p50_ci95->high) : Json());
  cells.emplace_back(name + "_p90", value(&Distribution::p90));
  cells.emplace_back(name + "_p95", value(&Distribution::p95));
  cells.emplace_back(name + "_p99", value(&Distribution::p99));
  cells.emplace_back(name + "_n", d ? Json(d->n) : Json(0));
  cells.emplace_back(name + "_outliers", d ? Json(d->n_outliers) : Json(0));
}

void add_energy(Cells& cells, const SummaryRow& row) {
  add(cells, "energy_per_output_token_j_gross", row.energy_per_output_token_j_gross);
  add(cells, "energy_per_output_token_j_net", row.energy_per_output_token_j_net);
  add(cells, "energy_per_request_j_gross", row.energy_per_request_j_gross);
  add(cells, "edp_js", row.edp_js);
  const auto& source = row.energy_source;
  cells.emplace_back("energy_kind", source ? Json(source->kind) : Json());
  cells.emplace_back("energy_scope", source ? Json(source->scope) : Json());
  cells.emplace_back("energy_sensor", source ? Json(source->sensor) : Json());
  const auto& u = row.uncertainty;
  cells.emplace_back("u_statistical_j", u ? Json(u->statistical) : Json());
  cells.emplace_back("u_sensor_j", u ? Json(u->sensor) : Json());
  cells.emplace_back("u_boundary_j", u ? Json(u->boundary) : Json());
  cells.emplace_back("u_baseline_j", u ? Json(u->baseline) : Json());
  cells.emplace_back("u_combined_j", u ? Json(u->combined()) : Json());
  cells.emplace_back("avg_power_w", number(row.avg_power_w));
}

Cells cells_of(const SummaryRow& row) {
  const auto& c = row.configuration;
  Cells cells = {{"model", c.model},
                 {"precision", c.precision},
                 {"exit_layer", c.exit_layer == 0 ? c.n_layers : c.exit_layer},
                 {"n_layers", c.n_layers},
                 {"suite", c.suite},
                 {"model_sha256", c.model_sha256},
                 {"n_requests", row.n_requests},
                 {"n_prompts", row.n_prompts},
                 {"n_trials", row.n_trials},
                 {"n_left_out", row.n_left_out}};
  add(cells, "ttft_ms", row.ttft_ms);
  add(cells, "tpot_ms", row.tpot_ms);
  add(cells, "e2e_latency_ms", row.e2e_latency_ms);
  add(cells, "output_tokens_per_s", row.output_tokens_per_s);
  add(cells, "decode_tokens_per_s", row.decode_tokens_per_s);
  add(cells, "prefill_tokens_per_s", row.prefill_tokens_per_s);
  add_energy(cells, row);
  const auto& interval = row.accuracy_ci95;
  cells.emplace_back("accuracy", number(row.accuracy));
  cells.emplace_back("accuracy_ci95_low", interval ? Json(interval->low) : Json());
  cells.emplace_back("accuracy_ci95_high", interval ? Json(interval->high) : Json());
  cells.emplace_back("accuracy_n", row.n_judged_prompts);
  cells.emplace_back("peak_rss_bytes", row.peak_rss_bytes ? Json(*row.peak_rss_bytes) : Json());
  cells.emplace_back("mean_entropy_nats", number(row.mean_entropy_nats));
  cells.emplace_back("mean_layers", number(row.mean_layers));
  Json flags = Json::object();
  for (const auto& [flag, n] : row.flags) flags[flag] = n;
  cells.emplace_back("flags", flags);
  return cells;
}

std::string csv_text(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return dump_json(value);
  std::string text;
  for (const auto& [flag, n] : value.items()) text += (text.empty() ? "" : ";") + flag;
  return text;
}

}  // namespace

std::string records_csv(const Results& results) {
  std::vector<std::string> columns = {"block", "pass"};
  for (auto& column : meter::csv_columns()) columns.push_back(std::move(column));
  std::string csv = meter::csv_line(columns) + "\r\n";
  for (const auto& stored : results.records) {
    std::vector<std::string> cells = {std::to_string(stored.block_id), std::to_string(stored.pass)};
    for (auto& cell : meter::csv_cells(stored.record)) cells.push_back(std::move(cell));
    csv += meter::csv_line(cells) + "\r\n";
  }
  return csv;
}

std::string records_json(const Results& results) {
  std::string text = "[";
  for (const auto& stored : results.records) {
    Json json = {{"block", stored.block_id}, {"pass", stored.pass}};
    json.update(meter::to_json(stored.record));
    text += text.size() > 1 ? ",\n" : "\n";
    text += dump_json(json);
  }
  return text + "\n]\n";
}

std::string summary_csv(const Summary& summary) {
  std::string csv;
  for (const auto& row : summary.rows) {
    const Cells cells = cells_of(row);
    std::vector<std::string> names;
    std::vector<std::string> values;
    for (const auto& [name, value] : cells) {
      names.push_back(name);
      values.push_back(csv_text(value));
    }
    if (csv.empty()) csv = meter::csv_line(names) + "\r\n";
    csv += meter::csv_line(values) + "\r\n";
  }
  return csv;
}

Json summary_json(const Results& results, const Summary& summary) {
  Json json;
  json["experiment"] = results.experiment.name;
  json["created"] = results.experiment.created;
  json["plan"] = results.experiment.plan;
  json["sessions"] = Json::array();
  for (const auto& session : results.sessions) {
    Json entry = {
        {"started", session.started},
        {"state", session.state},
        {"machine", session.machine},
        {"idle_power_w_before", session.idle_before ? Json(session.idle_before->power_w) : Json()},
        {"idle_power_w_after", session.idle_after ? Json(session.idle_after->power_w) : Json()},
        {"idle_drift", number(idle_drift(session))},
        {"flags", session.flags}};
    json["sessions"].push_back(std::move(entry));
  }
  json["configurations"] = Json::array();
  for (const auto& row : summary.rows) {
    Json entry = Json::object();
    for (auto& [name, value] : cells_of(row)) entry[name] = value;
    json["configurations"].push_back(std::move(entry));
  }
  return json;
}

Result<std::filesystem::path> write_outputs(const std::filesystem::path& folder,
                                            const Results& results, const Summary& summary,
                                            const Renderer& renderer) {
  WATTLE_CHECK(write_file_atomically(folder / "records.csv", records_csv(results)));
  WATTLE_CHECK(write_file_atomically(folder / "records.json", records_json(results)));
  WATTLE_CHECK(write_file_atomically(folder / "summary.csv", summary_csv(summary)));
  WATTLE_CHECK(
      write_file_atomically(folder / "summary.json", dump_json(summary_json(results, summary), 1)));
  const auto html = html_report(results, summary, find_out(results, summary),
                                draw_figures(results, summary, renderer));
  const auto page = folder / "report.html";
  WATTLE_CHECK(write_file_atomically(page, html));
  return page;
}

}  // namespace wattle::lab
