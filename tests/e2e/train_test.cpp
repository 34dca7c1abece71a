// wattle train as a user meets it. What needs libtorch is skipped where the trainer was not built.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "wattle_folders.hpp"

namespace wattle::e2e {
namespace {

bool trainer_built() {
  return std::filesystem::exists(std::filesystem::path(WATTLE_PROGRAM).parent_path().parent_path() /
                                 "lib" / "libwattle_trainer.so");
}

TEST(TrainCommand, MakesTheShippedSuitesByteForByte) {
  const TestFolder folder;
  const auto file = (folder.path() / "suite.jsonl").string();
  struct Shipped {
    const char* name;
    const char* count;
    const char* seed;
  };
  for (const Shipped& shipped : {Shipped{"telemetry.jsonl", "120", "2027"},
                                 Shipped{"telemetry-heldout.jsonl", "620", "2026"}}) {
    const auto made = run_wattle({"train", "--make-prompts", file, "--held-out", "--count",
                                  shipped.count, "--seed", shipped.seed});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const auto ours = read_file(file);
    const auto theirs = read_file(std::string(WATTLE_SOURCE_DIR "/prompts/") + shipped.name);
    ASSERT_TRUE(ours && theirs);
    EXPECT_EQ(*ours, *theirs) << shipped.name;
  }
}

TEST(TrainCommand, WithoutTheTrainerSaysHowToGetIt) {
  if (trainer_built()) GTEST_SKIP() << "the trainer was built";
  const auto made = run_wattle({"train", "--steps", "1"});
  EXPECT_EQ(made.exit_code, 4);
  EXPECT_NE(made.err.find("script/setup --all"), std::string::npos) << made.err;
}

TEST(TrainCommand, RefusesAShapeThatCannotBe) {
  if (!trainer_built()) GTEST_SKIP() << "the trainer was not built";
  const auto made = run_wattle({"train", "--steps", "1", "--d-model", "100"});
  EXPECT_EQ(made.exit_code, 2) << made.err;
  EXPECT_NE(made.err.find("multiple of 32"), std::string::npos) << made.err;
}

// The shipped model knows its task: a floor well under the model card's figures, for a few cases.
TEST(TrainCommand, EvaluatesTheShippedModelByExitLayer) {
  const auto made = run_wattle(
      {"train", "--evaluate", WATTLE_SOURCE_DIR "/models/telemetry-16l.gguf", "--prompts",
       WATTLE_SOURCE_DIR "/prompts/telemetry-heldout.jsonl", "--limit", "30", "--json", "-q"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const auto report = parse_json(made.out, "report");
  ASSERT_TRUE(report);
  const Json& layers = (*report)["layers"];
  ASSERT_EQ(layers.size(), 16U);
  EXPECT_GT(layers[15]["status"].get<double>(), 0.8);
  EXPECT_GT(layers[15]["sensor_cause"].get<double>(), layers[3]["sensor_cause"].get<double>());
  EXPECT_LT(layers[15]["entropy_nats"].get<double>(), layers[3]["entropy_nats"].get<double>());
}

TEST(TrainCommand, NamesTheBrokenLineOfASuite) {
  const TestFolder folder;
  const auto file = folder.write("bad.jsonl", "{\"text\": 3}\n");
  const auto made =
      run_wattle({"train", "--evaluate", WATTLE_SOURCE_DIR "/models/telemetry-16l.gguf",
                  "--prompts", file.string(), "-q"});
  EXPECT_EQ(made.exit_code, 3);
  EXPECT_NE(made.err.find("line 1"), std::string::npos) << made.err;
}

}  // namespace
}  // namespace wattle::e2e
