#include "lab/store.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/atomic_file.hpp"
#include "base/test_folder.hpp"
#include "lab/test_results.hpp"

namespace wattle::lab {
namespace {

const std::vector<Configuration> kConfigurations = {test_configuration(1, "F16", 0),
                                                    test_configuration(2, "F16", 8)};

Experiment test_experiment() {
  return test_results(1).experiment;
}

Result<std::unique_ptr<Store>> open(const std::filesystem::path& folder,
                                    Store::Start start = Store::Start::resume) {
  return Store::open(folder, test_experiment(), kConfigurations, start);
}

Result<std::int64_t> open_block(Store& store) {
  SessionInfo session;
  session.started = "2026-01-02T03:04:05.000Z";
  session.state = "running";
  WATTLE_TRY(session.id, store.begin_session(session));
  Block block;
  block.session_id = session.id;
  block.configuration_id = 1;
  return store.begin_block(block);
}

TEST(Store, WhatIsWrittenIsReadBack) {
  const TestFolder folder;
  auto store = open(folder.path() / "new/results");
  ASSERT_TRUE(store) << store.error().message();
  SessionInfo session = test_results(1).sessions[0];
  session.flags = {"idle drift 3.0 %"};
  const auto session_id = (*store)->begin_session(session);
  ASSERT_TRUE(session_id);
  session.id = *session_id;
  Block block = test_block(0, 2, 0, 96, 1.25);
  block.session_id = *session_id;
  block.flags = {"a;b", "\"c\""};
  block.peak_power_w = 14.5;
  const auto block_id = (*store)->begin_block(block);
  ASSERT_TRUE(block_id) << block_id.error().message();
  block.id = *block_id;
  StoredRecord stored = test_record(*block_id, 2, 0, 3, 12.5, 0.75, 24);
  stored.record.output_text = "Status: \"warning\", ümläut \n next";
  stored.record.correct = true;
  ASSERT_TRUE((*store)->add_record(stored));
  stored.record.energy = meter::Energy{0.5, 0.3, 0.01, 0.008, 0.006, 0.002};
  const std::vector<PowerPoint> power = {{*session_id, 0.5, 9.5}, {*session_id, 0.6, 10.5}};
  ASSERT_TRUE((*store)->finish_block(block, std::vector{stored}, power));
  ASSERT_TRUE((*store)->update_session(session));

  const auto results = read_results((*store)->folder());
  ASSERT_TRUE(results) << results.error().message();
  EXPECT_EQ(results->experiment.name, "quickstart");
  EXPECT_EQ(results->experiment.plan, test_experiment().plan);
  ASSERT_EQ(results->configurations.size(), 2u);
  EXPECT_EQ(results->configurations[1].exit_layer, 8u);
  ASSERT_EQ(results->sessions.size(), 1u);
  EXPECT_EQ(results->sessions[0].flags, session.flags);
  EXPECT_NEAR(results->sessions[0].idle_before->power_w, 5.31, 1e-12);
  EXPECT_EQ(results->sessions[0].energy_source, session.energy_source);
  EXPECT_EQ(results->sessions[0].machine.at("cores"), 2);
  ASSERT_EQ(results->blocks.size(), 1u);
  const Block& read = results->blocks[0];
  EXPECT_TRUE(read.closed);
  EXPECT_EQ(read.flags, block.flags);
  EXPECT_EQ(read.n_output_tokens, 96u);
  EXPECT_DOUBLE_EQ(read.energy->gross_j, 1.25);
  EXPECT_DOUBLE_EQ(*read.energy->net_j, 0.75);
  EXPECT_DOUBLE_EQ(read.energy->boundary_j, block.energy->boundary_j);
  EXPECT_DOUBLE_EQ(*read.peak_power_w, 14.5);
  EXPECT_FALSE(read.avg_power_w);  // absent stays absent
  EXPECT_FALSE(read.energy_prefill);
  ASSERT_EQ(results->records.size(), 1u);
  EXPECT_EQ(results->records[0].record.output_text, stored.record.output_text);
  EXPECT_DOUBLE_EQ(results->records[0].record.energy->gross_j, 0.5);
  EXPECT_EQ(results->power.size(), 2u);
}

// A child is killed in the middle of writing; what it had finished is there.
TEST(Store, KilledAtAnyMomentNoFinishedRecordIsLost) {
  const TestFolder folder;
  const auto path = folder.path() / "r";
  std::array<int, 2> pipe_fds{};
  ASSERT_EQ(::pipe(pipe_fds.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = open(path);
    if (!store) ::_exit(1);
    const auto block = open_block(**store);
    if (!block) ::_exit(1);
    for (int prompt = 0;; ++prompt) {
      if (!(*store)->add_record(test_record(*block, 1, 0, prompt, 10, 1, 24))) ::_exit(1);
      if (::write(pipe_fds[1], &prompt, sizeof prompt) != sizeof prompt) ::_exit(1);
    }
  }
  int last_finished = -1;
  while (last_finished < 40) {
    ASSERT_EQ(::read(pipe_fds[0], &last_finished, sizeof last_finished),
              static_cast<ssize_t>(sizeof last_finished));
  }
  ::kill(child, SIGKILL);
  ::close(pipe_fds[1]);
  int prompt = 0;
  while (::read(pipe_fds[0], &prompt, sizeof prompt) == sizeof prompt) last_finished = prompt;
  ::close(pipe_fds[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));

  auto store = open(path);  // the lock died with the process
  ASSERT_TRUE(store) << store.error().message();
  const auto results = (*store)->load();
  ASSERT_TRUE(results) << results.error().message();
  EXPECT_GE(static_cast<int>(results->records.size()), last_finished + 1);
  EXPECT_FALSE(results->blocks.at(0).closed);
  const auto state = (*store)->trial_state(1, 0);
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->complete);
  EXPECT_EQ(state->n_parts, 1);
  for (int i = 0; i <= last_finished; ++i) EXPECT_TRUE(state->done_prompts.contains(i)) << i;
}

TEST(Store, ASecondWriterIsRefused) {
  const TestFolder folder;
  const auto first = open(folder.path() / "r");
  ASSERT_TRUE(first);
  const auto second = open(folder.path() / "r");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_NE(second.error().what.find("another wattle is measuring into"), std::string::npos);
  EXPECT_TRUE(read_results(folder.path() / "r"));  // reading is allowed
}

TEST(Store, ARecordCannotBeWrittenTwice) {
  const TestFolder folder;
  auto store = open(folder.path() / "r");
  ASSERT_TRUE(store);
  const auto block = open_block(**store);
  ASSERT_TRUE(block);
  ASSERT_TRUE((*store)->add_record(test_record(*block, 1, 0, 0, 10, 1, 24)));
  Block second;
  second.session_id = 1;
  second.configuration_id = 1;
  second.part = 1;
  const auto second_id = (*store)->begin_block(second);
  ASSERT_TRUE(second_id);
  // The same prompt of the same trial in another block would count twice.
  EXPECT_FALSE((*store)->add_record(test_record(*second_id, 1, 0, 0, 10, 1, 24)));
  EXPECT_FALSE((*store)->begin_block(second));
  EXPECT_EQ((*store)->load()->records.size(), 1u);
}

TEST(Store, AnotherExperimentIsRefusedAndFreshKeepsTheOldOne) {
  const TestFolder folder;
  const auto path = folder.path() / "r";
  ASSERT_TRUE(open(path));
  Experiment other = test_experiment();
  other.plan["models"][0]["sha256"] = "changed";
  const auto refused = Store::open(path, other, kConfigurations, Store::Start::resume);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("'models.1.sha256' differs"), std::string::npos)
      << refused.error().what;
  EXPECT_NE(refused.error().remedy.find("--fresh"), std::string::npos);
  ASSERT_TRUE(Store::open(path, other, kConfigurations, Store::Start::fresh));
  EXPECT_EQ(read_results(path)->experiment.plan["models"][0]["sha256"], "changed");
  std::size_t n_previous = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path / "previous")) {
    EXPECT_EQ(read_results(entry.path())->experiment.plan, test_experiment().plan);
    ++n_previous;
  }
  EXPECT_EQ(n_previous, 1u);
}

TEST(Store, FoldersThatCannotBeWrittenAreNamedBeforeTheStart) {
  const TestFolder folder;
  const auto file = folder.write("file", "x");
  const auto inside_file = open(file / "r");
  ASSERT_FALSE(inside_file);
  EXPECT_NE(inside_file.error().what.find("cannot create results folder"), std::string::npos);
  const auto proc = open("/proc/wattle-results");  // no files can be made there, by root either
  ASSERT_FALSE(proc);
  EXPECT_NE(proc.error().what.find("/proc/wattle-results"), std::string::npos);
  if (::geteuid() != 0) {
    const auto locked = folder.path() / "locked";
    std::filesystem::create_directory(locked);
    std::filesystem::permissions(locked, std::filesystem::perms::owner_read);
    EXPECT_FALSE(open(locked));
  }
}

// The size limit of a process stands in for a full disk: a write fails in the middle of a block.
TEST(Store, AFailedWriteLeavesNothingHalfWritten) {
  const TestFolder folder;
  const auto path = folder.path() / "r";
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto store = open(path);
    if (!store) ::_exit(1);
    const auto block_id = open_block(**store);
    if (!block_id || !(*store)->add_record(test_record(*block_id, 1, 0, 0, 10, 1, 24))) ::_exit(2);
    const rlimit limit{300'000, 300'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::vector<StoredRecord> many;
    for (int i = 0; i < 500; ++i) {
      many.push_back(test_record(*block_id, 1, 0, i, 10, 1, 24));
      many.back().record.output_text = std::string(2000, 'x');
    }
    Block block = test_block(*block_id, 1, 0, 24, 1.0);
    const Status status = (*store)->finish_block(block, many, {});
    if (status) ::_exit(3);
    ::_exit(status.error().code == ErrorCode::io || status.error().code == ErrorCode::no_space ? 0
                                                                                               : 4);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const auto results = read_results(path);
  ASSERT_TRUE(results) << results.error().message();
  EXPECT_EQ(results->records.size(), 1u);
  EXPECT_FALSE(results->blocks.at(0).closed);
}

TEST(Store, FilesThatAreNoResultsAreNamed) {
  const TestFolder folder;
  EXPECT_EQ(read_results(folder.path()).error().code, ErrorCode::not_found);
  folder.write("a/results.sqlite", std::string(4096, 'x'));
  const auto damaged = read_results(folder.path() / "a");
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().what.find("a/results.sqlite"), std::string::npos);
  EXPECT_FALSE(open(folder.path() / "a"));
}

}  // namespace
}  // namespace wattle::lab
