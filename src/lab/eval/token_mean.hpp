#pragma once
// The mean of a quantity over tokens, and how well it is known.

#include <cstddef>
#include <optional>
#include <span>

namespace wattle::lab {

struct TokenMean {
  double mean = 0.0;
  // s/√n, as if every token were drawn on its own. Tokens of one text are not, so it is a lower
  // bound. Empty below two tokens.
  std::optional<double> standard_error;
  // Cluster-robust: √(m/(m−1) Σ_w (Σ_{i∈w} (x_i − mean))²) / n over m windows (Liang, Zeger 1986;
  // Cameron, Miller 2015, section II). Holds however tokens of one window depend on each other.
  // Empty below two windows.
  std::optional<double> standard_error_windows;
};

// `window_ends[w]` is the index in `values` after the last one of window w; windows are contiguous.
// Precondition: values not empty.
[[nodiscard]] TokenMean token_mean(std::span<const double> values,
                                   std::span<const std::size_t> window_ends);

// The same for a function of the mean with this derivative there (delta method); `mean` is
// replaced.
[[nodiscard]] TokenMean transformed(const TokenMean& from, double mean, double derivative);

}  // namespace wattle::lab
