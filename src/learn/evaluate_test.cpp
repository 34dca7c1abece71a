#include "learn/evaluate.hpp"

#include <gtest/gtest.h>

#include "learn/telemetry/suite.hpp"
#include "learn/train.hpp"

namespace wattle::learn {
namespace {

TEST(Evaluate, ReadsTheSuitesThatAreWritten) {
  const auto cases = parse_cases(suite_jsonl(Split::held_out, 7, 25), "suite");
  ASSERT_TRUE(cases) << cases.error().message();
  ASSERT_EQ(cases->size(), 25U);
  EXPECT_EQ(cases->front().id, "telemetry-0001");
  EXPECT_FALSE(cases->front().cause.empty());
}

TEST(Evaluate, NamesTheLineOfABadCase) {
  const std::string good =
      R"({"id":"a","text":"t","expect":{"status":"normal","sensor":"s","cause":"c"}})";
  for (const std::string bad : {"{", "[]", "3", R"({"text":"t"})",
                                R"({"text":"t","expect":{"status":1,"sensor":"s","cause":"c"}})"}) {
    const auto cases = parse_cases(good + "\n\n" + bad + "\n", "file.jsonl");
    ASSERT_FALSE(cases) << bad;
    EXPECT_EQ(cases.error().code, ErrorCode::invalid_format);
    EXPECT_NE(cases.error().message().find("file.jsonl line 3"), std::string::npos)
        << cases.error().message();
  }
  EXPECT_FALSE(parse_cases("\n", "empty.jsonl"));
}

TEST(Evaluate, ComparesWithoutCase) {
  EXPECT_TRUE(contains_text(" Critical: the LPG sensor", "critical"));
  EXPECT_TRUE(contains_text("the lpg sensor", "LPG"));
  EXPECT_FALSE(contains_text("a gas seep", "a gas leak"));
  EXPECT_FALSE(contains_text("", "a"));
}

// The unit tests run without libwattle_trainer.so beside them.
TEST(Train, SaysHowToGetTheTrainerWhenItIsMissing) {
  if (trainer_available()) GTEST_SKIP() << "a trainer library lies beside this test program";
  const SystemClock clock;
  const auto made = train({}, clock);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::unavailable);
  EXPECT_NE(made.error().message().find("script/setup --all"), std::string::npos);
}

}  // namespace
}  // namespace wattle::learn
