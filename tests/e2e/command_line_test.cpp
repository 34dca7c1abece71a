#include <gtest/gtest.h>

#include "e2e/run_program.hpp"

namespace wattle::e2e {
namespace {

TEST(CommandLine, HelpNamesTheCommandsAndUnknownOptionsAreUsageErrors) {
  const Outcome help = run_wattle({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("language models"), std::string::npos);
  EXPECT_EQ(run_wattle({"--nonsense"}).exit_code, 2);
  EXPECT_EQ(run_wattle({}).exit_code, 2);
}

}  // namespace
}  // namespace wattle::e2e
