// State files and locks: what they hold, and what becomes of damaged ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actuate/knob_lock.hpp"
#include "actuate/state_file.hpp"
#include "base/test_board.hpp"

namespace wattle::actuate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const State kState{"gpu.freq", "b00t", 12, 4711, "306000000..1300500000", "816000000..816000000"};

TEST(StateFile, ComesBack) {
  const TestFolder folder;
  ASSERT_TRUE(write_state(folder.path(), kState));
  const auto state = read_state(folder.path(), "gpu.freq").value().value();
  EXPECT_EQ(state.original, kState.original);
  EXPECT_EQ(state.kept, kState.kept);
  EXPECT_EQ(state.boot_id, "b00t");
  EXPECT_EQ(state.since_ns, 12);
  EXPECT_EQ(state.pid, 4711);
  EXPECT_THAT(list_states(folder.path()).value(), ElementsAre("gpu.freq"));
  ASSERT_TRUE(remove_state(folder.path(), "gpu.freq"));
  EXPECT_FALSE(read_state(folder.path(), "gpu.freq").value());
}

TEST(StateFile, TruncatedAnywhereOrForeignItIsDamagedAndSaysWhatToDo) {
  const std::string whole = state_text(kState);
  for (std::size_t n = 0; n + 2 < whole.size(); ++n) {
    const auto state = parse_state(whole.substr(0, n), "x.state");
    ASSERT_FALSE(state) << n;
    EXPECT_EQ(state.error().code, ErrorCode::invalid_format);
    EXPECT_THAT(state.error().remedy, HasSubstr("--forget"));
  }
  for (const char* text :
       {"[]", "7", R"({"version":2})", R"({"version":1,"knob":7})",
        R"({"version":1,"knob":"a","original":"","boot_id":"","since_ns":0,"pid":1})",
        R"({"version":1,"knob":"a","original":"b","boot_id":"","since_ns":0,"pid":-1})",
        R"({"version":1,"knob":"a","original":"b","boot_id":"","since_ns":1e99,"pid":1})"}) {
    EXPECT_FALSE(parse_state(text, "x.state")) << text;
  }
}

TEST(StateFile, OfAnotherKnobIsDamaged) {
  const TestFolder folder;
  folder.write("cpu0.freq.state", state_text(kState));
  EXPECT_THAT(read_state(folder.path(), "cpu0.freq").error().what, HasSubstr("about 'gpu.freq'"));
}

TEST(Journal, ComesBackAndOldBytesBehindItAreIgnored) {
  const Journal journal{4711, "306..816", "306..1300"};
  const auto same = parse_journal(journal_text(journal) + "g 306..816\nend\n").value();
  EXPECT_EQ(same.pid, 4711);
  EXPECT_EQ(same.got, "306..816");
  EXPECT_EQ(same.pending, "306..1300");
  const auto first = parse_journal(journal_text({7, "", ""})).value();
  EXPECT_EQ(first.got, "");
  EXPECT_EQ(first.pending, "");
  for (const char* text :
       {"", "end\n", "pid x\nend\n", "pid -3\nend\n", "pid 7\ngot 3", "pid 7\n"}) {
    EXPECT_FALSE(parse_journal(text)) << text;
  }
}

TEST(Lock, ASecondDriverIsToldWhoHoldsIt) {
  const TestFolder folder;
  auto first = KnobLock::acquire(folder.path(), "gpu.freq");
  ASSERT_TRUE(first);
  ASSERT_TRUE(first->note({::getpid(), "a", ""}));
  const auto second = KnobLock::acquire(folder.path(), "gpu.freq");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_THAT(second.error().what, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_TRUE(KnobLock::acquire(folder.path(), "cpu0.freq")) << "another knob is free";
}

TEST(Lock, EndsWithItsProcessAndWhatThatLastSetIsFound) {
  const TestFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    auto lock = KnobLock::acquire(folder.path(), "gpu.freq");
    const bool noted = lock && lock->note({99, "816..816", "306..306"});
    ::kill(::getpid(), noted ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  const auto lock = KnobLock::acquire(folder.path(), "gpu.freq");
  ASSERT_TRUE(lock);
  ASSERT_TRUE(lock->found());
  EXPECT_EQ(lock->found()->got, "816..816");
  EXPECT_EQ(lock->found()->pending, "306..306");
}

TEST(Folder, BelowAnotherRootItIsThere) {
  EXPECT_EQ(default_state_folder(FsRoot("/tmp/tree")), "/tmp/tree/run/wattle");
}

TEST(Folder, OfAnotherUserIsRefused) {
  const TestFolder folder;
  ::chmod(folder.path().c_str(), 0777);
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  ASSERT_EQ(::chown(folder.path().c_str(), 12345, 12345), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    const Status prepared = prepare_state_folder(folder.path());
    ::_exit(!prepared && prepared.error().code == ErrorCode::permission_denied ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace wattle::actuate
