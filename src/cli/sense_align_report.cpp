#include "cli/sense_align_report.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/text_table.hpp"
#include "meter/inference_record.hpp"
#include "sense/log_table.hpp"
#include "sense/log_time.hpp"

namespace wattle::cli {
namespace {

double seconds_of(const sense::RunWindow& run) {
  return static_cast<double>(run.end_ns - run.begin_ns) * 1e-9;
}

Json optional(std::optional<double> value) {
  return value ? Json(*value) : Json();
}

Json to_json(const AlignedLog& aligned) {
  const auto& offset = aligned.offset;
  const bool estimated = aligned.method != "given";
  const auto if_estimated = [&](double v) { return estimated ? Json(v) : Json(); };
  return {{"log", aligned.log.source},
          {"sensors", aligned.scope},
          {"kind", sense::kind_name(aligned.log.power[aligned.sensors.front()].info.kind)},
          {"offset_known", offset.known},
          {"offset_s", offset.known ? Json(offset.offset_s) : Json()},
          {"offset_uncertainty_s", offset.known && estimated ? Json(offset.uncertainty_s) : Json()},
          {"offset_from", aligned.method},
          {"correlation", if_estimated(offset.correlation)},
          {"runner_up_ratio", if_estimated(offset.runner_up)},
          {"drift_ppm", optional(offset.drift_ppm)},
          {"drift_uncertainty_ppm", offset.drift_ppm ? Json(offset.drift_uncertainty_ppm) : Json()},
          {"problem", offset.problem.empty() ? Json() : Json(offset.problem)}};
}

Json to_json(const sense::JoinedRun& cell, const AlignedLog& aligned) {
  return {{"log", aligned.log.source},
          {"energy_j", optional(cell.energy_j)},
          {"energy_j_uncertainty", cell.energy_j ? Json(cell.uncertainty_j) : Json()},
          {"avg_power_w", optional(cell.mean_power_w)},
          {"peak_power_w", optional(cell.peak_power_w)},
          {"coverage", cell.coverage},
          {"flag", cell.flag.empty() ? Json() : Json(cell.flag)}};
}

Json combined_json(const sense::CombinedRun& sum) {
  return {{"energy_j", optional(sum.energy_j)},
          {"energy_j_uncertainty", sum.energy_j ? Json(sum.uncertainty_j) : Json()},
          {"avg_power_w", optional(sum.mean_power_w)},
          {"edp_js", optional(sum.edp_js)}};
}

}  // namespace

Json align_json(const std::vector<AlignedLog>& logs, const JoinedTable& table) {
  Json log_list = Json::array();
  for (const AlignedLog& aligned : logs) log_list.push_back(to_json(aligned));
  Json runs = Json::array();
  for (std::size_t r = 0; r < table.runs.size(); ++r) {
    Json cells = Json::array();
    for (std::size_t i = 0; i < logs.size(); ++i) {
      cells.push_back(to_json(table.cells[r][i], logs[i]));
    }
    runs.push_back({{"run", table.runs[r].id},
                    {"begin", sense::wall_time_us(table.runs[r].begin_ns)},
                    {"seconds", seconds_of(table.runs[r])},
                    {"logs", cells}});
    if (table.is_added()) {
      runs.back()["sum"] = combined_json(sense::combine(table.cells[r], seconds_of(table.runs[r])));
    }
  }
  return {{"logs", log_list},
          {"runs", runs},
          {"why_not_added", table.why_not_added ? Json(*table.why_not_added) : Json()}};
}

namespace {

std::string csv_cell(const std::string& text) {
  return meter::csv_line(std::array{text});
}

}  // namespace

std::string align_csv(const std::vector<AlignedLog>& logs, const JoinedTable& table) {
  std::string text =
      "run,begin,seconds,log,sensors,offset_s,energy_j,energy_j_uncertainty,avg_power_w,"
      "peak_power_w,coverage,flag\n";
  const auto number = [](std::optional<double> v) { return v ? fmt::format("{}", *v) : ""; };
  for (std::size_t r = 0; r < table.runs.size(); ++r) {
    const sense::RunWindow& run = table.runs[r];
    for (std::size_t i = 0; i < logs.size(); ++i) {
      const sense::JoinedRun& cell = table.cells[r][i];
      const auto& offset = logs[i].offset;
      text += fmt::format(
          "{},{},{},{},{},{},{},{},{},{},{:.4f},{}\n", csv_cell(run.id),
          sense::wall_time_us(run.begin_ns), seconds_of(run), csv_cell(logs[i].log.source),
          csv_cell(logs[i].scope), offset.known ? fmt::format("{}", offset.offset_s) : "",
          number(cell.energy_j), cell.energy_j ? fmt::format("{}", cell.uncertainty_j) : "",
          number(cell.mean_power_w), number(cell.peak_power_w), cell.coverage, csv_cell(cell.flag));
    }
    if (!table.is_added()) continue;
    const sense::CombinedRun sum = sense::combine(table.cells[r], seconds_of(run));
    text += fmt::format("{},{},{},sum,,,{},{},{},,,\n", csv_cell(run.id),
                        sense::wall_time_us(run.begin_ns), seconds_of(run), number(sum.energy_j),
                        sum.energy_j ? fmt::format("{}", sum.uncertainty_j) : "",
                        number(sum.mean_power_w));
  }
  return text;
}

namespace {

void print_offset(const AlignedLog& aligned) {
  const auto& offset = aligned.offset;
  fmt::print("{} ({})\n", aligned.log.source, aligned.scope);
  if (aligned.method == "given") {
    fmt::print("  clock {:+.3f} s, as given\n", offset.offset_s);
  } else if (!offset.known) {
    fmt::print("  clock offset: {}\n", offset.problem);
  } else {
    fmt::print(
        "  clock {:+.4f} ± {:.4f} s against {}; correlation {:.3f}, next best {:.2f} of it\n",
        offset.offset_s, offset.uncertainty_s,
        aligned.method == "runs" ? "the runs" : aligned.method, offset.correlation,
        offset.runner_up);
    if (offset.drift_ppm) {
      const bool used = std::abs(*offset.drift_ppm) > 3.0 * offset.drift_uncertainty_ppm;
      fmt::print("  drift {:+.1f} ± {:.1f} ppm{}\n", *offset.drift_ppm,
                 offset.drift_uncertainty_ppm, used ? ", corrected for" : ", not significant");
    }
  }
}

}  // namespace

void print_aligned(const std::vector<AlignedLog>& logs, const JoinedTable& table) {
  using Align = TextTable::Align;
  for (const AlignedLog& aligned : logs) print_offset(aligned);
  fmt::print("\n");
  std::vector<TextTable::Column> columns{{"run"}, {"time", Align::right}};
  for (std::size_t i = 0; i < logs.size(); ++i) {
    const std::string which = logs.size() == 1 ? "" : fmt::format(" {}", i + 1);
    for (const char* name : {"energy", "±", "mean", "covered"}) {
      columns.push_back({name + which, Align::right});
    }
    columns.push_back({"flag" + which});
  }
  if (table.is_added()) {
    for (const char* name : {"sum", "±", "EDP"}) columns.push_back({name, Align::right});
  }
  TextTable text(columns);
  for (std::size_t r = 0; r < table.runs.size(); ++r) {
    const sense::RunWindow& run = table.runs[r];
    std::vector<std::string> cells{run.id, fmt::format("{:.3f} s", seconds_of(run))};
    for (const sense::JoinedRun& cell : table.cells[r]) {
      const bool known = cell.energy_j.has_value();
      cells.push_back(known ? fmt::format("{:.3f} J", *cell.energy_j) : "–");
      cells.push_back(known ? fmt::format("{:.3f} J", cell.uncertainty_j) : "–");
      cells.push_back(cell.mean_power_w ? fmt::format("{:.2f} W", *cell.mean_power_w) : "–");
      cells.push_back(fmt::format("{:.0f} %", 100.0 * cell.coverage));
      cells.push_back(cell.flag);
    }
    if (table.is_added()) {
      const sense::CombinedRun sum = sense::combine(table.cells[r], seconds_of(run));
      cells.push_back(sum.energy_j ? fmt::format("{:.3f} J", *sum.energy_j) : "–");
      cells.push_back(sum.energy_j ? fmt::format("{:.3f} J", sum.uncertainty_j) : "–");
      cells.push_back(sum.edp_js ? fmt::format("{:.1f} J·s", *sum.edp_js) : "–");
    }
    text.add_row(std::move(cells));
  }
  fmt::print("{}", text.render());
  if (table.why_not_added) fmt::print("Not added: {}.\n", *table.why_not_added);
}

}  // namespace wattle::cli
