#include "lab/runner.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/interrupt.hpp"
#include "base/test_folder.hpp"
#include "lab/summary.hpp"
#include "lab/test_bench.hpp"

namespace wattle::lab {
namespace {

class RunnerTest : public testing::Test {
 protected:
  void TearDown() override { set_interrupted(false); }

  Result<RunOutcome> run(const Plan& plan, FakeMeter& meter,
                         Store::Start start = Store::Start::resume) {
    auto store = Store::open(plan.manifest.output, experiment_of(plan), plan.configurations, start);
    if (!store) return std::unexpected(store.error());
    return run_plan(plan, {**store, meter, clock_,
                           [&](const ModelVariant& variant) {
                             loaded_.push_back(variant.model);
                             return Result<std::unique_ptr<engine::Session>>(
                                 std::make_unique<FakeSession>(variant.file));
                           },
                           Json::object(), Progress::Style::silent});
  }

  Results results() const { return read_results(folder_.path() / "r").value(); }

  TestFolder folder_;
  FakeClock clock_;
  Plan plan_ = test_plan(folder_.path() / "r");
  std::vector<std::string> loaded_;
};

TEST_F(RunnerTest, MeasuresEveryPromptOfEveryConfigurationInEveryTrial) {
  FakeMeter meter(clock_);
  const auto outcome = run(plan_, meter);
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_FALSE(outcome->interrupted);
  EXPECT_EQ(outcome->n_blocks_run, 8u);  // 4 configurations × 2 trials
  const Results all = results();
  ASSERT_EQ(all.blocks.size(), 8u);
  EXPECT_EQ(all.records.size(), 8u * (3 + 1));  // with warm-up
  std::map<std::string, int> seen;
  for (const auto& stored : all.records) {
    if (!stored.record.warmup) ++seen[stored.record.run_id + stored.record.prompt_id];
  }
  EXPECT_EQ(seen.size(), 24u);
  for (const auto& [key, n] : seen) EXPECT_EQ(n, 1) << key;
  EXPECT_EQ(all.sessions.at(0).state, "finished");
  EXPECT_EQ(all.sessions.at(0).machine.at("isa"), "fake");
  EXPECT_LE(loaded_.size(), 4u);  // a model is loaded once for all its configurations in a trial
}

// 3 answers of 0.3 s at 10 W are 9 J for 12 tokens, whatever passes between them.
TEST_F(RunnerTest, EnergyOfABlockIsThatOfItsAnswers) {
  FakeMeter meter(clock_);
  ASSERT_TRUE(run(plan_, meter));
  const Summary summary = summarise(results());
  ASSERT_EQ(summary.rows.size(), 4u);
  for (const auto& row : summary.rows) {
    ASSERT_TRUE(row.energy_per_output_token_j_gross);
    EXPECT_NEAR(row.energy_per_output_token_j_gross->value, 0.75, 1e-9);
    EXPECT_NEAR(row.energy_per_output_token_j_net->value, 0.45, 1e-9);
    EXPECT_NEAR(*row.accuracy, 2.0 / 3.0, 1e-12);  // "gamma" does not contain "delta"
    EXPECT_EQ(row.n_requests, 6u);
    EXPECT_EQ(row.n_prompts, 3u);
  }
  double attributed_j = 0.0;
  for (const auto& stored : results().records) {
    if (stored.block_id == 1 && !stored.record.warmup)
      attributed_j += stored.record.energy->gross_j;
  }
  EXPECT_NEAR(attributed_j, 9.0, 1e-9);
}

TEST_F(RunnerTest, ShortSuitesAreRepeatedUntilTheWindowIsLongEnough) {
  plan_.manifest.measure.min_block_seconds = 2.5;  // a pass takes 0.9 s: three are needed
  plan_.manifest.trials = 1;
  FakeMeter meter(clock_);
  ASSERT_TRUE(run(plan_, meter));
  for (const auto& block : results().blocks) {
    EXPECT_EQ(block.n_passes, 3);
    EXPECT_EQ(block.n_requests, 9u);
    EXPECT_NEAR(block.seconds, 2.7, 1e-9);
  }
  // A warm-up and two passes of three prompts are kept, the third counts in the block.
  EXPECT_EQ(results().records.size(), results().blocks.size() * 7);
  // Repeats say nothing new about accuracy.
  EXPECT_EQ(summarise(results()).rows.at(0).n_judged_prompts, 3u);
}

TEST_F(RunnerTest, SensorUpdatesLengthenTheWindowToo) {
  plan_.manifest.measure.min_sensor_updates = 100;  // at 100 Hz one second: two passes
  plan_.manifest.trials = 1;
  FakeMeter meter(clock_);
  ASSERT_TRUE(run(plan_, meter));
  for (const auto& block : results().blocks) EXPECT_EQ(block.n_passes, 2);
}

TEST_F(RunnerTest, ExitLayerAndSeedReachTheEngine) {
  plan_.manifest.generate.sampling.seed = 40;
  FakeMeter meter(clock_);
  ASSERT_TRUE(run(plan_, meter));
  EXPECT_EQ(std::count(meter.exit_layers.begin(), meter.exit_layers.end(), 8u), 16);
  EXPECT_EQ(std::count(meter.exit_layers.begin(), meter.exit_layers.end(), 0u), 16);
  EXPECT_EQ(std::count(meter.seeds.begin(), meter.seeds.end(), 40u), 16);  // trial 1
  EXPECT_EQ(std::count(meter.seeds.begin(), meter.seeds.end(), 41u), 16);  // trial 2
}

TEST_F(RunnerTest, InterruptFinishesTheAnswerAndTheNextRunContinues) {
  FakeMeter meter(clock_);
  meter.before_answer = [](int number) -> Status {
    if (number == 7) set_interrupted(true);  // in the middle of the second block
    return {};
  };
  const auto first = run(plan_, meter);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_TRUE(first->interrupted);
  Results partial = results();
  EXPECT_EQ(partial.sessions.at(0).state, "interrupted");
  EXPECT_EQ(partial.records.size(), 7u);  // the answer under way was finished and kept
  EXPECT_TRUE(partial.blocks.at(1).closed);
  EXPECT_FALSE(partial.blocks.at(1).completes_trial);
  EXPECT_TRUE(partial.blocks.at(1).energy);

  set_interrupted(false);
  FakeMeter again(clock_);
  const auto second = run(plan_, again);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(second->n_trials_before, 1u);
  const Results all = results();
  std::map<std::string, int> seen;
  for (const auto& stored : all.records) {
    if (!stored.record.warmup) ++seen[stored.record.run_id + stored.record.prompt_id];
  }
  EXPECT_EQ(seen.size(), 24u);  // nothing lost, nothing twice
  for (const auto& [key, n] : seen) EXPECT_EQ(n, 1) << key;
  EXPECT_EQ(all.blocks.size(), 9u);
  for (const auto& row : summarise(all).rows) {
    EXPECT_NEAR(row.energy_per_output_token_j_gross->value, 0.75, 1e-9);
    EXPECT_EQ(row.n_trials, 2u);
  }
}

TEST_F(RunnerTest, NothingIsRunAgainWhenAllIsThere) {
  FakeMeter meter(clock_);
  ASSERT_TRUE(run(plan_, meter));
  FakeMeter again(clock_);
  const auto second = run(plan_, again);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->n_blocks_run, 0u);
  EXPECT_EQ(second->n_trials_before, second->n_trials_planned);
  EXPECT_TRUE(again.prompts.empty());
  EXPECT_EQ(results().sessions.size(), 1u);
}

TEST_F(RunnerTest, MoreTrialsExtendAnExperiment) {
  FakeMeter meter(clock_);
  ASSERT_TRUE(run(plan_, meter));
  plan_.manifest.trials = 3;
  FakeMeter again(clock_);
  const auto second = run(plan_, again);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(second->n_blocks_run, 4u);
  EXPECT_EQ(summarise(results()).rows.at(0).n_trials, 3u);
}

TEST_F(RunnerTest, AFailureKeepsWhatIsFinishedAndNamesThePrompt) {
  FakeMeter meter(clock_);
  meter.before_answer = [](int number) -> Status {
    if (number == 3) return fail(ErrorCode::resource_exhausted, "out of memory");
    return {};
  };
  const auto outcome = run(plan_, meter);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().what.find("prompt 'b' of suite s"), std::string::npos)
      << outcome.error().what;
  const Results kept = results();
  EXPECT_EQ(kept.records.size(), 2u);
  EXPECT_EQ(kept.sessions.at(0).state, "failed");
  FakeMeter again(clock_);
  ASSERT_TRUE(run(plan_, again));
  EXPECT_EQ(summarise(results()).rows.at(0).n_requests, 6u);
}

TEST_F(RunnerTest, IdleDriftIsFlagged) {
  FakeMeter meter(clock_);
  meter.second_idle_w = FakeMeter::kIdleW * 1.05;
  ASSERT_TRUE(run(plan_, meter));
  const auto session = results().sessions.at(0);
  ASSERT_TRUE(session.idle_before && session.idle_after);
  EXPECT_NEAR(*idle_drift(session), 0.05, 1e-9);
  EXPECT_EQ(session.flags, std::vector<std::string>{"idle drift 5.0 %"});
}

TEST_F(RunnerTest, ACapEndsAConfigurationAndIsFlagged) {
  plan_.manifest.trials = 5;
  plan_.manifest.measure.max_seconds_per_configuration = 1.5;  // two blocks of 0.9 s
  FakeMeter meter(clock_);
  ASSERT_TRUE(run(plan_, meter));
  EXPECT_EQ(results().blocks.size(), 8u);
  EXPECT_EQ(results().sessions.at(0).flags.size(), 4u);
}

TEST_F(RunnerTest, RotationGivesEachTrialOtherPrompts) {
  SuiteEntry entry;
  entry.limit = 2;
  entry.rotate = true;
  EXPECT_EQ(prompts_of_trial(entry, 5, 0), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(prompts_of_trial(entry, 5, 1), (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(prompts_of_trial(entry, 5, 2), (std::vector<std::size_t>{4, 0}));
  entry.rotate = false;
  EXPECT_EQ(prompts_of_trial(entry, 5, 2), (std::vector<std::size_t>{0, 1}));
  entry.limit = 0;
  EXPECT_EQ(prompts_of_trial(entry, 3, 1), (std::vector<std::size_t>{0, 1, 2}));
  entry.limit = 99;
  EXPECT_EQ(prompts_of_trial(entry, 3, 1).size(), 3u);
}

TEST_F(RunnerTest, OrderIsShuffledByTrialAndRepeatable) {
  bool differs = false;
  for (int trial = 0; trial < 8; ++trial) {
    auto order = trial_order(plan_, trial);
    EXPECT_EQ(order, trial_order(plan_, trial));
    differs = differs || order != trial_order(plan_, 0);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3}));
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace wattle::lab
