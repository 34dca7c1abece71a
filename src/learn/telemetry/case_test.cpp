#include "learn/telemetry/case.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

namespace wattle::learn {
namespace {

constexpr int kCases = 3000;

// The physical value of a reading: ppm, %, °F or 0/1.
double physical(const Channel& channel, int ticks) {
  switch (channel.unit) {
    case Unit::ppm:
    case Unit::ppb:
      return ticks / 10000.0;
    case Unit::celsius:
      return ticks / 10.0 * 9.0 / 5.0 + 32.0;
    case Unit::percent:
    case Unit::fahrenheit:
      return ticks / 10.0;
    case Unit::on_off:
      return ticks;
  }
  return 0.0;
}

// A second reading of the rules, from numbers alone: thresholds in the middle of the gaps between
// bands, plain ifs. It shares nothing with the table.
struct Seen {
  bool present = false;
  std::string fault;
  double first = 0.0, last = 0.0;
};

std::string fault_of(const Channel& channel) {
  const auto& ticks = channel.ticks;
  if (channel.unit == Unit::on_off) return "";
  if (!ticks.back()) return "lost_signal";
  const double last = physical(channel, *ticks.back());
  bool same = true;
  for (const auto& tick : ticks) same = same && tick == ticks[0];
  if (channel.sensor != Sensor::temp && last == 0.0) return "dead_probe";
  if (last < -20.0 || last > 350.0) return "wiring_fault";
  if (channel.sensor != Sensor::temp && last < 0.0) return "wiring_fault";
  if (channel.sensor == Sensor::humidity && last > 100.0) return "wiring_fault";
  return ticks.size() > 1 && same ? "stuck_reading" : "";
}

int gas_level(double value, double elevated, double high) {
  return (value > elevated ? 1 : 0) + (value > high ? 1 : 0);
}
int temp_level(double fahrenheit) {  // −2 freezing, −1 cold, 0, 1 warm, 2 hot
  if (fahrenheit < 36.5) return -2;
  if (fahrenheit < 59.0) return -1;
  return (fahrenheit > 82.0 ? 1 : 0) + (fahrenheit > 101.0 ? 1 : 0);
}
int humidity_level(double percent) {
  return percent < 34.0 ? -1 : (percent > 74.0 ? 1 : 0);
}

std::string judge_by_numbers(const Case& made) {
  std::map<Sensor, Seen> seen;
  std::string fault;
  for (const Channel& channel : made.channels) {
    Seen& sensor = seen[channel.sensor];
    const std::string this_fault = fault_of(channel);
    if (!this_fault.empty()) {
      fault = this_fault;
      continue;
    }
    sensor = {true, "", physical(channel, *channel.ticks.front()),
              physical(channel, *channel.ticks.back())};
  }
  const auto level = [&](Sensor which, auto measure, bool last) {
    const Seen& sensor = seen[which];
    return sensor.present ? measure(last ? sensor.last : sensor.first) : 0;
  };
  const auto co_of = [](double v) { return gas_level(v, 0.0063, 0.0104); };
  const auto lpg_of = [](double v) { return gas_level(v, 0.0083, 0.0124); };
  const auto smoke_of = [](double v) { return gas_level(v, 0.0213, 0.0328); };
  const int co = level(Sensor::co, co_of, true);
  const int lpg = level(Sensor::lpg, lpg_of, true);
  const int smoke = level(Sensor::smoke, smoke_of, true);
  const int temp = level(Sensor::temp, temp_level, true);
  const int wet = level(Sensor::humidity, humidity_level, true);
  const int smoke_change = smoke - level(Sensor::smoke, smoke_of, false);
  const int lpg_change = lpg - level(Sensor::lpg, lpg_of, false);
  const int temp_change = temp - level(Sensor::temp, temp_level, false);
  const int wet_change = wet - level(Sensor::humidity, humidity_level, false);
  const bool moving = seen[Sensor::motion].present && seen[Sensor::motion].last > 0.5;
  const bool lit = seen[Sensor::light].present && seen[Sensor::light].last > 0.5;
  const bool dark = seen[Sensor::light].present && seen[Sensor::light].last < 0.5;

  if (lpg >= 1 && smoke == 2 && temp >= 1) return "gas_fire";
  if (smoke == 2 && co >= 1 && temp >= 1) return "open_fire";
  if (smoke_change > 0 && temp_change > 0) return "starting_fire";
  if (smoke == 2 && co >= 1) return "smouldering";
  if (lpg_change > 0) return "opening_valve";
  if (lpg == 2) return "gas_leak";
  if (co == 2) return "faulty_burner";
  if (temp == -2) return "freezing_pipes";
  if (!fault.empty()) return fault;
  if (temp_change < 0 && wet_change > 0) return "open_door";
  if (moving && dark) return "intruder";
  if (smoke >= 1 && wet == 1) return "steam";
  if (smoke >= 1 && lpg == 1) return "cooking";
  if (smoke == 1 && co == 1) return "engine_exhaust";
  if (smoke >= 1) return "dust";
  if (lpg == 1) return "gas_seep";
  if (co == 1 && wet == 1) return "blocked_flue";
  if (co == 1 && moving) return "crowded_room";
  if (co == 1) return "poor_ventilation";
  if (temp >= 1 && wet == -1) return "failed_cooling";
  if (temp >= 1 && lit) return "sunlight";
  if (temp >= 1) return "hot_equipment";
  if (wet == 1 && temp == -1) return "condensation";
  if (wet == 1) return "water_leak";
  if (temp == -1) return "failed_heating";
  if (wet == -1) return "dry_air";
  return moving ? "ordinary_use" : "quiet_room";
}

class Cases : public ::testing::TestWithParam<Split> {};
INSTANTIATE_TEST_SUITE_P(Splits, Cases, ::testing::Values(Split::training, Split::held_out),
                         [](const auto& instance) {
                           return instance.param == Split::training ? "training" : "held_out";
                         });

TEST_P(Cases, VerdictFollowsFromTheNumbersAlone) {
  Random random(11);
  for (int i = 0; i < kCases; ++i) {
    const Case made = make_case(random, GetParam());
    ASSERT_EQ(judge_by_numbers(made), made.verdict.rule->id) << "case " << i;
  }
}

TEST_P(Cases, EveryRuleOccurs) {
  Random random(12);
  std::map<std::string_view, int> times;
  for (int i = 0; i < kCases; ++i) ++times[make_case(random, GetParam()).verdict.rule->id];
  for (const Rule& rule : rules()) {
    EXPECT_GT(times[rule.id], kCases / 31 / 3) << rule.id;
  }
}

TEST_P(Cases, WindowsMoveUnlessTheyAreFrozen) {
  Random random(13);
  for (int i = 0; i < kCases; ++i) {
    const Case made = make_case(random, GetParam());
    int faults = 0;
    for (const Channel& channel : made.channels) {
      EXPECT_EQ(channel.ticks.size(), static_cast<std::size_t>(made.n_readings));
      faults += is_fault(channel.level) ? 1 : 0;
      if (made.n_readings == 1 || is_switch(channel.sensor) || is_fault(channel.level)) continue;
      EXPECT_NE(channel.ticks.front(), channel.ticks.back());
      EXPECT_EQ(std::ranges::adjacent_find(channel.ticks), channel.ticks.end()) << "repeats";
    }
    EXPECT_LE(faults, 1);
    EXPECT_GE(made.channels.size(), 2U);
  }
}

std::set<std::pair<int, int>> values_of(Split split, const CaseMix& mix) {
  Random random(14);
  std::set<std::pair<int, int>> values;  // sensor and unit, ticks
  for (int i = 0; i < kCases; ++i) {
    const Case made = make_case(random, split, mix);
    for (const Channel& channel : made.channels) {
      if (channel.unit == Unit::on_off) continue;
      const int unit =
          channel.unit == Unit::ppb ? static_cast<int>(Unit::ppm) : static_cast<int>(channel.unit);
      for (const auto& ticks : channel.ticks) {
        if (ticks && *ticks != 0) {
          values.emplace(static_cast<int>(channel.sensor) * 10 + unit, *ticks);
        }
      }
    }
  }
  return values;
}

TEST(CaseValues, TrainingAndHeldOutShareNone) {
  const auto held_out = values_of(Split::held_out, {});
  EXPECT_GT(held_out.size(), 300U);
  for (const CaseMix& mix : {CaseMix{}, training_mix(1.0)}) {
    for (const auto& value : values_of(Split::training, mix)) {
      EXPECT_FALSE(held_out.contains(value)) << value.first << " " << value.second;
    }
  }
}

TEST(CaseValues, AreThoseOfTheSeed) {
  Random a(5);
  Random b(5);
  Random c(6);
  int differing = 0;
  for (int i = 0; i < 50; ++i) {
    const Case first = make_case(a, Split::training);
    const Case second = make_case(b, Split::training);
    const Case other = make_case(c, Split::training);
    ASSERT_EQ(first.channels.size(), second.channels.size());
    for (std::size_t k = 0; k < first.channels.size(); ++k) {
      EXPECT_EQ(first.channels[k].ticks, second.channels[k].ticks);
    }
    differing += first.verdict.rule != other.verdict.rule ? 1 : 0;
  }
  EXPECT_GT(differing, 20);
}

// The reference stream of the PCG32 of O'Neill (pcg32-demo, seed 42, stream 54).
TEST(RandomNumbers, AreThePublishedOnes) {
  Random random(42, 54);
  for (const std::uint32_t expected :
       {0xa15c02b7U, 0x7b47f409U, 0xba1d3330U, 0x83d2f293U, 0xbfa4784bU, 0xcbed606eU}) {
    EXPECT_EQ(random.next(), expected);
  }
}

}  // namespace
}  // namespace wattle::learn
