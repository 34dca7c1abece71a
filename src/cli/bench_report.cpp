#include "cli/bench_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/text_table.hpp"
#include "cli/bench_summary.hpp"

namespace wattle::cli {
namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

void add_model(Json& json, const BenchModel& model) {
  json["model_filename"] = model.path;
  json["model_name"] = model.name;
  json["model_type"] = model.architecture + " " + model.precision;
  json["model_size"] = model.size_bytes;
  json["model_n_params"] = model.n_params;
  json["precision"] = model.precision;
  json["kv_type"] = model.kv;
  json["isa"] = model.isa;
  json["n_threads"] = model.threads;
  json["load_ms"] = model.load_ms;
}

void add_energy(Json& json, const BenchRecord& record, const BenchSummary& summary) {
  const auto& source = record.energy_source;
  json["j_per_token"] = or_null(summary.j_per_token);
  json["energy_j_gross"] = or_null(summary.energy_j);
  json["energy_uncertainty_j"] = or_null(summary.energy_uncertainty_j);
  json["energy_seconds"] = summary.energy_seconds;
  json["energy_source"] = source ? Json(source->sensor) : Json();
  json["energy_kind"] = source ? Json(source->kind) : Json();
  json["energy_scope"] = source ? Json(source->scope) : Json();
  json["energy_note"] = record.energy_note;
  json["energy_flags"] = summary.energy_flags;
}

// Names are those of llama-bench where it has the same figure.
Json to_json(const BenchRecord& record) {
  const BenchSummary summary = summarise(record);
  const BenchTest& test = record.test;
  const bool prefill = test.phase == BenchPhase::prefill;
  Json json = {{"program", "wattle"}, {"version", WATTLE_VERSION}};
  add_model(json, *record.model);
  json["test"] = test_name(test);
  json["n_prompt"] = prefill ? test.n_tokens : 0;
  json["n_gen"] = prefill ? 0 : test.n_tokens;
  json["n_depth"] = test.depth;
  json["n_sequences"] = test.n_sequences;
  json["test_time"] = record.time_utc;
  json["avg_ns"] = summary.mean_ns;
  json["stddev_ns"] = summary.sd_ns;
  json["avg_ts"] = summary.mean_ts;
  json["stddev_ts"] = summary.sd_ts;
  json["median_ts"] = summary.median_ts;
  json["weight_bytes_per_step"] = prefill ? Json() : Json(record.model->weight_bytes_per_step);
  json["kv_bytes_per_step"] = or_null(summary.kv_bytes_per_step);
  json["bytes_per_token"] = or_null(summary.bytes_per_token);
  json["achieved_gb_per_s"] = or_null(summary.achieved_gb_per_s);
  json["mbu"] = or_null(summary.mbu);
  json["operations_per_token"] = summary.operations_per_token;
  json["achieved_gop_per_s"] = summary.achieved_gop_per_s;
  json["mfu"] = or_null(summary.mfu);
  json["mfu_peak"] = summary.mfu_peak;
  add_energy(json, record, summary);
  json["peak_rss_bytes"] = or_null(record.peak_rss_bytes);
  json["read_gb_per_s"] = summary.limits.read.best_gbs;
  json["read_median_gb_per_s"] = summary.limits.read.median_gbs;
  json["int8_gop_per_s"] = summary.limits.int8_gops;
  json["f32_gflop_per_s"] = summary.limits.f32_gflops;
  json["samples_ns"] = summary.ns;
  json["samples_ts"] = summary.tokens_per_s;
  json["limits"] = Json::array();
  for (const BenchRepetition& repetition : record.repetitions) {
    const auto& limits = repetition.limits;
    json["limits"].push_back({{"read_gb_per_s", limits.read.best_gbs},
                              {"read_median_gb_per_s", limits.read.median_gbs},
                              {"int8_gop_per_s", limits.int8_gops},
                              {"f32_gflop_per_s", limits.f32_gflops}});
  }
  return json;
}

std::string json_report(const std::vector<BenchRecord>& records) {
  Json all = Json::array();
  for (const BenchRecord& record : records) all.push_back(to_json(record));
  return dump_json(all, 2) + "\n";
}

// RFC 4180: quotes around text, doubled within.
std::string csv_field(const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return dump_json(value);
  std::string text = "\"";
  for (const char c : value.get<std::string>())
    text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

// The fields of the JSON that are single values.
std::string csv_report(const std::vector<BenchRecord>& records) {
  std::string text;
  for (const BenchRecord& record : records) {
    std::vector<std::string> names;
    std::vector<std::string> values;
    const Json json = to_json(record);
    for (const auto& [name, value] : json.items()) {
      if (value.is_array()) continue;
      names.push_back(name);
      values.push_back(csv_field(value));
    }
    if (text.empty()) text = fmt::format("{}\n", fmt::join(names, ","));
    text += fmt::format("{}\n", fmt::join(values, ","));
  }
  return text;
}

// ---- for people

bool is_modelled(const BenchRecord& record) {
  return record.energy_source && record.energy_source->kind == "model";
}

std::string count(std::uint64_t n) {
  const auto number = static_cast<double>(n);
  return n >= 1'000'000'000 ? fmt::format("{:.2f} B", number / 1e9)
                            : fmt::format("{:.2f} M", number / 1e6);
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.0f} %", 100.0 * *share) : "-";
}

// The error of short windows can be as large as the figure, and is never left out.
std::string energy_cell(const BenchSummary& s) {
  if (!s.j_per_token || !s.energy_j || *s.energy_j <= 0.0) return "-";
  const double error = s.energy_uncertainty_j.value_or(0.0) / *s.energy_j;
  return fmt::format("{:.3g} ± {:.0f} %", *s.j_per_token, std::ceil(100.0 * error));
}

std::vector<std::string> titles(const std::vector<BenchRecord>& records) {
  return {"model",
          "size",
          "params",
          "type",
          "isa",
          "threads",
          "test",
          "t/s",
          "MBU",
          "MFU",
          is_modelled(records.front()) ? "J/token (modelled)" : "J/token"};
}
constexpr std::size_t kFirstNumber = 7;  // "t/s"

std::vector<std::string> cells(const BenchRecord& record) {
  const BenchSummary s = summarise(record);
  const BenchModel& model = *record.model;
  const std::string mfu = s.mfu ? percent(s.mfu) + " " + s.mfu_peak : "-";
  return {model.name,
          format_bytes(model.size_bytes),
          count(model.n_params),
          model.precision,
          model.isa,
          std::to_string(model.threads),
          test_name(record.test),
          fmt::format("{:.2f} ± {:.2f}", s.mean_ts, s.sd_ts),
          percent(s.mbu),
          mfu,
          energy_cell(s)};
}

// What the figures are compared with, a line for each model and number of threads.
std::string limits_of(const std::vector<BenchRecord>& records, const BenchModel& model) {
  std::vector<BenchRepetition> all;
  std::optional<std::uint64_t> peak;
  for (const BenchRecord& record : records) {
    if (record.model.get() != &model) continue;
    all.insert(all.end(), record.repetitions.begin(), record.repetitions.end());
    peak = std::max(peak, record.peak_rss_bytes);
  }
  BenchRecord together = records.front();
  together.repetitions = std::move(all);
  const engine::MachineLimits limits = summarise(together).limits;
  return fmt::format(
      "{} {}, {} thread{}: loaded in {:.0f} ms, peak memory {}; limits: read {:.1f} GB/s (median "
      "of "
      "passes {:.1f}), int8 {:.0f} GOP/s, f32 {:.0f} GFLOP/s\n",
      model.name, model.precision, model.threads, model.threads == 1 ? "" : "s", model.load_ms,
      peak ? format_bytes(*peak) : "unknown", limits.read.best_gbs, limits.read.median_gbs,
      limits.int8_gops, limits.f32_gflops);
}

std::string energy_line(const BenchRecord& record) {
  if (!record.energy_source) return fmt::format("no energy: {}\n", record.energy_note);
  const auto& source = *record.energy_source;
  return fmt::format("J/token: gross, {} of {} ({}){}{}\n", source.sensor, source.scope,
                     is_modelled(record) ? "not measured" : source.kind,
                     record.energy_note.empty() ? "" : "; ", record.energy_note);
}

std::vector<std::string> footers(const std::vector<BenchRecord>& records) {
  std::vector<std::string> lines;
  const BenchModel* last = nullptr;
  for (const BenchRecord& record : records) {
    if (record.model.get() != last) lines.push_back(limits_of(records, *record.model));
    last = record.model.get();
  }
  lines.push_back(energy_line(records.front()));
  return lines;
}

std::string table_report(const std::vector<BenchRecord>& records) {
  std::vector<TextTable::Column> columns;
  for (const std::string& title : titles(records)) {
    const bool number = columns.size() >= kFirstNumber;
    columns.push_back({title, number ? TextTable::Align::right : TextTable::Align::left});
  }
  TextTable table(columns);
  for (const BenchRecord& record : records) table.add_row(cells(record));
  return fmt::format("{}{}", table.render(), fmt::join(footers(records), ""));
}

std::string markdown_report(const std::vector<BenchRecord>& records) {
  const auto row = [](const std::vector<std::string>& fields) {
    return fmt::format("| {} |\n", fmt::join(fields, " | "));
  };
  const auto names = titles(records);
  std::vector<std::string> rule;
  for (std::size_t i = 0; i < names.size(); ++i)
    rule.emplace_back(i < kFirstNumber ? "---" : "---:");
  std::string text = row(names) + row(rule);
  for (const BenchRecord& record : records) text += row(cells(record));
  for (const std::string& line : footers(records)) text += "\n" + line;
  return text;
}

}  // namespace

std::string bench_report(const std::vector<BenchRecord>& records, const std::string& format) {
  if (format == "json") return json_report(records);
  if (records.empty()) return "";
  if (format == "csv") return csv_report(records);
  return format == "md" ? markdown_report(records) : table_report(records);
}

}  // namespace wattle::cli
