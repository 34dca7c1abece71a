#include <gtest/gtest.h>

#include "base/json.hpp"
#include "e2e/run_program.hpp"
#include "wattle_folders.hpp"

namespace wattle::e2e {
namespace {

std::string board(const std::string& name) {
  return std::string(WATTLE_SOURCE_DIR) + "/tests/fixtures/sysroots/" + name;
}

TEST(SenseList, SaysWhatIsMissingAndHowToFixIt) {
  const Outcome list =
      run_wattle({"sense", "list", "--seconds", "0.1", "--root", board("virtual-machine")});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  EXPECT_NE(list.out.find("utilisation-model"), std::string::npos);
  EXPECT_NE(list.out.find("modelled from processor utilisation, not measured"), std::string::npos);
  EXPECT_NE(list.out.find("no /sys/class/powercap: inside a virtual machine"), std::string::npos);
  EXPECT_NE(list.out.find("→ Run on the machine itself"), std::string::npos);
}

TEST(SenseList, JsonNamesKindScopeAndTotal) {
  const Outcome list = run_wattle(
      {"sense", "list", "--json", "--seconds", "0.1", "--root", board("dual-package-server")});
  ASSERT_EQ(list.exit_code, 0) << list.err;
  const Json json = parse_json(list.out, "sense list").value();
  EXPECT_EQ(json["total"]["kind"], "counter");
  EXPECT_EQ(json["sensors"][0]["id"], "rapl:package-0");
  EXPECT_EQ(json["sensors"][0]["in_total"], true);
  EXPECT_TRUE(json["sensors"][0]["power_w"].is_null()) << "a counter that stands still is not 0 W";
}

TEST(SenseList, NothingAtAllIsExitCode4AndAWrongRootSaysSo) {
  EXPECT_EQ(run_wattle({"sense", "list", "--seconds", "0.05", "--root", board("..")}).exit_code, 4);
  const Outcome missing = run_wattle({"sense", "list", "--root", "/nonexistent"});
  EXPECT_EQ(missing.exit_code, 4);
  EXPECT_NE(missing.err.find("/nonexistent"), std::string::npos);
  EXPECT_EQ(run_wattle({"sense"}).exit_code, 2);
}

}  // namespace
}  // namespace wattle::e2e
