#include "lab/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace wattle::lab {
namespace {

using Values = std::vector<double>;

TEST(Statistics, OfNothingIsNothingNotZero) {
  EXPECT_FALSE(mean(Values{}));
  EXPECT_FALSE(median(Values{}));
  EXPECT_FALSE(standard_deviation(Values{1.0}));
  EXPECT_FALSE(mean_interval_95(Values{1.0}));
  EXPECT_FALSE(wilson_interval_95(0, 0));
  EXPECT_FALSE(bootstrap_interval_95(Values{3.0}, [](auto) { return 0.0; }, 1));
  EXPECT_TRUE(mad_outliers(Values{}).empty());
}

TEST(Statistics, MeanAndDeviationByHand) {
  // Σ = 40, mean 5; squared distances 9+1+1+1+0+0+4+16 = 32; 32/7.
  const Values values{2, 4, 4, 4, 5, 5, 7, 9};
  EXPECT_DOUBLE_EQ(*mean(values), 5.0);
  EXPECT_DOUBLE_EQ(*standard_deviation(values), std::sqrt(32.0 / 7.0));
}

TEST(Statistics, PercentilesInterpolateBetweenRanks) {
  const Values values{40, 10, 30, 20};  // order must not matter
  EXPECT_DOUBLE_EQ(*median(values), 25.0);
  EXPECT_DOUBLE_EQ(*percentile(values, 0), 10.0);
  EXPECT_DOUBLE_EQ(*percentile(values, 100), 40.0);
  EXPECT_DOUBLE_EQ(*percentile(values, 90), 37.0);  // rank 2.7: 30 + 0.7·10
  EXPECT_DOUBLE_EQ(*percentile(values, 95), 38.5);  // rank 2.85
  EXPECT_DOUBLE_EQ(*percentile(values, 99), 39.7);  // rank 2.97
  EXPECT_DOUBLE_EQ(*percentile(Values{7}, 99), 7.0);
}

TEST(Statistics, StudentTQuantilesOfPrintedTables) {
  struct Row {
    double degrees, p, t;
  };
  for (const auto& [degrees, p, t] :
       {Row{1, 0.975, 12.706}, Row{2, 0.975, 4.303}, Row{4, 0.975, 2.776}, Row{9, 0.975, 2.262},
        Row{29, 0.975, 2.045}, Row{120, 0.975, 1.980}, Row{1, 0.9, 3.078}, Row{5, 0.95, 2.015},
        Row{10, 0.995, 3.169}, Row{3, 0.9995, 12.924}}) {
    EXPECT_NEAR(student_t_quantile(p, degrees), t, 5.1e-4) << degrees << " " << p;
    EXPECT_NEAR(student_t_quantile(1 - p, degrees), -t, 5.1e-4);
  }
  // One degree of freedom is the Cauchy distribution: tan(π(p − ½)).
  EXPECT_NEAR(student_t_quantile(0.99, 1), std::tan(M_PI * 0.49), 1e-9);
  EXPECT_NEAR(student_t_quantile(0.975, 1e7), 1.959963984540054, 1e-5);
  EXPECT_EQ(student_t_quantile(0.5, 3), 0.0);
}

TEST(Statistics, IncompleteBetaClosedForms) {
  EXPECT_NEAR(incomplete_beta(1, 1, 0.3), 0.3, 1e-14);
  EXPECT_NEAR(incomplete_beta(2, 2, 0.25), 3 * 0.0625 - 2 * 0.015625, 1e-14);
  EXPECT_NEAR(incomplete_beta(1, 3, 0.2), 1 - std::pow(0.8, 3), 1e-14);
  EXPECT_EQ(incomplete_beta(2, 3, 0), 0.0);
  EXPECT_EQ(incomplete_beta(2, 3, 1), 1.0);
}

TEST(Statistics, MeanIntervalByHand) {
  // mean 12, s = 2, n = 3: 4.303 · 2/√3 = 4.968
  const auto interval = mean_interval_95(Values{10, 12, 14});
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->low, 12 - 4.968, 1e-3);
  EXPECT_NEAR(interval->high, 12 + 4.968, 1e-3);
}

TEST(Statistics, WilsonIntervalByHand) {
  // 8 of 10: centre (0.8 + 3.8415/20)/(1 + 0.38415) = 0.71674,
  // half 1.96/1.38415·√(0.016 + 3.8415/400) = 0.22658 → [0.4902, 0.9433]
  const auto interval = wilson_interval_95(8, 10);
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->low, 0.4902, 2e-4);
  EXPECT_NEAR(interval->high, 0.9433, 2e-4);
  // All correct: n/(n + z²) … 1, never a claim of certainty.
  EXPECT_NEAR(wilson_interval_95(20, 20)->low, 20.0 / (20.0 + 3.841459), 1e-6);
  EXPECT_EQ(wilson_interval_95(20, 20)->high, 1.0);
  EXPECT_EQ(wilson_interval_95(0, 20)->low, 0.0);
}

TEST(Statistics, BootstrapIsSeededAndCoversTheCentre) {
  Values values;
  for (int i = 0; i < 50; ++i) values.push_back(i % 10);
  const auto middle = [](std::span<const double> sample) { return *mean(sample); };
  const auto a = bootstrap_interval_95(values, middle, 7);
  const auto b = bootstrap_interval_95(values, middle, 7);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->low, b->low);
  EXPECT_EQ(a->high, b->high);
  // σ/√n = 2.87/7.07 = 0.406; ±1.96 of that around 4.5.
  EXPECT_NEAR(a->low, 4.5 - 0.80, 0.12);
  EXPECT_NEAR(a->high, 4.5 + 0.80, 0.12);
  EXPECT_NE(bootstrap_interval_95(values, middle, 8)->low, a->low);
}

TEST(Statistics, OutliersAreMarkedByMedianDistance) {
  // median 11, MAD 1: 26 is at 15 > 14.8, 25 at 14.
  EXPECT_EQ(mad_outliers(Values{10, 10, 11, 12, 12, 26}),
            (std::vector<bool>{false, false, false, false, false, false}));  // median 11.5, MAD 1
  EXPECT_EQ(mad_outliers(Values{10, 10, 11, 12, 26}),
            (std::vector<bool>{false, false, false, false, true}));
  EXPECT_EQ(mad_outliers(Values{10, 10, 11, 12, 25}),
            (std::vector<bool>{false, false, false, false, false}));
  EXPECT_EQ(mad_outliers(Values{5, 5, 5, 6}), (std::vector<bool>(4, false)));  // MAD 0
}

}  // namespace
}  // namespace wattle::lab
