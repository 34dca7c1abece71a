#include "lab/eval/token_mean.hpp"

#include <cmath>

#include "lab/statistics.hpp"

namespace wattle::lab {

TokenMean token_mean(std::span<const double> values, std::span<const std::size_t> window_ends) {
  TokenMean made;
  const auto n = static_cast<double>(values.size());
  made.mean = *mean(values);
  if (const auto deviation = standard_deviation(values)) {
    made.standard_error = *deviation / std::sqrt(n);
  }
  if (window_ends.size() < 2) return made;
  double squares = 0.0;
  std::size_t begin = 0;
  for (const std::size_t end : window_ends) {
    double sum = 0.0;
    for (const double value : values.subspan(begin, end - begin)) sum += value - made.mean;
    squares += sum * sum;
    begin = end;
  }
  const auto m = static_cast<double>(window_ends.size());
  made.standard_error_windows = std::sqrt(m / (m - 1.0) * squares) / n;
  return made;
}

TokenMean transformed(const TokenMean& from, double mean, double derivative) {
  TokenMean made;
  made.mean = mean;
  const double factor = std::abs(derivative);
  if (from.standard_error) made.standard_error = factor * *from.standard_error;
  if (from.standard_error_windows) {
    made.standard_error_windows = factor * *from.standard_error_windows;
  }
  return made;
}

}  // namespace wattle::lab
