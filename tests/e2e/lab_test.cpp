// `wattle lab` as a user has it: a tiny model, a short manifest, interruptions.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "compress/synth.hpp"
#include "e2e/run_program.hpp"

extern char** environ;

namespace wattle::e2e {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

class LabTest : public testing::Test {
 protected:
  void SetUp() override {
    compress::SynthShape shape;
    shape.name = "tiny";
    shape.architecture = "llama";
    shape.n_layers = 4;
    shape.d_model = 64;
    shape.d_ff = 128;
    shape.n_heads = 4;
    shape.n_kv_heads = 2;
    shape.n_vocab = 512;
    shape.context_length = 128;
    compress::SynthOptions options;
    options.type = engine::TensorType::f16;
    options.threads = 1;
    const auto made = compress::synthesize(shape, folder_.path() / "tiny.gguf", options);
    ASSERT_TRUE(made) << made.error().message();
    folder_.write("prompts.jsonl",
                  "{\"id\":\"a\",\"text\":\"hello\",\"expect\":{\"x\":\"no such answer\"}}\n"
                  "{\"id\":\"b\",\"text\":\"good morning\"}\n");
  }

  std::filesystem::path manifest(int trials, double block_seconds) const {
    return folder_.write("m.yaml",
                         "name: tiny test\nmodels: [tiny.gguf]\nprecisions: [file, q4_0]\n"
                         "exit_layers: [2, full]\nsuites: [prompts.jsonl]\nthreads: 1\n"
                         "generate: {max_tokens: 6, ignore_eos: true}\n"
                         "measure: {idle_seconds: 0.3, min_block_seconds: " +
                             std::to_string(block_seconds) +
                             ", min_sensor_updates: 0}\ntrials: " + std::to_string(trials) + "\n");
  }

  [[nodiscard]] std::vector<std::string> command(const std::filesystem::path& file) const {
    return {"lab",
            "run",
            file.string(),
            "--output",
            results().string(),
            "--cache",
            (folder_.path() / "cache").string()};
  }
  [[nodiscard]] std::filesystem::path results() const { return folder_.path() / "results"; }
  [[nodiscard]] std::string text_of(const char* name) const {
    return read_file(results() / name).value_or("");
  }

  // Starts the command, sends `signal_number` once the database has grown, gives the exit status.
  int stop_with(int signal_number, const std::vector<std::string>& arguments) const {
    std::vector<std::string> copies = arguments;
    copies.insert(copies.begin(), WATTLE_PROGRAM);
    copies.emplace_back("--quiet");
    std::vector<char*> argv;
    for (auto& copy : copies) argv.push_back(copy.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string log = folder_.path() / "log.txt";
    posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t child = 0;
    const int error = posix_spawn(&child, WATTLE_PROGRAM, &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    EXPECT_EQ(error, 0);
    // Three closed blocks have been checkpointed into the database by then.
    const auto database = results() / "results.sqlite";
    std::error_code missing;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (std::chrono::steady_clock::now() < end) {
      const auto size = std::filesystem::file_size(database, missing);
      if (!missing && size > kGrown) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    kill(child, signal_number);
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }
  static constexpr std::uintmax_t kGrown = 120'000;

  TestFolder folder_;
};

TEST_F(LabTest, RunsAManifestAndShowsWhatATokenCost) {
  const auto file = manifest(2, 0.05);
  const Outcome first = run_wattle(command(file));
  ASSERT_EQ(first.exit_code, 0) << first.err;
  for (const char* part : {"model", "J/token ± 95 %", "peak memory", "tiny", "F16", "Q4_0",
                           "2 of 4", "4 (full)", "0.0 %", "report.html"}) {
    EXPECT_NE(first.out.find(part), std::string::npos) << part << "\n" << first.out;
  }
  for (const char* name : {"records.csv", "records.json", "summary.csv", "report.html"}) {
    EXPECT_FALSE(text_of(name).empty()) << name;
  }
  const auto summary = parse_json(text_of("summary.json"), "summary.json");
  ASSERT_TRUE(summary) << summary.error().message();
  const auto& rows = (*summary)["configurations"];
  ASSERT_EQ(rows.size(), 4u);
  for (const auto& row : rows) {
    EXPECT_EQ(row["n_trials"], 2);
    EXPECT_EQ(row["accuracy"], 0.0);
    EXPECT_GT(row["output_tokens_per_s"].get<double>(), 0.0);
    EXPECT_EQ(row["mean_layers"], row["exit_layer"]);
    EXPECT_EQ(row["model_sha256"].get<std::string>().size(), 64u);
    if (!row["energy_kind"].is_null()) {
      EXPECT_GT(row["energy_per_output_token_j_gross"].get<double>(), 0.0);
    }
  }
  EXPECT_EQ((*summary)["sessions"][0]["state"], "finished");

  const std::string records = text_of("records.csv");
  const Outcome second = run_wattle(command(file));
  EXPECT_EQ(second.exit_code, 0);
  EXPECT_NE(second.err.find("All 8 trials of tiny test are in"), std::string::npos) << second.err;
  EXPECT_EQ(text_of("records.csv"), records);  // nothing appended

  const Outcome redrawn = run_wattle({"lab", "report", results().string(), "--json"});
  EXPECT_EQ(redrawn.exit_code, 0) << redrawn.err;
  EXPECT_TRUE(parse_json(redrawn.out, "standard output"));

  // A changed experiment does not mix with the old results; --fresh keeps them aside.
  folder_.write("prompts.jsonl", "{\"id\":\"c\",\"text\":\"good evening\"}\n");
  const Outcome changed = run_wattle(command(file));
  EXPECT_EQ(changed.exit_code, 2);
  EXPECT_NE(changed.err.find("results of another experiment: 'suites.1.sha256' differs"),
            std::string::npos)
      << changed.err;
  auto fresh = command(file);
  fresh.emplace_back("--fresh");
  EXPECT_EQ(run_wattle(fresh).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(results() / "previous"));
}

TEST_F(LabTest, CtrlCKeepsWhatIsFinishedAndTheNextRunContinues) {
  const int status = stop_with(SIGINT, command(manifest(6, 0.3)));
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 130);
  const std::string log = read_file(folder_.path() / "log.txt").value_or("");
  EXPECT_NE(log.find("The same command continues where it stopped."), std::string::npos) << log;
  EXPECT_FALSE(text_of("report.html").empty());
  const std::size_t before = count(text_of("records.csv"), "\r\n");
  EXPECT_GT(before, 3u);
  const Outcome rest = run_wattle(command(manifest(6, 0.02)));
  EXPECT_EQ(rest.exit_code, 2);  // another window length is another experiment
  const Outcome same = run_wattle(command(manifest(2, 0.3)));  // fewer trials are the same one
  ASSERT_EQ(same.exit_code, 0) << same.err;
  EXPECT_GE(count(text_of("records.csv"), "\r\n"), before);
}

TEST_F(LabTest, KilledRunsLoseNoFinishedRecord) {
  const auto file = manifest(2, 0.3);
  const int status = stop_with(SIGKILL, command(file));
  ASSERT_TRUE(WIFSIGNALED(status));
  const Outcome shown = run_wattle({"lab", "report", results().string()});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  const std::string before = text_of("records.csv");
  EXPECT_GT(count(before, "\r\n"), 3u);
  const Outcome rest = run_wattle(command(file));
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  const std::string after = text_of("records.csv");
  EXPECT_EQ(after.substr(0, before.size()), before);  // in the order of their ids, none lost
  const auto summary = parse_json(text_of("summary.json"), "summary.json").value();
  for (const auto& row : summary["configurations"]) {
    EXPECT_EQ(row["n_trials"], 2);
    EXPECT_EQ(row["n_prompts"], 2);
  }
  EXPECT_EQ(summary["sessions"].size(), 2u);
  EXPECT_EQ(summary["sessions"][0]["state"], "running");
}

TEST_F(LabTest, DryRunSaysWhatWouldHappenAndWritesNothing) {
  auto arguments = command(manifest(2, 0.05));
  arguments.emplace_back("--dry-run");
  const Outcome outcome = run_wattle(arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("4 configurations × 2 trials"), std::string::npos) << outcome.out;
  EXPECT_FALSE(std::filesystem::exists(results()));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "cache"));
}

TEST_F(LabTest, BadInputIsAnsweredWithPlaceAndRemedy) {
  const auto expect = [&](const std::string& text, int code, const std::string& message) {
    const auto file = folder_.write("bad.yaml", text);
    const Outcome outcome = run_wattle(command(file));
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    EXPECT_NE(outcome.err.find(message), std::string::npos) << message << "\n" << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(results()));
  };
  const std::string basis = "models: [tiny.gguf]\nsuites: [prompts.jsonl]\n";
  expect(basis + "trails: 3\n", 3, "bad.yaml:3:1: unknown key 'trails'; did you mean 'trials'?");
  expect(basis + "exit_layers: [5]\n", 2, "bad.yaml:3:15: exit layer 5 is beyond the 4 layers");
  expect("models: [none.gguf]\nsuites: [prompts.jsonl]\n", 3, "bad.yaml:1:10: no such model file");
  expect("models: [prompts.jsonl]\nsuites: [prompts.jsonl]\n", 3, "bad.yaml:1:10: ");
  expect(basis + "context: 2\n", 2, "prompts.jsonl: prompt 'a' is");
  folder_.write("broken.jsonl", "{\"text\":\"x\"}\n{\"text\"\n");
  expect("models: [tiny.gguf]\nsuites: [broken.jsonl]\n", 3, "broken.jsonl:2");
  const auto good = manifest(1, 0.05);
  EXPECT_EQ(run_wattle({"lab", "run", good.string(), "--output", "/proc/nowhere"}).exit_code, 4);
  EXPECT_EQ(run_wattle({"lab", "run", (folder_.path() / "gone.yaml").string()}).exit_code, 4);
  EXPECT_EQ(run_wattle({"lab", "report", folder_.path().string()}).exit_code, 4);
  EXPECT_EQ(run_wattle({"lab", "validate", good.string()}).exit_code, 0);
}

}  // namespace
}  // namespace wattle::e2e
