#include "actuate/setting.hpp"

#include <gtest/gtest.h>

namespace wattle::actuate {
namespace {

KnobInfo gpu() {
  KnobInfo info;
  info.id = "gpu.freq";
  info.unit = Unit::hz;
  info.table = {306'000'000, 816'000'000, 1'300'500'000};
  return info;
}

TEST(Table, IsSortedWithoutRepeats) {
  EXPECT_EQ(parse_table(" 816000 306000\n816000 ", "t").value(),
            (std::vector<std::int64_t>{306'000, 816'000}));
}

TEST(Table, GarbageNegativeZeroAndEmptyAreNoTable) {
  for (const char* text :
       {"", " \n", "816000 x", "-306000", "0", "816000.5", "99999999999999999999"}) {
    const auto table = parse_table(text, "/sys/table");
    ASSERT_FALSE(table) << text;
    EXPECT_EQ(table.error().code, ErrorCode::invalid_format);
    EXPECT_NE(table.error().what.find("/sys/table"), std::string::npos);
  }
}

TEST(Quantity, UnitsAreExact) {
  EXPECT_EQ(parse_quantity("1300.5MHz", Unit::hz), 1'300'500'000);
  EXPECT_EQ(parse_quantity(" 1.2 GHz ", Unit::khz), 1'200'000);
  EXPECT_EQ(parse_quantity("816000khz", Unit::khz), 816'000);
  EXPECT_EQ(parse_quantity("816000", Unit::khz), 816'000) << "a number alone is in the knob's unit";
  EXPECT_EQ(parse_quantity("1.410GHz", Unit::mhz), 1'410);
  EXPECT_EQ(parse_quantity("50%", Unit::pwm), 128) << "127.5 rounded";
  EXPECT_EQ(parse_quantity("100%", Unit::pwm), 255);
}

TEST(Quantity, WhatIsNoWholeNumberOfTheUnitIsRefused) {
  EXPECT_EQ(parse_quantity("1300.5MHz", Unit::mhz).error().code, ErrorCode::out_of_range);
  EXPECT_EQ(parse_quantity("0.5Hz", Unit::hz).error().code, ErrorCode::out_of_range);
  EXPECT_EQ(parse_quantity("101%", Unit::pwm).error().code, ErrorCode::out_of_range);
  for (const char* text : {"", "MHz", "-1MHz", "1..2", "nan", "1e9", "0x10", "1.MHz", "12 34"}) {
    EXPECT_EQ(parse_quantity(text, Unit::hz).error().code, ErrorCode::invalid_argument) << text;
  }
  EXPECT_FALSE(parse_quantity("50%", Unit::hz)) << "per cent only for the fan";
  EXPECT_FALSE(parse_quantity("99999999999999999999GHz", Unit::hz)) << "no overflow";
}

TEST(Quantity, IsShownInMegahertzWithoutLoss) {
  EXPECT_EQ(format_quantity(1'300'500'000, Unit::hz), "1300.5 MHz");
  EXPECT_EQ(format_quantity(2'201'600, Unit::khz), "2201.6 MHz");
  EXPECT_EQ(format_quantity(1'000'050, Unit::khz), "1000.05 MHz");
  EXPECT_EQ(format_quantity(128, Unit::pwm), "128");
}

TEST(Allowed, OnlyTheTableAndTheErrorListsIt) {
  EXPECT_EQ(parse_allowed("816MHz", gpu()), 816'000'000);
  EXPECT_EQ(parse_allowed("min", gpu()), 306'000'000);
  EXPECT_EQ(parse_allowed("max", gpu()), 1'300'500'000);
  const auto refused = parse_allowed("817MHz", gpu());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_range);
  EXPECT_EQ(refused.error().remedy, "Allowed: 306, 816, 1300.5 MHz.");
}

TEST(Allowed, OfALongTableTheNearestAreNamed) {
  KnobInfo info;
  info.id = "cpu0.freq";
  info.unit = Unit::khz;
  for (int i = 1; i <= 20; ++i) info.table.push_back(i * 100'000);
  const auto refused = parse_allowed("250MHz", info);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().remedy.find("nearest: 200 MHz and 300 MHz"), std::string::npos)
      << refused.error().remedy;
}

TEST(Allowed, WithoutATableTheRange) {
  KnobInfo info;
  info.id = "cpu0.freq";
  info.unit = Unit::khz;
  info.range = Range{400'000, 4'200'000};
  EXPECT_EQ(parse_allowed("1234567", info), 1'234'567);
  EXPECT_EQ(parse_allowed("399999", info).error().remedy, "Allowed: 400 to 4200 MHz.");
  EXPECT_FALSE(parse_allowed("4200001", info));
}

TEST(LimitsText, ComesBack) {
  EXPECT_EQ(parse_limits_text(limits_text({306, 816})).value(), (Limits{306, 816}));
  for (const char* text : {"", "306", "816..306", "a..b", "..", "-1..5"}) {
    EXPECT_FALSE(parse_limits_text(text)) << text;
  }
}

TEST(AskedLimits, OneValuePinsTwoLimit) {
  EXPECT_EQ(parse_asked_limits("816MHz", gpu()).value(), (Limits{816'000'000, 816'000'000}));
  EXPECT_EQ(parse_asked_limits("min..816MHz", gpu()).value(), (Limits{306'000'000, 816'000'000}));
  EXPECT_EQ(parse_asked_limits("max..min", gpu()).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(parse_asked_limits("min..817MHz", gpu()).error().code, ErrorCode::out_of_range);
}

std::string order(const Limits& from, const Limits& to) {
  std::string text;
  for (const Step& step : plan_limits(from, to, "min", "max")) {
    text += step.target + "=" + step.value + " ";
  }
  return text;
}

TEST(PlanLimits, RaisingWritesTheMaximumFirstLoweringTheMinimum) {
  EXPECT_EQ(order({300, 300}, {800, 800}), "max=800 min=800 ");
  EXPECT_EQ(order({800, 800}, {300, 300}), "min=300 max=300 ");
  EXPECT_EQ(order({300, 800}, {800, 800}), "min=800 ");
  EXPECT_EQ(order({300, 800}, {300, 800}), "");
}

// min ≤ max after every single write, for all pairs of limits out of five values.
TEST(PlanLimits, TheMinimumIsNeverAboveTheMaximum) {
  for (int code = 0; code < 625; ++code) {
    const Limits from{code % 5, code / 5 % 5};
    const Limits to{code / 25 % 5, code / 125};
    if (from.low > from.high || to.low > to.high) continue;
    Limits now = from;
    for (const Step& step : plan_limits(from, to, "min", "max")) {
      (step.target == "min" ? now.low : now.high) = std::stoll(step.value);
      EXPECT_LE(now.low, now.high) << code;
    }
    EXPECT_EQ(now, to) << code;
  }
}

TEST(CpuList, AsTheKernelWritesIt) {
  const std::vector<int> cpus{0, 1, 2, 3, 8, 10, 11};
  EXPECT_EQ(cpu_list_text(cpus), "0-3,8,10-11");
  EXPECT_EQ(parse_cpu_list("0-3,8,10-11\n").value(), cpus);
  EXPECT_TRUE(parse_cpu_list("").value().empty());
  for (const char* text : {"3-1", "1,1", "2,1", "a", "1,", ",", "0-99999999", "-1", "1-"}) {
    EXPECT_FALSE(parse_cpu_list(text)) << text;
  }
}

}  // namespace
}  // namespace wattle::actuate
