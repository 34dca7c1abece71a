#include "lab/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lab/random.hpp"

namespace wattle::lab {
namespace {

constexpr double kNormal975 = 1.959963984540054;

double percentile_of_sorted(std::span<const double> sorted, double p) {
  const double rank = std::clamp(p, 0.0, 100.0) / 100.0 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(rank));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = rank - static_cast<double>(below);
  return sorted[below] + share * (sorted[above] - sorted[below]);
}

std::vector<double> sorted_copy(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// Lentz's method for the continued fraction of the incomplete beta function.
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  constexpr double kEnough = 1e-15;
  const auto guarded = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1.0;
  double d = 1.0 / guarded(1.0 - (a + b) * x / (a + 1.0));
  double fraction = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1.0 / guarded(1.0 + even * d);
    c = guarded(1.0 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1.0 / guarded(1.0 + odd * d);
    c = guarded(1.0 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1.0) < kEnough) break;
  }
  return fraction;
}

}  // namespace

std::optional<double> mean(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::optional<double> standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return std::nullopt;
  const double centre = *mean(values);
  double sum = 0.0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

std::optional<double> percentile(std::span<const double> values, double p) {
  if (values.empty()) return std::nullopt;
  return percentile_of_sorted(sorted_copy(values), p);
}

std::optional<double> median(std::span<const double> values) {
  return percentile(values, 50.0);
}

double incomplete_beta(double a, double b, double x) {
  if (x <= 0.0) return 0.0;
  if (x >= 1.0) return 1.0;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(a, b, x) / a;
  return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

double student_t_quantile(double p, double degrees) {
  if (p == 0.5) return 0.0;
  if (p < 0.5) return -student_t_quantile(1.0 - p, degrees);
  const auto upper_tail = [degrees](double t) {
    return 0.5 * incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t));
  };
  double low = 0.0;
  double high = 1.0;
  while (upper_tail(high) > 1.0 - p && high < 1e12) high *= 2.0;
  for (int i = 0; i < 200 && high - low > 1e-14 * high; ++i) {
    const double middle = 0.5 * (low + high);
    (upper_tail(middle) > 1.0 - p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

std::optional<Interval> mean_interval_95(std::span<const double> values) {
  const auto deviation = standard_deviation(values);
  if (!deviation) return std::nullopt;
  const auto n = static_cast<double>(values.size());
  const double half = student_t_quantile(0.975, n - 1.0) * *deviation / std::sqrt(n);
  return Interval{*mean(values) - half, *mean(values) + half};
}

std::optional<Interval> bootstrap_interval_95(
    std::span<const double> values, const std::function<double(std::span<const double>)>& statistic,
    std::uint64_t seed, std::size_t resamples) {
  if (values.size() < 2 || resamples == 0) return std::nullopt;
  SplitMix64 random(seed);
  std::vector<double> sample(values.size());
  std::vector<double> results;
  results.reserve(resamples);
  for (std::size_t r = 0; r < resamples; ++r) {
    for (auto& value : sample) value = values[random.below(values.size())];
    results.push_back(statistic(sample));
  }
  std::sort(results.begin(), results.end());
  return Interval{percentile_of_sorted(results, 2.5), percentile_of_sorted(results, 97.5)};
}

std::optional<Interval> wilson_interval_95(double successes, double n) {
  if (n <= 0.0) return std::nullopt;
  const double p = std::clamp(successes / n, 0.0, 1.0);
  const double z2 = kNormal975 * kNormal975;
  const double centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
  const double half =
      kNormal975 / (1.0 + z2 / n) * std::sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n));
  return Interval{std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

std::vector<bool> mad_outliers(std::span<const double> values, double threshold) {
  std::vector<bool> marked(values.size(), false);
  if (values.empty()) return marked;
  const double centre = *median(values);
  std::vector<double> distances;
  distances.reserve(values.size());
  for (const double value : values) distances.push_back(std::abs(value - centre));
  const double mad = *median(distances);
  if (mad <= 0.0) return marked;
  for (std::size_t i = 0; i < values.size(); ++i) marked[i] = distances[i] / mad > threshold;
  return marked;
}

}  // namespace wattle::lab
