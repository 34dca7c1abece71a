#include "meter/inference_record.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "meter/peak_memory.hpp"

namespace wattle::meter {
namespace {

InferenceRecord full_record() {
  InferenceRecord r;
  r.run_id = "run-1";
  r.model = "telemetry";
  r.timestamp = "2026-11-20T13:45:00.123Z";
  r.exit_layer = 8;
  r.exit_entropy_nats = 0.25;
  r.exit_rule = "entropy:0.25";
  r.speculation = "self:4:3";
  r.n_drafted_tokens = 9;
  r.n_accepted_tokens = 0;
  r.n_verification_passes = 4;
  r.trial = 3;
  r.warmup = true;
  r.n_prompt_tokens = 20;
  r.n_output_tokens = 5;
  r.mean_layers = 8.0;
  r.output_text = "says \"hi\",\nand more; µ";
  r.prefill_ms = 10.0;
  r.decode_ms = 40.0;
  r.ttft_ms = 11.0;
  r.e2e_latency_ms = 51.0;
  r.itl_ms = {10.0, 10.5, 9.5, 10.0};
  r.energy_source = EnergySource{"rapl:package-0", "counter", "package-0"};
  r.energy = Energy{1.02, 0.5, 0.03, 0.02, 0.01, 0.04};
  r.energy_prefill = Energy{0.2, std::nullopt, 0.01, 0.01, 0.0, std::nullopt};
  r.peak_rss_bytes = 12345678;
  r.correct = false;
  r.flags = {"energy: window 0.05 s (below 5 s)", "b"};
  derive(r);
  return r;
}

TEST(Record, SurvivesJson) {
  const InferenceRecord r = full_record();
  const Json json = to_json(r);
  const InferenceRecord back = record_from_json(json).value();
  EXPECT_EQ(to_json(back), json);
  EXPECT_EQ(back.output_text, r.output_text);
  EXPECT_EQ(back.itl_ms, r.itl_ms);
  EXPECT_EQ(back.energy_source, r.energy_source);
  EXPECT_DOUBLE_EQ(back.energy->net_j.value(), 0.5);
  EXPECT_FALSE(back.energy_prefill->net_j);
  EXPECT_FALSE(back.energy_decode);
  EXPECT_EQ(back.correct, false);
  EXPECT_EQ(back.exit_rule, "entropy:0.25");
  EXPECT_EQ(back.speculation, "self:4:3");
  EXPECT_EQ(back.n_accepted_tokens, 0U);
  EXPECT_EQ(back.n_verification_passes, 4U);
  // Records from before there was speculation.
  Json old = json;
  for (const char* name : {"exit_rule", "speculation", "n_drafted_tokens", "n_accepted_tokens",
                           "n_verification_passes"}) {
    ASSERT_TRUE(old.contains(name)) << name;
    old.erase(name);
  }
  EXPECT_FALSE(record_from_json(old).value().n_drafted_tokens);
}

TEST(Record, UsesTheNamesOfTheField) {
  const Json json = to_json(full_record());
  for (const char* name : {"ttft_ms",
                           "tpot_ms",
                           "itl_ms",
                           "e2e_latency_ms",
                           "output_tokens_per_s",
                           "total_tokens_per_s",
                           "energy_j_gross",
                           "energy_j_net",
                           "energy_prefill_j_gross",
                           "energy_prefill_j_net",
                           "energy_decode_j_gross",
                           "energy_decode_j_net",
                           "energy_per_output_token_j_gross",
                           "energy_per_output_token_j_net",
                           "energy_per_total_token_j_gross",
                           "energy_per_total_token_j_net",
                           "energy_per_request_j_gross",
                           "energy_per_request_j_net",
                           "avg_power_w",
                           "peak_power_w",
                           "idle_power_w",
                           "output_tokens_per_j",
                           "edp_js",
                           "flops_prefill",
                           "flops_decode",
                           "mfu",
                           "mbu",
                           "co2e_g",
                           "energy_sensor",
                           "energy_kind",
                           "energy_scope"}) {
    EXPECT_TRUE(json.contains(name)) << name;
  }
  EXPECT_TRUE(json["energy_decode_j_gross"].is_null()) << "absent is null, not 0";
  EXPECT_DOUBLE_EQ(json["tpot_ms"], 10.0);
  EXPECT_NEAR(json["edp_js"].get<double>(), 1.02 * 0.051, 1e-12);
  EXPECT_DOUBLE_EQ(json["energy_per_output_token_j_gross"], 1.02 / 5);
  EXPECT_DOUBLE_EQ(json["energy_per_total_token_j_net"], 0.5 / 25);
}

// Mistake in an earlier tool: explicit zeros lost through `x or default`.
TEST(Record, ZeroAndAbsentStayApart) {
  InferenceRecord r;
  r.energy = Energy{.gross_j = 1.0, .net_j = 0.0};
  r.mbu = 0.0;
  r.correct = false;
  const InferenceRecord back = record_from_json(to_json(r)).value();
  EXPECT_EQ(back.energy->net_j, 0.0);
  EXPECT_EQ(back.mbu, 0.0);
  EXPECT_EQ(back.correct, false);
  EXPECT_FALSE(back.mfu);
  Json missing = to_json(r);
  missing.erase("n_output_tokens");
  const auto refused = record_from_json(missing);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("n_output_tokens"), std::string::npos);
}

TEST(Record, RefusesWrongTypesAndRangesByName) {
  const std::pair<const char*, Json> wrong[] = {{"ttft_ms", "fast"},
                                                {"n_prompt_tokens", -1},
                                                {"n_prompt_tokens", 1.5},
                                                {"exit_layer", 5e9},
                                                {"trial", 1e30},
                                                {"exit_layer", 4294967296},
                                                {"itl_ms", Json::array({1.0, "x"})},
                                                {"flags", "text"},
                                                {"warmup", 1},
                                                {"energy_j_gross", true},
                                                {"energy_kind", 3}};
  for (const auto& [name, value] : wrong) {
    Json json = to_json(full_record());
    json[name] = value;
    const auto record = record_from_json(json);
    ASSERT_FALSE(record) << name << " " << value;
    EXPECT_NE(record.error().what.find(name), std::string::npos);
  }
  EXPECT_FALSE(record_from_json(Json::array()));
  EXPECT_FALSE(record_from_json(Json()));
}

TEST(Record, IgnoresUnknownKeys) {
  Json json = to_json(full_record());
  json["from_the_future"] = 1;
  EXPECT_TRUE(record_from_json(json));
}

TEST(Record, NotANumberBecomesAbsent) {
  InferenceRecord r = full_record();
  r.mfu = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(to_json(r)["mfu"].is_null());
  EXPECT_TRUE(parse_json(dump_json(to_json(r)), "record")) << "JSON knows no NaN";
}

TEST(Record, CsvHasOneCellAColumnInTheOrderOfJson) {
  const InferenceRecord r = full_record();
  const auto columns = csv_columns();
  const auto cells = csv_cells(r);
  ASSERT_EQ(columns.size(), cells.size());
  const Json json = to_json(r);
  ASSERT_EQ(columns.size(), json.size());
  std::size_t i = 0;
  for (const auto& [name, value] : json.items()) EXPECT_EQ(columns[i++], name);
  const auto cell_of = [&](const std::string& name) {
    return cells[static_cast<std::size_t>(std::find(columns.begin(), columns.end(), name) -
                                          columns.begin())];
  };
  EXPECT_EQ(cell_of("itl_ms"), "10;10.5;9.5;10");
  EXPECT_EQ(cell_of("energy_decode_j_gross"), "") << "absent is empty, not 0";
  EXPECT_EQ(cell_of("correct"), "false");
  EXPECT_EQ(cell_of("mfu"), "");
}

TEST(Record, CsvLinesAreQuotedByRfc4180) {
  const std::vector<std::string> cells{"a", "b,c", "say \"x\"", "two\nlines", ""};
  EXPECT_EQ(csv_line(cells), "a,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\",");
}

// Mistake in an earlier tool: the CPU package in one arm against the GPU board in another.
TEST(Record, FiguresOfDifferentScopeOrKindAreNotComparable) {
  InferenceRecord package = full_record();
  InferenceRecord board = full_record();
  board.energy_source->scope = "system";
  InferenceRecord modelled = full_record();
  modelled.energy_source->kind = "model";
  InferenceRecord none = full_record();
  none.energy_source.reset();
  EXPECT_TRUE(same_scope(package, full_record()));
  EXPECT_FALSE(same_scope(package, board));
  EXPECT_FALSE(same_scope(package, modelled));
  EXPECT_FALSE(same_scope(package, none));
}

TEST(Derive, IsRepeatable) {
  InferenceRecord r = full_record();
  const Json once = to_json(r);
  derive(r);
  EXPECT_EQ(to_json(r), once);
}

TEST(PeakMemory, ReadsTheHighWaterMarkInBytes) {
  EXPECT_EQ(parse_peak_rss("VmPeak:\t 9 kB\nVmHWM:\t    1668 kB\nVmRSS: 5 kB\n"), 1668U * 1024U);
  for (const char* text :
       {"", "VmRSS: 5 kB\n", "VmHWM:\n", "VmHWM: x kB\n", "VmHWM: 5 MB\n", "VmHWM: -5 kB\n",
        "VmHWM: 99999999999999999999 kB\n", "VmHWM: 18446744073709551615 kB\n"}) {
    EXPECT_FALSE(parse_peak_rss(text)) << text;
  }
}

TEST(PeakMemory, OfThisProcessIsPlausible) {
  const auto peak = peak_rss_bytes(FsRoot("/"));
  if (!peak) GTEST_SKIP() << "no /proc/self/status here";
  EXPECT_GT(*peak, 1U << 20);
}

}  // namespace
}  // namespace wattle::meter
