#include <gtest/gtest.h>

#include <algorithm>

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

TEST(SenseRead, NamesGiveTheirValuesAndWhatIsMissingSaysWhy) {
  const std::string laptop = board("intel-laptop");
  const Outcome one = run_wattle(
      {"sense", "read", "temp:x86_pkg_temp", "--json", "--seconds", "0.05", "--root", laptop});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  const Json json = parse_json(one.out, "sense read").value();
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["value"], 58.0);
  EXPECT_EQ(json[0]["unit"], "°C");
  EXPECT_GT(json[0]["trips"].size(), 0U);
  const Outcome missing = run_wattle(
      {"sense", "read", "rapl", "--seconds", "0.05", "--root", board("virtual-machine")});
  EXPECT_EQ(missing.exit_code, 4);
  EXPECT_NE(missing.err.find("virtual machine"), std::string::npos);
  const Outcome unknown =
      run_wattle({"sense", "read", "nonsense", "--seconds", "0.05", "--root", laptop});
  EXPECT_EQ(unknown.exit_code, 4);
  EXPECT_NE(unknown.err.find("wattle sense list"), std::string::npos);
}

TEST(SenseWatch, CountsItsTablesAndSaysWhatWatchingTook) {
  const std::string root = board("virtual-machine");
  const Outcome table = run_wattle({"sense", "watch", "-n", "2", "-i", "0.1", "--root", root});
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_NE(table.out.find("utilisation-model"), std::string::npos);
  EXPECT_NE(table.out.find("% of a core"), std::string::npos);
  const Outcome lines =
      run_wattle({"sense", "watch", "-n", "3", "-i", "0.1", "--json", "--root", root});
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\n'), 3);
  const Json first = parse_json(lines.out.substr(0, lines.out.find('\n')), "watch").value();
  EXPECT_EQ(first["sensors"][0]["id"], "utilisation-model");
  EXPECT_GE(first["seconds"].get<double>(), 0.1);
}

}  // namespace
}  // namespace wattle::e2e
