// wattle bench as a user calls it, on a small model of random weights.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "engine/test_model.hpp"

namespace wattle::e2e {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// Fields of a line of CSV, quotes taken away.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

class BenchCommand : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(engine::TestModel({.type = engine::TensorType::q8_0}).write(path_));
  }
  [[nodiscard]] std::vector<std::string> command(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"bench", "-m", path_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  [[nodiscard]] Json rows(const std::vector<std::string>& more) const {
    const Outcome outcome = run_wattle(command(more));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto json = parse_json(outcome.out, "output");
    EXPECT_TRUE(json && json->is_array()) << outcome.out;
    return json.value_or(Json::array());
  }
  TestFolder folder_;
  std::string path_ = (folder_.path() / "model.gguf").string();
};

TEST_F(BenchCommand, ListsMultiply) {
  const Json found = rows({"-p", "8,16", "-n", "4", "-d", "0", "-d", "10", "-b", "1,3", "-t", "1,2",
                           "-r", "1", "-o", "json"});
  std::multiset<std::string> names;
  for (const Json& row : found) {
    names.insert(row["test"].get<std::string>() + " t" + row["n_threads"].dump());
  }
  const std::multiset<std::string> expected = {
      "pp8 t1",       "pp16 t1",       "tg4 t1",       "tg4 b3 t1",
      "pp8 @ d10 t1", "pp16 @ d10 t1", "tg4 @ d10 t1", "tg4 b3 @ d10 t1",
      "pp8 t2",       "pp16 t2",       "tg4 t2",       "tg4 b3 t2",
      "pp8 @ d10 t2", "pp16 @ d10 t2", "tg4 @ d10 t2", "tg4 b3 @ d10 t2"};
  EXPECT_EQ(names, expected);
}

// 10 positions of depth, one token before the timed ones, which read 12, 13, 14 and 15 positions;
// keys and values of one position: 2 · 3 layers · 2 heads · 16 dimensions · 2 bytes.
TEST_F(BenchCommand, EveryRepetitionIsKeptWithItsLimits) {
  const Json found =
      rows({"-p", "8", "-n", "4", "-d", "10", "-b", "3", "-t", "1", "-r", "2", "--json"});
  ASSERT_EQ(found.size(), 2U);
  for (const Json& row : found) {
    EXPECT_EQ(row["samples_ts"].size(), 2U);
    EXPECT_EQ(row["samples_ns"].size(), 2U);
    ASSERT_EQ(row["limits"].size(), 2U);
    for (const char* limit : {"read_gb_per_s", "int8_gop_per_s", "f32_gflop_per_s"}) {
      EXPECT_GT(row["limits"][0][limit].get<double>(), 0.0) << limit;
      EXPECT_GT(row[limit].get<double>(), 0.0) << limit;
    }
    EXPECT_GT(row["mfu"].get<double>(), 0.0);
    EXPECT_EQ(row["mfu_peak"], "int8");
    EXPECT_GT(row["load_ms"].get<double>(), 0.0);
    EXPECT_GT(row["peak_rss_bytes"].get<double>(), 0.0);
    // A figure of energy never comes without its kind.
    EXPECT_TRUE(row["j_per_token"].is_null() || row["energy_kind"].is_string());
  }
  EXPECT_EQ(found[0]["n_prompt"], 8);
  EXPECT_TRUE(found[0]["mbu"].is_null());
  const Json& decode = found[1];
  EXPECT_EQ(decode["n_gen"], 4);
  EXPECT_EQ(decode["n_sequences"], 3);
  EXPECT_DOUBLE_EQ(decode["kv_bytes_per_step"].get<double>(), 3 * 13.5 * 2 * 3 * 2 * 16 * 2);
  EXPECT_DOUBLE_EQ(
      decode["bytes_per_token"].get<double>(),
      (decode["weight_bytes_per_step"].get<double>() + decode["kv_bytes_per_step"].get<double>()) /
          3);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(decode["samples_ts"][i].get<double>(), 12e9 / decode["samples_ns"][i].get<double>(),
                1e-3);
  }
}

TEST_F(BenchCommand, TablesHaveARowForEveryTest) {
  const std::vector<std::string> what = {"-p", "8", "-n", "4", "-t", "1", "-r", "1", "-o"};
  const auto lines = [&](const std::string& format) {
    auto arguments = what;
    arguments.push_back(format);
    const Outcome outcome = run_wattle(command(arguments));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return lines_of(outcome.out);
  };
  const auto csv = lines("csv");
  ASSERT_EQ(csv.size(), 3U);
  const auto names = fields_of(csv[0]);
  const auto column = [&](const std::string& name) {
    return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  };
  for (const std::size_t i : {1U, 2U}) {
    const auto fields = fields_of(csv[i]);
    ASSERT_EQ(fields.size(), names.size());
    EXPECT_EQ(fields[column("test")], i == 1 ? "pp8" : "tg4");
    EXPECT_GT(std::stod(fields[column("avg_ts")]), 0.0);
  }
  const auto markdown = lines("md");
  ASSERT_GE(markdown.size(), 4U);
  EXPECT_TRUE(markdown[0].starts_with("| model | size | params | type | isa | threads | test |"));
  EXPECT_TRUE(markdown[1].starts_with("| --- |"));
  for (const std::size_t i : {0U, 1U, 2U, 3U}) {
    EXPECT_EQ(std::ranges::count(markdown[i], '|'), 12) << markdown[i];
  }
  const auto table = lines("table");
  ASSERT_GE(table.size(), 4U);
  EXPECT_TRUE(table[2].contains("pp8") && table[2].contains("Q8_0")) << table[2];
  EXPECT_TRUE(table[3].contains("tg4")) << table[3];
  EXPECT_TRUE(std::ranges::any_of(
      table, [](const std::string& line) { return line.contains("limits: read"); }));
}

TEST_F(BenchCommand, ContextsBeyondTheModelsAreMeasuredWithANote) {
  const Outcome outcome = run_wattle(command({"-p", "32", "-n", "2", "-d", "40", "-b", "1,2"}));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(outcome.err.contains("contexts of up to 72 tokens") &&
              outcome.err.contains("made for 64"))
      << outcome.err;
}

TEST_F(BenchCommand, WhatCannotBeMeasuredIsSaidBefore) {
  const auto error_of = [&](const std::vector<std::string>& more, int exit_code) {
    const Outcome outcome = run_wattle(command(more));
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    return outcome.err;
  };
  EXPECT_TRUE(error_of({"-p", "0", "-n", "0"}, 2).contains("nothing to measure"));
  EXPECT_TRUE(error_of({"-m", "/nowhere.gguf"}, 4).contains("/nowhere.gguf"));
  for (const auto& [option, value] : std::vector<std::pair<std::string, std::string>>{
           {"-b", "0"}, {"-t", "-1"}, {"-p", "8,x"}, {"-r", "0"}, {"-o", "xml"}, {"--kv", "q4"}}) {
    const Outcome outcome = run_wattle(command({option, value}));
    EXPECT_EQ(outcome.exit_code, 2) << option << outcome.err;
  }
}

// Whether the process catches SIGINT: before that, the signal would just end it.
bool catches_interrupts(pid_t process) {
  const auto status = read_file(fmt::format("/proc/{}/status", process)).value_or("");
  const auto line = status.find("SigCgt:\t");
  if (line == std::string::npos) return false;
  return (std::stoull(status.substr(line + 8, 16), nullptr, 16) & (1ULL << (SIGINT - 1))) != 0;
}

TEST_F(BenchCommand, CtrlCEndsItCleanly) {
  const auto file = [&](const char* name) { return (folder_.path() / name).string(); };
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(file("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 1);
    dup2(open(file("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 2);
    execl(WATTLE_PROGRAM, WATTLE_PROGRAM, "bench", "-m", path_.c_str(), "-p", "8", "-n", "4", "-r",
          "1000", nullptr);
    _exit(127);
  }
  int status = 0;
  while (!catches_interrupts(child)) {
    ASSERT_EQ(waitpid(child, &status, WNOHANG), 0) << read_file(file("err")).value_or("");
  }
  kill(child, SIGINT);
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_TRUE(read_file(file("err")).value_or("").contains("interrupted"));
}

}  // namespace
}  // namespace wattle::e2e
