#include "sense/counter.hpp"

#include <gtest/gtest.h>

namespace wattle::sense {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr double kMicro = 1e-6;

CounterUnwrapper intel_package() {
  return {262'143'328'850, kMicro, 2000.0, 1e-3};
}

TEST(Counter, AddsDifferencesAndStartsAtZero) {
  auto counter = intel_package();
  EXPECT_DOUBLE_EQ(counter.add(5'000'000, 0).energy_j, 0.0);
  EXPECT_DOUBLE_EQ(counter.add(35'000'000, kSecond).energy_j, 30.0);
}

TEST(Counter, WrapAddsWhatWasLeftOfTheRange) {
  // 1 J below the end, then 2 J after it: 3 J.
  CounterUnwrapper counter(65'532'610'987, kMicro, 2000.0, 1e-3);
  counter.add(65'531'610'987, 0);
  const auto step = counter.add(2'000'000, kSecond);
  EXPECT_NEAR(step.energy_j, 3.0, 1e-9);
  EXPECT_FALSE(step.lost);
}

TEST(Counter, ManyWrapsSumToTheTrueEnergy) {
  // A range of 100 J at 30 J a second for 1,000 s: 30 kJ, 300 wraps.
  constexpr std::uint64_t kRange = 100'000'000;
  CounterUnwrapper counter(kRange, kMicro, 50.0, 1e-3);
  double energy_j = 0.0;
  for (std::uint64_t s = 0; s <= 1000; ++s) {
    const auto step = counter.add(s * 30'000'000 % kRange, static_cast<std::int64_t>(s) * kSecond);
    EXPECT_FALSE(step.lost);
    energy_j = step.energy_j;
  }
  EXPECT_NEAR(energy_j, 30'000.0, 1e-6);
}

TEST(Counter, GoingBackwardsWithoutAPlausibleWrapIsAResetNotEnergy) {
  auto counter = intel_package();
  counter.add(50'000'000'000, 0);
  // As a wrap this would be 212 kJ in a second.
  const auto step = counter.add(0, kSecond);
  EXPECT_DOUBLE_EQ(step.energy_j, 0.0);
  ASSERT_TRUE(step.lost);
  EXPECT_NE(step.lost->find("reset"), std::string::npos);
  // It goes on from there.
  EXPECT_DOUBLE_EQ(counter.add(7'000'000, 2 * kSecond).energy_j, 7.0);
}

TEST(Counter, AnImpossibleJumpForwardIsNotEnergyEither) {
  auto counter = intel_package();
  counter.add(0, 0);
  EXPECT_TRUE(counter.add(200'000'000'000, kSecond).lost);
}

TEST(Counter, WithoutARangeBackwardsIsAReset) {
  CounterUnwrapper counter(0, kMicro, 2000.0, 1e-3);
  counter.add(10, 0);
  const auto step = counter.add(9, kSecond);
  EXPECT_TRUE(step.lost);
  EXPECT_DOUBLE_EQ(step.energy_j, 0.0);
}

TEST(Counter, TooLongWithoutAReadingMayHideAWrap) {
  // 262 kJ at 2,000 W: 131 s.
  auto counter = intel_package();
  counter.add(0, 0);
  EXPECT_FALSE(counter.add(1'000'000, 100 * kSecond).lost);
  EXPECT_TRUE(counter.add(2'000'000, 300 * kSecond).lost);
}

TEST(Counter, AValueBeyondTheStatedRangeIsNotNegativeEnergy) {
  CounterUnwrapper counter(1'000, kMicro, 2000.0, 1e-3);
  counter.add(5'000, 0);
  const auto step = counter.add(10, 1000);
  EXPECT_GE(step.energy_j, 0.0);
}

}  // namespace
}  // namespace wattle::sense
