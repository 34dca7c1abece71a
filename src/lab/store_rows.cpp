#include "lab/store_rows.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "lab/store.hpp"

namespace wattle::lab {
namespace {

Json baseline_to_json(const std::optional<meter::IdleBaseline>& baseline) {
  if (!baseline) return nullptr;
  return {{"power_w", baseline->power_w},
          {"standard_error_w", baseline->standard_error_w},
          {"seconds", baseline->seconds}};
}

void energy_to_json(Json& json, const char* name, const std::optional<meter::Energy>& energy) {
  if (!energy) return;
  json[name] = {{"gross_j", energy->gross_j},
                {"uncertainty_j", energy->uncertainty_j},
                {"boundary_j", energy->boundary_j},
                {"sensor_j", energy->sensor_j}};
  if (energy->net_j) json[name]["net_j"] = *energy->net_j;
  if (energy->baseline_j) json[name]["baseline_j"] = *energy->baseline_j;
}

std::optional<double> optional_number(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_number()) return std::nullopt;
  return json[key].get<double>();
}

std::optional<meter::IdleBaseline> baseline_from_json(const Json& details, const char* key) {
  if (!details.contains(key)) return std::nullopt;
  const auto power_w = optional_number(details[key], "power_w");
  if (!power_w) return std::nullopt;
  return meter::IdleBaseline{*power_w,
                             optional_number(details[key], "standard_error_w").value_or(0.0),
                             optional_number(details[key], "seconds").value_or(0.0)};
}

std::string text_or_empty(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_string()) return {};
  return json[key].get<std::string>();
}

std::optional<meter::Energy> energy_from_json(const Json& all, const char* name) {
  if (!all.is_object() || !all.contains(name) || !all[name].is_object()) return std::nullopt;
  const Json& json = all[name];
  const auto gross_j = optional_number(json, "gross_j");
  if (!gross_j) return std::nullopt;
  meter::Energy energy;
  energy.gross_j = *gross_j;
  energy.net_j = optional_number(json, "net_j");
  energy.uncertainty_j = optional_number(json, "uncertainty_j").value_or(0.0);
  energy.boundary_j = optional_number(json, "boundary_j").value_or(0.0);
  energy.sensor_j = optional_number(json, "sensor_j").value_or(0.0);
  energy.baseline_j = optional_number(json, "baseline_j");
  return energy;
}

std::vector<std::string> texts_of(const Json& json) {
  std::vector<std::string> texts;
  if (!json.is_array()) return texts;
  for (const auto& element : json) {
    if (element.is_string()) texts.push_back(element.get<std::string>());
  }
  return texts;
}

Result<SessionInfo> read_session(const Statement& row) {
  SessionInfo session;
  session.id = row.integer(0);
  session.started = row.text(1);
  session.state = row.text(2);
  WATTLE_TRY(const Json details, parse_json(row.text(3), "session of the results database"));
  if (!details.is_object()) {
    return fail(ErrorCode::invalid_format, "results database: a session is not an object");
  }
  if (details.contains("machine")) session.machine = details["machine"];
  session.idle_before = baseline_from_json(details, "idle_before");
  session.idle_after = baseline_from_json(details, "idle_after");
  if (details.contains("flags")) session.flags = texts_of(details["flags"]);
  if (details.contains("energy_source")) {
    const Json& source = details["energy_source"];
    session.energy_source =
        meter::EnergySource{text_or_empty(source, "sensor"), text_or_empty(source, "kind"),
                            text_or_empty(source, "scope")};
  }
  return session;
}

Result<Block> read_block(const Statement& row) {
  Block block;
  int c = 0;
  block.id = row.integer(c++);
  block.session_id = row.integer(c++);
  block.configuration_id = row.integer(c++);
  block.trial = static_cast<int>(row.integer(c++));
  block.part = static_cast<int>(row.integer(c++));
  block.closed = row.integer(c++) != 0;
  block.completes_trial = row.integer(c++) != 0;
  block.started_s = row.real(c++);
  block.seconds = row.real(c++);
  block.busy_seconds = row.real(c++);
  block.n_passes = static_cast<int>(row.integer(c++));
  block.n_requests = static_cast<std::uint64_t>(row.integer(c++));
  block.n_prompt_tokens = static_cast<std::uint64_t>(row.integer(c++));
  block.n_output_tokens = static_cast<std::uint64_t>(row.integer(c++));
  block.n_sensor_updates = static_cast<std::uint64_t>(row.integer(c++));
  if (!row.is_null(c)) {
    block.energy_source = meter::EnergySource{row.text(c), row.text(c + 1), row.text(c + 2)};
  }
  c += 5;  // energy_j_gross and energy_j_net repeat what `energy` holds
  WATTLE_TRY(const Json energy, parse_json(row.text(c++), "block of the results database"));
  block.energy = energy_from_json(energy, "answers");
  block.energy_prefill = energy_from_json(energy, "prefill");
  block.energy_decode = energy_from_json(energy, "decode");
  block.energy_between = energy_from_json(energy, "between");
  block.avg_power_w = row.optional_real(c++);
  block.peak_power_w = row.optional_real(c++);
  WATTLE_TRY(const Json flags, parse_json(row.text(c), "block of the results database"));
  block.flags = texts_of(flags);
  return block;
}

Result<StoredRecord> read_record(const Statement& row) {
  StoredRecord stored;
  stored.block_id = row.integer(0);
  stored.configuration_id = row.integer(1);
  stored.pass = static_cast<int>(row.integer(2));
  stored.prompt_index = static_cast<int>(row.integer(3));
  WATTLE_TRY(const Json json, parse_json(row.text(4), "record of the results database"));
  WATTLE_TRY(stored.record, meter::record_from_json(json));
  return stored;
}

// Calls `each` for every row of `sql`.
template <class Each>
Status for_each_row(Database& database, const char* sql, const Each& each) {
  WATTLE_TRY(Statement statement, database.prepare(sql));
  while (true) {
    WATTLE_TRY(const bool more, statement.step());
    if (!more) return {};
    WATTLE_CHECK(each(statement));
  }
}

}  // namespace

Status write_experiment(Database& database, const Experiment& experiment) {
  const std::pair<const char*, std::string> values[] = {
      {"schema_version", std::to_string(kResultsSchemaVersion)},
      {"name", experiment.name},
      {"description", experiment.description},
      {"created", experiment.created},
      {"manifest_source", experiment.manifest_source},
      {"manifest_text", experiment.manifest_text},
      {"plan", dump_json(experiment.plan)},
      {"trials", std::to_string(experiment.trials)},
  };
  WATTLE_TRY(Statement insert,
             database.prepare("INSERT OR REPLACE INTO experiment (key, value) VALUES (?, ?)"));
  for (const auto& [key, value] : values) WATTLE_CHECK(insert.bind(key).bind(value).run());
  return {};
}

Result<Experiment> read_experiment(Database& database) {
  Experiment experiment;
  int version = 0;
  WATTLE_CHECK(for_each_row(
      database, "SELECT key, value FROM experiment", [&](const Statement& row) -> Status {
        const std::string key = row.text(0);
        const std::string value = row.text(1);
        const auto number = [&](int& out) {
          std::from_chars(value.data(), value.data() + value.size(), out);
        };
        if (key == "schema_version") number(version);
        if (key == "name") experiment.name = value;
        if (key == "description") experiment.description = value;
        if (key == "created") experiment.created = value;
        if (key == "manifest_source") experiment.manifest_source = value;
        if (key == "manifest_text") experiment.manifest_text = value;
        if (key == "trials") number(experiment.trials);
        if (key == "plan") {
          WATTLE_TRY(experiment.plan, parse_json(value, "plan of the results database"));
        }
        return {};
      }));
  if (version != kResultsSchemaVersion) {
    return fail(ErrorCode::unsupported,
                fmt::format("results database has schema version {}, this program reads {}",
                            version, kResultsSchemaVersion),
                "Use the version of Wattle that wrote it, or start anew with --fresh.");
  }
  return experiment;
}

Status insert_configuration(Database& database, const Configuration& configuration) {
  WATTLE_TRY(Statement insert,
             database.prepare("INSERT INTO configuration VALUES (?, ?, ?, ?, ?, ?, ?)"));
  return insert.bind(configuration.id)
      .bind(configuration.model)
      .bind(configuration.model_sha256)
      .bind(configuration.precision)
      .bind(std::int64_t{configuration.exit_layer})
      .bind(std::int64_t{configuration.n_layers})
      .bind(configuration.suite)
      .run();
}

Json session_details(const SessionInfo& session) {
  Json details;
  details["machine"] = session.machine;
  details["idle_before"] = baseline_to_json(session.idle_before);
  details["idle_after"] = baseline_to_json(session.idle_after);
  details["flags"] = session.flags;
  if (session.energy_source) {
    details["energy_source"] = {{"sensor", session.energy_source->sensor},
                                {"kind", session.energy_source->kind},
                                {"scope", session.energy_source->scope}};
  }
  return details;
}

Status insert_block(Database& database, const Block& block) {
  WATTLE_TRY(Statement insert, database.prepare(R"sql(
INSERT INTO block VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,
                          ?21,?22,?23,?24)
ON CONFLICT (id) DO UPDATE SET
  closed=?6, completes_trial=?7, started_s=?8, seconds=?9, busy_seconds=?10, n_passes=?11,
  n_requests=?12, n_prompt_tokens=?13, n_output_tokens=?14, n_sensor_updates=?15,
  energy_sensor=?16, energy_kind=?17, energy_scope=?18, energy_j_gross=?19, energy_j_net=?20,
  energy=?21, avg_power_w=?22, peak_power_w=?23, flags=?24)sql"));
  if (block.id == 0) {
    insert.bind_null();
  } else {
    insert.bind(block.id);
  }
  insert.bind(block.session_id)
      .bind(block.configuration_id)
      .bind(std::int64_t{block.trial})
      .bind(std::int64_t{block.part})
      .bind(std::int64_t{block.closed})
      .bind(std::int64_t{block.completes_trial})
      .bind(block.started_s)
      .bind(block.seconds)
      .bind(block.busy_seconds)
      .bind(std::int64_t{block.n_passes})
      .bind(static_cast<std::int64_t>(block.n_requests))
      .bind(static_cast<std::int64_t>(block.n_prompt_tokens))
      .bind(static_cast<std::int64_t>(block.n_output_tokens))
      .bind(static_cast<std::int64_t>(block.n_sensor_updates));
  if (block.energy_source) {
    insert.bind(block.energy_source->sensor)
        .bind(block.energy_source->kind)
        .bind(block.energy_source->scope);
  } else {
    insert.bind_null().bind_null().bind_null();
  }
  if (block.energy) {
    insert.bind(block.energy->gross_j).bind(block.energy->net_j);
  } else {
    insert.bind_null().bind_null();
  }
  Json energy = Json::object();
  energy_to_json(energy, "answers", block.energy);
  energy_to_json(energy, "prefill", block.energy_prefill);
  energy_to_json(energy, "decode", block.energy_decode);
  energy_to_json(energy, "between", block.energy_between);
  insert.bind(dump_json(energy));
  return insert.bind(block.avg_power_w)
      .bind(block.peak_power_w)
      .bind(dump_json(Json(block.flags)))
      .run();
}

Status upsert_record(Database& database, const StoredRecord& stored) {
  const auto& record = stored.record;
  WATTLE_TRY(Statement insert, database.prepare(R"sql(
INSERT INTO record (block_id, configuration_id, trial, pass, prompt_index, prompt_id, warmup,
  n_prompt_tokens, n_output_tokens, ttft_ms, tpot_ms, e2e_latency_ms, energy_j_gross, energy_j_net,
  correct, json) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)
ON CONFLICT (block_id, pass, prompt_index) DO UPDATE SET
  energy_j_gross=?13, energy_j_net=?14, json=?16)sql"));
  insert.bind(stored.block_id)
      .bind(stored.configuration_id)
      .bind(std::int64_t{record.trial})
      .bind(std::int64_t{stored.pass})
      .bind(std::int64_t{stored.prompt_index})
      .bind(record.prompt_id)
      .bind(std::int64_t{record.warmup})
      .bind(static_cast<std::int64_t>(record.n_prompt_tokens))
      .bind(static_cast<std::int64_t>(record.n_output_tokens))
      .bind(record.ttft_ms)
      .bind(record.tpot_ms)
      .bind(record.e2e_latency_ms);
  if (record.energy) {
    insert.bind(record.energy->gross_j).bind(record.energy->net_j);
  } else {
    insert.bind_null().bind_null();
  }
  if (record.correct) {
    insert.bind(std::int64_t{*record.correct});
  } else {
    insert.bind_null();
  }
  return insert.bind(dump_json(meter::to_json(record))).run();
}

Status insert_power(Database& database, const PowerPoint& point) {
  WATTLE_TRY(Statement insert, database.prepare("INSERT INTO power VALUES (?, ?, ?)"));
  return insert.bind(point.session_id).bind(point.t_s).bind(point.power_w).run();
}

Result<Results> read_all(Database& database) {
  Results results;
  // One snapshot, so that a run going on meanwhile cannot be seen half.
  WATTLE_CHECK(database.run("BEGIN"));
  const auto read = [&]() -> Status {
    WATTLE_TRY(results.experiment, read_experiment(database));
    WATTLE_CHECK(for_each_row(
        database, "SELECT * FROM configuration ORDER BY id", [&](const Statement& row) -> Status {
          results.configurations.push_back({row.integer(0), row.text(1), row.text(2), row.text(3),
                                            static_cast<std::uint32_t>(row.integer(4)),
                                            static_cast<std::uint32_t>(row.integer(5)),
                                            row.text(6)});
          return {};
        }));
    WATTLE_CHECK(for_each_row(database, "SELECT id, started, state, details FROM session",
                              [&](const Statement& row) -> Status {
                                WATTLE_TRY(SessionInfo session, read_session(row));
                                results.sessions.push_back(std::move(session));
                                return {};
                              }));
    WATTLE_CHECK(for_each_row(database, "SELECT * FROM block ORDER BY id",
                              [&](const Statement& row) -> Status {
                                WATTLE_TRY(Block block, read_block(row));
                                results.blocks.push_back(std::move(block));
                                return {};
                              }));
    WATTLE_CHECK(for_each_row(
        database,
        "SELECT block_id, configuration_id, pass, prompt_index, json FROM record ORDER BY id",
        [&](const Statement& row) -> Status {
          WATTLE_TRY(StoredRecord stored, read_record(row));
          results.records.push_back(std::move(stored));
          return {};
        }));
    return for_each_row(database, "SELECT * FROM power ORDER BY session_id, t_s",
                        [&](const Statement& row) -> Status {
                          results.power.push_back({row.integer(0), row.real(1), row.real(2)});
                          return {};
                        });
  };
  Status status = read();
  const Status ended = database.run("COMMIT");
  if (!status) return std::unexpected(status.error());
  if (!ended) return std::unexpected(ended.error());
  return results;
}

}  // namespace wattle::lab
