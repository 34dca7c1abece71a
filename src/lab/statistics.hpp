#pragma once
// Statistics of measured values. Definitions: docs/formats/results.md. Functions of too few values
// give nothing instead of a number.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace wattle::lab {

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

[[nodiscard]] std::optional<double> mean(std::span<const double> values);
// Standard deviation of a sample (n − 1 in the denominator); empty below two values.
[[nodiscard]] std::optional<double> standard_deviation(std::span<const double> values);
// Linear interpolation between order statistics at rank p/100·(n − 1); p in [0, 100].
[[nodiscard]] std::optional<double> percentile(std::span<const double> values, double p);
[[nodiscard]] std::optional<double> median(std::span<const double> values);

// Quantile of Student's t distribution with `degrees` > 0 degrees of freedom, p in (0, 1).
[[nodiscard]] double student_t_quantile(double p, double degrees);
// Regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22).
[[nodiscard]] double incomplete_beta(double a, double b, double x);

// Two-sided 95 % interval of the mean, mean ± t·s/√n; empty below two values.
[[nodiscard]] std::optional<Interval> mean_interval_95(std::span<const double> values);

// Percentile bootstrap, 95 %: `statistic` of `resamples` samples drawn with replacement.
// The same seed gives the same interval on every machine. Empty below two values.
[[nodiscard]] std::optional<Interval> bootstrap_interval_95(
    std::span<const double> values, const std::function<double(std::span<const double>)>& statistic,
    std::uint64_t seed, std::size_t resamples = 2000);

// Wilson score interval, 95 %, of a proportion; `successes` may be fractional (a mean of repeated
// answers). Empty for n = 0. Source: Wilson 1927; NIST handbook 7.2.4.1.
[[nodiscard]] std::optional<Interval> wilson_interval_95(double successes, double n);

// |x − median| / MAD > 14.8 (10 standard deviations of a normal distribution), for each value.
// Where more than half of the values are equal MAD is 0 and nothing is marked.
[[nodiscard]] std::vector<bool> mad_outliers(std::span<const double> values,
                                             double threshold = 14.8);

}  // namespace wattle::lab
