#include "sense/log_time.hpp"

#include <gtest/gtest.h>

namespace wattle::sense {
namespace {

// 2025-11-20T13:45:00Z
constexpr std::int64_t kMoment = 1'763'646'300'000'000'000;

TEST(LogTime, EveryShapeOfOneMoment) {
  for (const char* text :
       {"2025-11-20T13:45:00Z", "2025-11-20T14:45:00+01:00", "2025-11-20 08:15:00.000-0530",
        "1763646300", "1763646300000", "1763646300000000", "1763646300000000000", "1763646300.0"}) {
    const auto time = parse_timestamp(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(time->ns, kMoment) << text;
    EXPECT_TRUE(time->has_zone) << text;
  }
  for (const char* text : {"2025/11/20 13:45:00.123", "2025-11-20T13:45:00,123"}) {
    const auto time = parse_timestamp(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(time->ns, kMoment + 123'000'000) << text;
    EXPECT_FALSE(time->has_zone) << text;
  }
}

TEST(LogTime, WhatIsNoMomentIsRefused) {
  for (const char* text : {"", "x", "2025-02-30T00:00:00Z", "2025-11-20", "2025-11-20T25:00:00Z",
                           "2025-11-20T13:45:00Zx", "2025-11/20 13:45:00", "12.5", "nan", "1e300",
                           "9999-01-01T00:00:00Z", "2025-11-20T13:45:00."}) {
    EXPECT_FALSE(parse_timestamp(text)) << text;
  }
}

TEST(LogTime, TimesOfDayAndDates) {
  EXPECT_EQ(parse_time_of_day("16:38:16:372"), 59'896'372'000'000);
  EXPECT_EQ(parse_time_of_day("00:00:01.5"), 1'500'000'000);
  EXPECT_FALSE(parse_time_of_day("24:00:00:000"));
  EXPECT_EQ(parse_date("1970-01-02"), 86'400'000'000'000);
  EXPECT_EQ(parse_month_first("01-02-1970 00:00:01 RAM 1/2MB"), 86'401'000'000'000);
  EXPECT_FALSE(parse_month_first("RAM 1/2MB"));
}

TEST(LogTime, IsWrittenInMicroseconds) {
  EXPECT_EQ(wall_time_us(kMoment + 123'456'789), "2025-11-20T13:45:00.123456Z");
  EXPECT_EQ(wall_time_us(-1), "1969-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace wattle::sense
