#include "meter/inference_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace wattle::meter {
namespace {

// The one list of fields: order and names of JSON and CSV (docs/formats/inference-record.md).
template <class Record, class Visitor>
void visit_fields(Record& r, Visitor& visit) {
  visit("run_id", r.run_id);
  visit("timestamp", r.timestamp);
  visit("model", r.model);
  visit("model_sha256", r.model_sha256);
  visit("precision", r.precision);
  visit("suite", r.suite);
  visit("prompt_id", r.prompt_id);
  visit("exit_layer", r.exit_layer);
  visit("exit_entropy_nats", r.exit_entropy_nats);
  visit("exit_rule", r.exit_rule);
  visit("speculation", r.speculation);
  visit("trial", r.trial);
  visit("warmup", r.warmup);
  visit("n_prompt_tokens", r.n_prompt_tokens);
  visit("n_output_tokens", r.n_output_tokens);
  visit("mean_layers", r.mean_layers);
  visit("n_drafted_tokens", r.n_drafted_tokens);
  visit("n_accepted_tokens", r.n_accepted_tokens);
  visit("n_verification_passes", r.n_verification_passes);
  visit("stop_reason", r.stop_reason);
  visit("output_text", r.output_text);
  visit("queue_ms", r.queue_ms);
  visit("tokenize_ms", r.tokenize_ms);
  visit("prefill_ms", r.prefill_ms);
  visit("decode_ms", r.decode_ms);
  visit("ttft_ms", r.ttft_ms);
  visit("tpot_ms", r.tpot_ms);
  visit("itl_ms", r.itl_ms);
  visit("e2e_latency_ms", r.e2e_latency_ms);
  visit("output_tokens_per_s", r.output_tokens_per_s);
  visit("total_tokens_per_s", r.total_tokens_per_s);
  visit("prefill_tokens_per_s", r.prefill_tokens_per_s);
  visit("decode_tokens_per_s", r.decode_tokens_per_s);
  visit("energy", r.energy_source);
  visit("energy_j", r.energy);
  visit("energy_prefill_j", r.energy_prefill);
  visit("energy_decode_j", r.energy_decode);
  visit("energy_per_output_token_j_gross", r.energy_per_output_token_j_gross);
  visit("energy_per_output_token_j_net", r.energy_per_output_token_j_net);
  visit("energy_per_total_token_j_gross", r.energy_per_total_token_j_gross);
  visit("energy_per_total_token_j_net", r.energy_per_total_token_j_net);
  visit("energy_per_request_j_gross", r.energy_per_request_j_gross);
  visit("energy_per_request_j_net", r.energy_per_request_j_net);
  visit("energy_block_answers", r.energy_block_answers);
  visit("energy_block_s", r.energy_block_s);
  visit("avg_power_w", r.avg_power_w);
  visit("peak_power_w", r.peak_power_w);
  visit("idle_power_w", r.idle_power_w);
  visit("output_tokens_per_j", r.output_tokens_per_j);
  visit("edp_js", r.edp_js);
  visit("carbon_g_per_kwh", r.carbon_g_per_kwh);
  visit("pue", r.pue);
  visit("co2e_g", r.co2e_g);
  visit("peak_rss_bytes", r.peak_rss_bytes);
  visit("temperature_start_c", r.temperature_start_c);
  visit("temperature_max_c", r.temperature_max_c);
  visit("cpu_frequency_mhz", r.cpu_frequency_mhz);
  visit("gpu_frequency_mhz", r.gpu_frequency_mhz);
  visit("throttled", r.throttled);
  visit("flops_prefill", r.flops_prefill);
  visit("flops_decode", r.flops_decode);
  visit("mfu", r.mfu);
  visit("mbu", r.mbu);
  visit("mean_entropy_nats", r.mean_entropy_nats);
  visit("correct", r.correct);
  visit("flags", r.flags);
}

// The flat names of a group, each with a pointer to its member.
template <class Visitor>
void visit_source(Visitor&& visit) {
  visit("_sensor", &EnergySource::sensor);
  visit("_kind", &EnergySource::kind);
  visit("_scope", &EnergySource::scope);
}
template <class Visitor>
void visit_energy(Visitor&& visit) {
  visit("_gross", &Energy::gross_j);
  visit("_net", &Energy::net_j);
  visit("_uncertainty", &Energy::uncertainty_j);
  visit("_boundary", &Energy::boundary_j);
  visit("_sensor", &Energy::sensor_j);
  visit("_baseline", &Energy::baseline_j);
}

struct JsonWriter {
  Json json = Json::object();

  void operator()(const std::string& name, double value) {
    json[name] = std::isfinite(value) ? Json(value) : Json();
  }
  template <class T>
  void operator()(const std::string& name, const T& value) {
    json[name] = value;
  }
  template <class T>
  void operator()(const std::string& name, const std::optional<T>& value) {
    if (value) {
      (*this)(name, *value);
    } else {
      json[name] = nullptr;
    }
  }
  void operator()(const std::string& name, const std::optional<EnergySource>& value) {
    visit_source([&](const char* part, auto member) {
      (*this)(name + part, value ? std::optional((*value).*member) : std::nullopt);
    });
  }
  void operator()(const std::string& name, const std::optional<Energy>& value) {
    visit_energy([&](const char* part, auto member) {
      if (value) {
        (*this)(name + part, (*value).*member);
      } else {
        json[name + part] = nullptr;
      }
    });
  }
};

struct JsonReader {
  const Json& json;
  std::optional<Error> error;

  [[nodiscard]] const Json* find(const std::string& name) const {
    const auto it = json.find(name);
    return it == json.end() || it->is_null() ? nullptr : &*it;
  }
  void refuse(const std::string& name, const std::string& expected) {
    if (error) return;
    const Json* found = find(name);
    std::string text = found ? dump_json(*found) : "nothing";
    if (text.size() > 40) text.resize(40);
    error = Error{ErrorCode::invalid_format,
                  "record field '" + name + "' should be " + expected + ", found " + text,
                  "See docs/formats/inference-record.md."};
  }

  // One present value of each type; false if it is of another.
  static bool take(const Json& from, std::string& to) {
    if (!from.is_string()) return false;
    to = from.get<std::string>();
    return true;
  }
  static bool take(const Json& from, bool& to) {
    if (!from.is_boolean()) return false;
    to = from.get<bool>();
    return true;
  }
  static bool take(const Json& from, double& to) {
    if (!from.is_number()) return false;
    to = from.get<double>();
    return true;
  }
  template <class Integer>
    requires std::is_integral_v<Integer>
  static bool take(const Json& from, Integer& to) {
    if (!from.is_number_integer()) return false;
    const bool fits = from.is_number_unsigned() ? std::in_range<Integer>(from.get<std::uint64_t>())
                                                : std::in_range<Integer>(from.get<std::int64_t>());
    if (fits) to = from.get<Integer>();
    return fits;
  }
  template <class T>
  static bool take(const Json& from, std::vector<T>& to) {
    if (!from.is_array()) return false;
    to.clear();
    for (const Json& element : from) {
      if (!take(element, to.emplace_back())) return false;
    }
    return true;
  }

  template <class T>
  void operator()(const std::string& name, T& value) {
    const Json* found = find(name);
    if (!found) {
      // A number that is not there is not 0; texts and lists may be left out.
      constexpr bool kNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;
      if (kNumber) refuse(name, "a number");
      return;
    }
    if (!take(*found, value)) refuse(name, "of another type or range");
  }
  template <class T>
  void operator()(const std::string& name, std::optional<T>& value) {
    const Json* found = find(name);
    value.reset();
    if (found && !take(*found, value.emplace())) refuse(name, "of another type or range");
  }
  void operator()(const std::string& name, std::optional<EnergySource>& value) {
    value.reset();
    visit_source([&](const char* part, auto member) {
      if (!find(name + part)) return;
      if (!value) value.emplace();
      (*this)(name + part, (*value).*member);
    });
  }
  void operator()(const std::string& name, std::optional<Energy>& value) {
    value.reset();
    if (!find(name + "_gross")) return;
    value.emplace();
    visit_energy([&](const char* part, auto member) { (*this)(name + part, (*value).*member); });
  }
};

struct ColumnNames {
  std::vector<std::string> names;

  template <class T>
  void operator()(const std::string& name, const T& /*value*/) {
    names.push_back(name);
  }
  void operator()(const std::string& name, const std::optional<EnergySource>& /*value*/) {
    visit_source([&](const char* part, auto /*member*/) { names.push_back(name + part); });
  }
  void operator()(const std::string& name, const std::optional<Energy>& /*value*/) {
    visit_energy([&](const char* part, auto /*member*/) { names.push_back(name + part); });
  }
};

std::string cell(const std::string& value) {
  return value;
}
std::string cell(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : std::string();
}
template <class Integer>
  requires std::is_integral_v<Integer>
std::string cell(Integer value) {
  return fmt::format("{}", value);  // bool: true, false
}
template <class T>
std::string cell(const std::vector<T>& values) {
  std::string joined;
  for (const T& value : values) {
    if (!joined.empty()) joined += ';';
    joined += cell(value);
  }
  return joined;
}
template <class T>
std::string cell(const std::optional<T>& value) {
  return value ? cell(*value) : std::string();
}

struct CellWriter {
  std::vector<std::string> cells;

  template <class T>
  void operator()(const std::string& /*name*/, const T& value) {
    cells.push_back(cell(value));
  }
  void operator()(const std::string& /*name*/, const std::optional<EnergySource>& value) {
    visit_source([&](const char* /*part*/, auto member) {
      cells.push_back(value ? (*value).*member : std::string());
    });
  }
  void operator()(const std::string& /*name*/, const std::optional<Energy>& value) {
    visit_energy([&](const char* /*part*/, auto member) {
      cells.push_back(value ? cell((*value).*member) : std::string());
    });
  }
};

}  // namespace

Json to_json(const InferenceRecord& record) {
  JsonWriter writer;
  visit_fields(record, writer);
  return std::move(writer.json);
}

Result<InferenceRecord> record_from_json(const Json& json) {
  if (!json.is_object()) {
    return fail(ErrorCode::invalid_format, "a record should be a JSON object",
                "See docs/formats/inference-record.md.");
  }
  InferenceRecord record;
  JsonReader reader{json, std::nullopt};
  visit_fields(record, reader);
  if (reader.error) return std::unexpected(std::move(*reader.error));
  return record;
}

std::vector<std::string> csv_columns() {
  const InferenceRecord record;
  ColumnNames columns;
  visit_fields(record, columns);
  return std::move(columns.names);
}

std::vector<std::string> csv_cells(const InferenceRecord& record) {
  CellWriter writer;
  visit_fields(record, writer);
  return std::move(writer.cells);
}

std::string csv_line(std::span<const std::string> cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char c : cells[i]) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }
  return line;
}

}  // namespace wattle::meter
