// strftime() without a locale and without a time zone: C's conversions, those that mean something
// in UTC and English.

#include <fmt/format.h>
#include <time.h>

#include <array>

#include "engine/template/builtins.hpp"

namespace wattle::engine::jinja {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

struct Moment {
  tm parts{};
  std::int64_t microseconds = 0;
};

Moment moment_of(std::int64_t wall_ns) {
  std::int64_t seconds = wall_ns / kNsPerSecond;
  std::int64_t rest = wall_ns % kNsPerSecond;
  if (rest < 0) {
    rest += kNsPerSecond;
    --seconds;
  }
  Moment moment;
  const auto time = static_cast<time_t>(seconds);
  gmtime_r(&time, &moment.parts);
  moment.microseconds = rest / 1000;
  return moment;
}

// One conversion of C's strftime(), which the C locale writes in English.
std::string convert(char flag, char conversion, const tm& parts) {
  std::array<char, 4> format{'%'};
  std::size_t size = 1;
  if (flag != 0) format[size++] = flag;
  format[size] = conversion;
  std::array<char, 64> buffer{};
  const std::size_t written = strftime(buffer.data(), buffer.size(), format.data(), &parts);
  return {buffer.data(), written};
}

}  // namespace

Result<std::string> format_time(std::string_view format, std::int64_t wall_ns) {
  constexpr std::string_view kConversions = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyY";
  const Moment moment = moment_of(wall_ns);
  std::string text;
  while (!format.empty()) {
    const char c = format[0];
    format.remove_prefix(1);
    if (c != '%') {
      text += c;
      continue;
    }
    char flag = 0;
    if (!format.empty() && std::string_view("-_0^#").contains(format[0])) {
      flag = format[0];
      format.remove_prefix(1);
    }
    const char conversion = format.empty() ? '\0' : format[0];
    if (!format.empty()) format.remove_prefix(1);
    if (conversion == '%') {
      text += '%';
    } else if (conversion == 'f') {
      text += fmt::format("{:06}", moment.microseconds);
    } else if (conversion == 'z' || conversion == 'Z') {
      text += conversion == 'z' ? "+0000" : "UTC";
    } else if (conversion != '\0' && kConversions.contains(conversion)) {
      text += convert(flag, conversion, moment.parts);
    } else {
      return not_covered(
          fmt::format("strftime_now() knows no '%{}'", conversion == '\0' ? ' ' : conversion));
    }
  }
  return text;
}

}  // namespace wattle::engine::jinja
