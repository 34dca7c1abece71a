#include "sense/gauge_series.hpp"

#include <gtest/gtest.h>

namespace wattle::sense {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(GaugeSeries, ASpanBeginsWithWhatWasInForce) {
  // 40 from 1 s, 50 from 2 s, 70 from 4 s. From 1.5 s to 5 s: 40 for 0.5 s, 50 for 2 s, 70 for 1 s.
  GaugeSeries series(8);
  series.add({1 * kSecond, 40.0});
  series.add({2 * kSecond, 50.0});
  series.add({4 * kSecond, 70.0});
  const GaugeSpan span = series.between(3 * kSecond / 2, 5 * kSecond);
  EXPECT_EQ(span.n, 3U);
  EXPECT_EQ(span.first, 40.0);
  EXPECT_EQ(span.last, 70.0);
  EXPECT_EQ(span.min, 40.0);
  EXPECT_EQ(span.max, 70.0);
  EXPECT_DOUBLE_EQ(*span.mean, (40.0 * 0.5 + 50.0 * 2 + 70.0 * 1) / 3.5);
}

TEST(GaugeSeries, ShorterThanTheReadingsApartIsWhatWasInForce) {
  GaugeSeries series(8);
  series.add({1 * kSecond, 40.0});
  series.add({2 * kSecond, 50.0});
  const GaugeSpan span = series.between(kSecond + 10, kSecond + 20);
  EXPECT_EQ(span.n, 1U);
  EXPECT_EQ(span.max, 40.0);
  EXPECT_EQ(series.between(0, kSecond / 2).n, 0U);
  EXPECT_EQ(series.between(0, kSecond / 2).mean, std::nullopt) << "absent is not zero";
}

TEST(GaugeSeries, AFailureEndsTheValueAndTheNextReadingBringsItBack) {
  GaugeSeries series(8);
  series.add({1 * kSecond, 40.0});
  series.add_failure("offline");
  series.add_failure("still offline");
  EXPECT_FALSE(series.latest());
  EXPECT_EQ(series.problem(), "still offline");
  EXPECT_EQ(series.between(2 * kSecond, 3 * kSecond).n, 0U);
  series.add({4 * kSecond, 45.0});
  EXPECT_EQ(series.latest()->value, 45.0);
  EXPECT_EQ(series.problem(), "");
  const GaugeSpan span = series.between(2 * kSecond, 5 * kSecond);
  EXPECT_EQ(span.min, 45.0);
}

TEST(GaugeSeries, KeepsNoMoreThanItsCapacity) {
  GaugeSeries series(4);
  for (int i = 0; i < 10'000; ++i) series.add({i * kSecond, static_cast<double>(i)});
  EXPECT_EQ(series.size(), 4U);
  EXPECT_EQ(series.between(0, 10'000 * kSecond).min, 9996.0);
}

}  // namespace
}  // namespace wattle::sense
