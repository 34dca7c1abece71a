#include "lab/suite.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "wattle_folders.hpp"

namespace wattle::lab {
namespace {

TEST(Suite, ReadsPromptsAndGivesMissingIdsTheirLine) {
  const auto prompts = parse_suite(
      "{\"id\":\"a\",\"text\":\"x\",\"expect\":{\"status\":\"warning\",\"cause\":\"gas leak\"}}\r\n"
      "\n"
      "{\"text\":\"y\",\"template\":\"t1\"}",
      "s.jsonl");
  ASSERT_TRUE(prompts) << prompts.error().message();
  ASSERT_EQ(prompts->size(), 2u);
  EXPECT_EQ((*prompts)[0].expect[1].second, "gas leak");
  EXPECT_EQ((*prompts)[1].id, "line-3");
}

TEST(Suite, ErrorsNameFileLineAndTheCause) {
  struct Case {
    const char* text;
    const char* line;
    const char* message;
  };
  for (const auto& [text, line, message] : {
           Case{"", "s.jsonl:", "no prompts"},
           Case{"\n\n", "s.jsonl:", "no prompts"},
           Case{"{\"text\":\"x\"}\n{\"text\":", "s.jsonl:2", "cannot parse"},
           Case{"[1]", "s.jsonl:1", "not a JSON object"},
           Case{"{\"id\":\"a\"}", "s.jsonl:1", "'text' is missing or empty"},
           Case{"{\"text\":\"\"}", "s.jsonl:1", "'text' is missing or empty"},
           Case{"{\"text\":3}", "s.jsonl:1", "'text' must be a text"},
           Case{"{\"id\":1,\"text\":\"x\"}", "s.jsonl:1", "'id' must be a text"},
           Case{"{\"txt\":\"x\"}", "s.jsonl:1", "unknown key 'txt'; did you mean 'text'?"},
           Case{"{\"text\":\"x\",\"expect\":\"y\"}", "s.jsonl:1", "'expect' must be an object"},
           Case{"{\"text\":\"x\",\"expect\":{\"a\":1}}", "s.jsonl:1", "'expect.a' must be a text"},
           Case{"{\"text\":\"x\",\"expect\":{\"a\":\"\"}}", "s.jsonl:1",
                "'expect.a' must be a text"},
           Case{"{\"id\":\"a\",\"text\":\"x\"}\n\n{\"id\":\"a\",\"text\":\"y\"}", "s.jsonl:3",
                "id 'a' is already used on line 1"},
       }) {
    const auto prompts = parse_suite(text, "s.jsonl");
    ASSERT_FALSE(prompts) << text;
    EXPECT_NE(prompts.error().what.find(line), std::string::npos) << prompts.error().what;
    EXPECT_NE(prompts.error().what.find(message), std::string::npos) << prompts.error().what;
  }
}

TEST(Suite, AnswerIsCorrectWhenEveryExpectedTextOccursWithoutRegardToCase) {
  const Prompt prompt{"a", "?", {{"status", "critical"}, {"sensor", "co"}, {"cause", "Gas leak"}}};
  EXPECT_TRUE(is_correct(prompt, "Status: CRITICAL. The CO sensor… likely a gas leak."));
  EXPECT_FALSE(is_correct(prompt, "Status: critical. The CO sensor … a faulty heater."));
  EXPECT_FALSE(is_correct(prompt, ""));
}

TEST(Suite, MissingFileIsNamed) {
  const TestFolder folder;
  const auto suite = load_suite(folder.path() / "none.jsonl", "none");
  ASSERT_FALSE(suite);
  EXPECT_EQ(suite.error().code, ErrorCode::not_found);
  EXPECT_NE(suite.error().what.find("none.jsonl"), std::string::npos);
}

// What is shipped must be readable, and as large as promised.
TEST(Suite, ShippedGeneralSuitesHaveTwentyPrompts) {
  for (const char* name : {"sd", "ar", "ng"}) {
    const auto suite =
        load_suite(std::string(WATTLE_SOURCE_DIR) + "/prompts/" + name + ".jsonl", name);
    ASSERT_TRUE(suite) << suite.error().message();
    EXPECT_EQ(suite->prompts.size(), 20u) << name;
  }
}

}  // namespace
}  // namespace wattle::lab
