#include "lab/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace wattle::lab {
namespace {

struct Scale {
  double factor;
  const char* unit;
};

Scale joule_scale(double joules) {
  const double size = std::abs(joules);
  if (size >= 1e3) return {1e-3, "kJ"};
  if (size >= 1.0 || size == 0.0) return {1.0, "J"};
  if (size >= 1e-3) return {1e3, "mJ"};
  return {1e6, "µJ"};
}

int decimals_of(double value, int digits) {
  if (value == 0.0 || !std::isfinite(value)) return 0;
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  return std::clamp(digits - 1 - magnitude, 0, 9);
}

}  // namespace

std::string three_digits(double value) {
  return fmt::format("{:.{}f}", value, decimals_of(value, 3));
}

std::string format_joules(double joules) {
  const Scale scale = joule_scale(joules);
  return fmt::format("{} {}", three_digits(joules * scale.factor), scale.unit);
}

std::string format_joules(const std::optional<Estimate>& estimate) {
  if (!estimate) return kAbsent;
  const Scale scale = joule_scale(estimate->value);
  const double value = estimate->value * scale.factor;
  if (!estimate->ci95) return fmt::format("{} ± ? {}", three_digits(value), scale.unit);
  const double half = 0.5 * (estimate->ci95->high - estimate->ci95->low) * scale.factor;
  // Both with the same decimals: enough for three digits of the value and one of the interval.
  const int decimals =
      std::min(std::max(decimals_of(value, 3), half > 0.0 ? decimals_of(half, 1) : 0),
               decimals_of(value, 5));
  return fmt::format("{:.{}f} ± {:.{}f} {}", value, decimals, half, decimals, scale.unit);
}

std::string format_ms(double ms) {
  if (ms >= 1000.0) return three_digits(ms / 1e3) + " s";
  return three_digits(ms) + " ms";
}

std::string format_ms(const std::optional<Distribution>& distribution) {
  return distribution ? format_ms(distribution->p50) : kAbsent;
}

std::string format_bytes(const std::optional<std::uint64_t>& bytes) {
  if (!bytes) return kAbsent;
  const auto mib = static_cast<double>(*bytes) / (1 << 20);
  if (mib >= 1024.0) return fmt::format("{:.2f} GiB", mib / 1024.0);
  return fmt::format("{:.1f} MiB", mib);
}

std::string format_accuracy(const SummaryRow& row) {
  if (!row.accuracy) return kAbsent;
  return fmt::format("{:.1f} % ({:.0f}–{:.0f})", *row.accuracy * 100.0,
                     row.accuracy_ci95->low * 100.0, row.accuracy_ci95->high * 100.0);
}

std::string format_rate(const std::optional<Estimate>& estimate) {
  return estimate ? three_digits(estimate->value) : kAbsent;
}

}  // namespace wattle::lab
