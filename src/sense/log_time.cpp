#include "sense/log_time.hpp"

#include <fmt/format.h>
#include <time.h>

#include <charconv>
#include <cmath>

#include "base/fs_root.hpp"

namespace wattle::sense {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kNsPerMinute = 60 * kNsPerSecond;
constexpr int kFirstYear = 1970;
// So far that differences of differences of moments still fit in 64 bits of nanoseconds.
constexpr int kLastYear = 2099;
constexpr double kLatestNs = 4.1e18;

// Reads from the front of a text; after a failure nothing is read any more.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // Exactly `digits` digits, in [low, high].
  int number(std::size_t digits, int low, int high) {
    int value = 0;
    if (text_.size() < digits) ok_ = false;
    for (std::size_t i = 0; ok_ && i < digits; ++i) {
      if (text_[i] < '0' || text_[i] > '9') ok_ = false;
      if (ok_) value = value * 10 + (text_[i] - '0');
    }
    if (value < low || value > high) ok_ = false;
    if (ok_) text_.remove_prefix(digits);
    return value;
  }
  char one_of(std::string_view allowed) {
    if (!ok_ || text_.empty() || allowed.find(text_[0]) == std::string_view::npos) {
      ok_ = false;
      return '\0';
    }
    const char found = text_[0];
    text_.remove_prefix(1);
    return found;
  }
  bool next_is(std::string_view allowed) const {
    return ok_ && !text_.empty() && allowed.find(text_[0]) != std::string_view::npos;
  }
  // What follows the point of a second; digits beyond nanoseconds are passed over.
  std::int64_t fraction_ns() {
    std::int64_t ns = 0;
    std::int64_t unit = kNsPerSecond / 10;
    if (!next_is("0123456789")) ok_ = false;
    while (next_is("0123456789")) {
      ns += unit * (text_[0] - '0');
      unit /= 10;
      text_.remove_prefix(1);
    }
    return ns;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && text_.empty(); }
  void refuse() { ok_ = false; }

 private:
  std::string_view text_;
  bool ok_ = true;
};

std::int64_t midnight_ns(Scanner& scan, int year, int month, int day) {
  tm parts{};
  parts.tm_year = year - 1900;
  parts.tm_mon = month - 1;
  parts.tm_mday = day;
  const time_t seconds = timegm(&parts);
  if (parts.tm_mday != day) scan.refuse();  // there is no such day
  return static_cast<std::int64_t>(seconds) * kNsPerSecond;
}

std::int64_t date(Scanner& scan) {
  const int year = scan.number(4, kFirstYear, kLastYear);
  const char separator = scan.one_of("-/");
  const int month = scan.number(2, 1, 12);
  scan.one_of(std::string_view(&separator, 1));
  const int day = scan.number(2, 1, 31);
  return scan.ok() ? midnight_ns(scan, year, month, day) : 0;
}

std::int64_t time_of_day(Scanner& scan, std::string_view points) {
  std::int64_t ns = std::int64_t{scan.number(2, 0, 23)} * 60 * kNsPerMinute;
  scan.one_of(":");
  ns += scan.number(2, 0, 59) * kNsPerMinute;
  scan.one_of(":");
  ns += scan.number(2, 0, 60) * kNsPerSecond;
  if (scan.next_is(points)) {
    scan.one_of(points);
    ns += scan.fraction_ns();
  }
  return ns;
}

// "Z", "+02:00", "-0500"; nothing: no zone.
std::optional<std::int64_t> zone(Scanner& scan) {
  if (scan.next_is("Zz")) {
    scan.one_of("Zz");
    return 0;
  }
  if (!scan.next_is("+-")) return std::nullopt;
  const std::int64_t sign = scan.one_of("+-") == '-' ? -1 : 1;
  std::int64_t minutes = std::int64_t{scan.number(2, 0, 14)} * 60;
  if (scan.next_is(":")) scan.one_of(":");
  minutes += scan.number(2, 0, 59);
  return sign * minutes * kNsPerMinute;
}

std::optional<Timestamp> since_1970(std::string_view text) {
  constexpr double kLeastSeconds = 1e8;
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  for (const std::int64_t units : {1, 1'000, 1'000'000, 1'000'000'000}) {
    const double scale = static_cast<double>(units);
    if (value < kLeastSeconds * scale || value >= 100.0 * kLeastSeconds * scale) continue;
    // Whole nanoseconds do not fit in a double.
    std::int64_t whole = 0;
    const auto [whole_end, whole_error] =
        std::from_chars(text.data(), text.data() + text.size(), whole);
    if (whole_error != std::errc()) return std::nullopt;
    double fraction = 0.0;
    if (whole_end != end && *whole_end == '.') std::from_chars(whole_end, end, fraction);
    if (whole_end != end && *whole_end != '.') {  // "1.7e9"
      whole = static_cast<std::int64_t>(value);
      fraction = value - std::floor(value);
    }
    const std::int64_t ns_per_unit = kNsPerSecond / units;
    if (value * static_cast<double>(ns_per_unit) > kLatestNs) return std::nullopt;
    return Timestamp{
        whole * ns_per_unit + std::llround(fraction * static_cast<double>(ns_per_unit)), true};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  text = trim(text);
  if (const auto numeric = since_1970(text)) return numeric;
  Scanner scan(text);
  Timestamp result;
  result.ns = date(scan);
  scan.one_of("Tt ");
  result.ns += time_of_day(scan, ".,");
  const auto zone_ns = zone(scan);
  if (!scan.at_end()) return std::nullopt;
  result.has_zone = zone_ns.has_value();
  result.ns -= zone_ns.value_or(0);
  return result;
}

std::optional<std::int64_t> parse_month_first(std::string_view text) {
  Scanner scan(text);
  const int month = scan.number(2, 1, 12);
  scan.one_of("-");
  const int day = scan.number(2, 1, 31);
  scan.one_of("-");
  const int year = scan.number(4, kFirstYear, kLastYear);
  scan.one_of(" ");
  if (!scan.ok()) return std::nullopt;
  std::int64_t ns = midnight_ns(scan, year, month, day);
  ns += time_of_day(scan, ".");
  if (!scan.ok()) return std::nullopt;
  return ns;
}

std::optional<std::int64_t> parse_time_of_day(std::string_view text) {
  Scanner scan(trim(text));
  const std::int64_t ns = time_of_day(scan, ":.");
  if (!scan.at_end()) return std::nullopt;
  return ns;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  Scanner scan(trim(text));
  const std::int64_t ns = date(scan);
  if (!scan.at_end()) return std::nullopt;
  return ns;
}

std::string wall_time_us(std::int64_t wall_ns) {
  std::int64_t seconds = wall_ns / kNsPerSecond;
  if (wall_ns < seconds * kNsPerSecond) --seconds;
  const auto us = (wall_ns - seconds * kNsPerSecond) / 1'000;
  const auto time = static_cast<time_t>(seconds);
  tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     us);
}

}  // namespace wattle::sense
