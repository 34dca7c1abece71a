#include "learn/telemetry/rules.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/atomic_file.hpp"
#include "wattle_folders.hpp"

namespace wattle::learn {
namespace {

State state_with(std::initializer_list<std::pair<Sensor, SensorState>> sensors) {
  State state;
  for (const auto& [sensor, what] : sensors) state[index(sensor)] = what;
  return state;
}

std::string rule_of(const State& state) {
  return std::string(judge(state).rule->id);
}

TEST(Rules, DangerComesBeforeFaults) {
  EXPECT_EQ(rule_of(state_with({{Sensor::smoke, {Level::high}},
                                {Sensor::co, {Level::high}},
                                {Sensor::temp, {Level::high}},
                                {Sensor::humidity, {Level::zero}}})),
            "open_fire");
}

TEST(Rules, FaultsComeBeforeWarnings) {
  const State state =
      state_with({{Sensor::humidity, {Level::high}}, {Sensor::co, {Level::frozen}}});
  EXPECT_EQ(rule_of(state), "stuck_reading");
  EXPECT_EQ(judge(state).sensor, Sensor::co);
}

TEST(Rules, TheSameReadingMeansOtherThingsInOtherCompany) {
  const SensorState elevated{Level::elevated};
  EXPECT_EQ(rule_of(state_with({{Sensor::co, elevated}})), "poor_ventilation");
  EXPECT_EQ(rule_of(state_with({{Sensor::co, elevated}, {Sensor::humidity, {Level::high}}})),
            "blocked_flue");
  EXPECT_EQ(rule_of(state_with({{Sensor::co, elevated}, {Sensor::motion, {Level::high}}})),
            "crowded_room");
  EXPECT_EQ(rule_of(state_with({{Sensor::co, elevated}, {Sensor::smoke, elevated}})),
            "engine_exhaust");
  EXPECT_EQ(rule_of(state_with({{Sensor::co, elevated}, {Sensor::smoke, {Level::high}}})),
            "smouldering");
}

TEST(Rules, AnAbsentLightIsNotDark) {
  const SensorState on{Level::high};
  EXPECT_EQ(rule_of(state_with({{Sensor::motion, on}})), "ordinary_use");
  EXPECT_EQ(rule_of(state_with({{Sensor::motion, on}, {Sensor::light, {Level::normal}}})),
            "intruder");
}

// The lab scores an answer by what it contains, so no answer may contain another's expectation.
TEST(Rules, AnswersContainTheirOwnExpectationAndNoOther) {
  const auto lower = [](std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
  };
  const auto contains = [&](const std::string& answer, std::string_view expected) {
    return lower(answer).find(lower(std::string(expected))) != std::string::npos;
  };
  for (const Rule& rule : rules()) {
    for (const Sensor sensor : kAllSensors) {
      if (!rule.any_sensor && sensor != rule.sensor) continue;
      const Verdict verdict{&rule, sensor};
      const std::string answer = answer_text(verdict);
      for (const Health health : {Health::normal, Health::warning, Health::critical}) {
        EXPECT_EQ(contains(answer, health_name(health)), health == rule.health) << answer;
      }
      EXPECT_TRUE(contains(answer, expected_sensor(verdict))) << answer;
      for (const Sensor other : kAllSensors) {
        if (other == sensor && rule.health != Health::normal) continue;
        if (other == Sensor::light) continue;  // no rule names it
        EXPECT_FALSE(contains(answer, answer_name(other))) << answer << " / " << answer_name(other);
      }
      EXPECT_EQ(contains(answer, "all sensors"), rule.health == Health::normal) << answer;
      for (const Rule& other : rules()) {
        EXPECT_EQ(contains(answer, other.cause), other.id == rule.id) << answer << other.cause;
      }
    }
  }
}

TEST(Bands, OfOneSensorAndUnitNeverTouch) {
  for (const Band& a : bands()) {
    EXPECT_LE(a.low_ticks, a.high_ticks);
    for (const Band& b : bands()) {
      if (&a == &b || a.sensor != b.sensor || a.unit != b.unit || a.unit == Unit::on_off) continue;
      EXPECT_TRUE(a.high_ticks + 5 <= b.low_ticks || b.high_ticks + 5 <= a.low_ticks ||
                  a.level == Level::zero || b.level == Level::zero)
          << key_name(a.sensor) << " " << level_name(a.level) << " " << level_name(b.level);
      EXPECT_NE(a.level, b.level);
    }
  }
}

TEST(Rules, TheDocumentIsPrintedFromTheTable) {
  const auto document = read_file(WATTLE_SOURCE_DIR "/docs/telemetry-rules.md");
  ASSERT_TRUE(document) << document.error().message();
  EXPECT_EQ(*document, rules_markdown())
      << "run: wattle train --print-rules > docs/telemetry-rules.md";
}

}  // namespace
}  // namespace wattle::learn
