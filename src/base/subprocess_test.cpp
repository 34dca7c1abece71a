#include "base/subprocess.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/test_folder.hpp"

namespace wattle {
namespace {

// A tree with one tool of its own.
class Tree {
 public:
  explicit Tree(const std::string& script) {
    const auto tool = folder_.write("usr/bin/tool", "#!/bin/sh\n" + script);
    ::chmod(tool.c_str(), 0755);
  }
  [[nodiscard]] FsRoot root() const { return FsRoot(folder_.path()); }

 private:
  TestFolder folder_;
};

TEST(Subprocess, TheToolsOfATreeAnswerForItAndTheHostsDoNot) {
  const Tree tree("echo $1 in $WATTLE_ROOT; echo no >&2; exit 3");
  const auto output = run_command(tree.root(), {"tool", "a b"});
  ASSERT_TRUE(output) << output.error().message();
  EXPECT_EQ(output->exit_code, 3);
  EXPECT_EQ(output->out, "a b in " + tree.root().root().string() + "\n");
  EXPECT_EQ(output->err, "no\n");
  EXPECT_EQ(run_command(tree.root(), {"sh", "-c", "true"}).error().code, ErrorCode::unavailable);
  EXPECT_TRUE(run_command(FsRoot("/"), {"sh", "-c", "true"}));
}

TEST(Subprocess, WhatDoesNotEndOrStopPrintingIsKilled) {
  const Tree sleeper("sleep 60");
  const auto late = run_command(sleeper.root(), {"tool"}, {.timeout_s = 0.05});
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().what.find("did not finish in time"), std::string::npos);
  const Tree closed("exec >&- 2>&-; sleep 60");
  EXPECT_FALSE(run_command(closed.root(), {"tool"}, {.timeout_s = 0.05}));
  const Tree talker("while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done");
  const auto loud = run_command(talker.root(), {"tool"}, {.timeout_s = 30.0, .limit = 1000});
  ASSERT_FALSE(loud);
  EXPECT_EQ(loud.error().code, ErrorCode::out_of_range);
}

TEST(Subprocess, LinesAreReadAsTheyComeAndTheEndIsTold) {
  const Tree tree("printf 'one\\r\\ntwo\\nhalf'");
  auto process = LineProcess::start(tree.root(), {"tool"});
  ASSERT_TRUE(process);
  EXPECT_EQ(process->next_line(10.0).value(), "one");
  EXPECT_EQ(process->next_line(10.0).value(), "two");
  EXPECT_EQ(process->next_line(10.0).value(), "half");
  EXPECT_EQ(process->next_line(10.0).error().code, ErrorCode::unavailable);
}

TEST(Subprocess, NoLineYetIsNoError) {
  const Tree tree("echo first; exec sleep 60");
  auto process = LineProcess::start(tree.root(), {"tool"});
  ASSERT_TRUE(process);
  EXPECT_EQ(process->next_line(10.0).value(), "first");
  EXPECT_EQ(process->next_line(0.0).value(), std::nullopt);
}

}  // namespace
}  // namespace wattle
