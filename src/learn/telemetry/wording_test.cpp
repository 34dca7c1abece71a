#include "learn/telemetry/wording.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "learn/telemetry/example.hpp"
#include "learn/telemetry/free_wording.hpp"
#include "learn/telemetry/suite.hpp"

namespace wattle::learn {
namespace {

TEST(Wording, HeldOutSharesNoSentenceWithTraining) {
  std::set<std::string_view> training;
  for (const auto text : introductions(Split::training)) training.insert(text);
  for (const auto text : questions(Split::training)) training.insert(text);
  for (const auto text : introductions(Split::held_out)) EXPECT_FALSE(training.contains(text));
  for (const auto text : questions(Split::held_out)) EXPECT_FALSE(training.contains(text));
  EXPECT_GE(introductions(Split::held_out).size(), 8U);
  EXPECT_GE(questions(Split::held_out).size(), 10U);
}

TEST(Wording, NoHeldOutSentenceArisesFromFreeWords) {
  Random random(6);
  std::set<std::string> held_out;
  for (const auto text : introductions(Split::held_out)) held_out.emplace(text);
  for (const auto text : questions(Split::held_out)) held_out.emplace(text);
  std::set<std::string> made;
  for (int i = 0; i < 20000; ++i) {
    made.insert(free_introduction(random, "{place}", 7));
    made.insert(free_question(random, "{place}"));
  }
  EXPECT_GT(made.size(), 5000U);
  for (const std::string& sentence : made) {
    EXPECT_FALSE(held_out.contains(sentence)) << sentence;
  }
}

TEST(Wording, PromptsEndWhereAnAnswerCanBegin) {
  Random random(3);
  std::set<std::string> prompts;
  for (int i = 0; i < 500; ++i) {
    const Example example = make_example(random, Split::training);
    EXPECT_NE(std::string_view("?.:").find(example.prompt.back()), std::string_view::npos);
    EXPECT_EQ(example.answer.front(), ' ');
    EXPECT_EQ(example.prompt.find('\x01'), std::string::npos);
    EXPECT_EQ(example.prompt.find("{place}"), std::string::npos);
    EXPECT_EQ(example.prompt.find("{id}"), std::string::npos);
    prompts.insert(example.prompt);
  }
  EXPECT_GT(prompts.size(), 495U);  // hardly ever the same twice
}

TEST(Wording, EverySensorAndReadingIsInTheText) {
  Random random(4);
  for (int i = 0; i < 300; ++i) {
    const Case made = make_case(random, Split::held_out);
    const MarkedText prompt = prompt_text(made, random, Split::held_out);
    // JSON objects carry no marks, every other form marks every sensor.
    EXPECT_TRUE(prompt.marks.empty() || prompt.marks.size() == made.channels.size());
    for (const Channel& channel : made.channels) {
      if (channel.unit == Unit::on_off) continue;
      for (const auto& ticks : channel.ticks) {
        if (!ticks) continue;
        EXPECT_NE(prompt.text.find(number_text(channel.unit, *ticks)), std::string::npos)
            << prompt.text;
      }
    }
  }
}

TEST(Wording, AMarkStandsWhereTheSensorsLastReadingEnds) {
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    const Case made = make_case(random, Split::held_out);
    const MarkedText prompt = prompt_text(made, random, Split::held_out);
    for (std::size_t k = 0; k < prompt.marks.size(); ++k) {
      const Channel& channel = made.channels[k];
      if (channel.unit == Unit::on_off || !channel.ticks.back()) continue;
      const std::string number = number_text(channel.unit, *channel.ticks.back());
      // The number, then at most a unit.
      const std::string before = prompt.text.substr(0, prompt.marks[k].end);
      const std::size_t at = before.rfind(number);
      ASSERT_NE(at, std::string::npos) << prompt.text;
      EXPECT_LE(before.size() - at - number.size(), std::string_view(" degrees F").size())
          << prompt.text;
    }
  }
}

TEST(Payload, WritesNumbersByUnit) {
  EXPECT_EQ(number_text(Unit::ppm, 42), "0.0042");
  EXPECT_EQ(number_text(Unit::ppb, 42), "4.2");
  EXPECT_EQ(number_text(Unit::ppm, -90), "-0.0090");
  EXPECT_EQ(number_text(Unit::celsius, -2), "-0.2");
  EXPECT_EQ(number_text(Unit::fahrenheit, 1397), "139.7");
}

TEST(Suite, SameSeedGivesTheSameBytes) {
  const std::string suite = suite_jsonl(Split::held_out, 9, 20);
  EXPECT_EQ(suite, suite_jsonl(Split::held_out, 9, 20));
  EXPECT_NE(suite, suite_jsonl(Split::held_out, 10, 20));
  EXPECT_TRUE(suite_jsonl(Split::held_out, 9, 30).starts_with(suite));
}

}  // namespace
}  // namespace wattle::learn
