#include "actuate/setting.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

namespace wattle::actuate {
namespace {

constexpr std::size_t kLongestTable = 4096;
constexpr int kHighestCpu = 65'535;
constexpr std::int64_t kHighest = 1'000'000'000'000'000;  // 10^15, in any unit

std::int64_t hz_of(Unit unit) {
  switch (unit) {
    case Unit::khz:
      return 1'000;
    case Unit::mhz:
      return 1'000'000;
    default:
      return 1;
  }
}

bool is_frequency(Unit unit) {
  return unit == Unit::khz || unit == Unit::hz || unit == Unit::mhz;
}

std::optional<std::int64_t> whole_number(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return {};
  if (value < 0 || value > kHighest) return {};
  return value;
}

// digits[.digits] · scale as a whole number.
enum class Exactness { exact, fraction, no_number };
struct Scaled {
  Exactness exactness = Exactness::no_number;
  std::int64_t value = 0;
};
Scaled scale_decimal(std::string_view text, std::int64_t scale) {
  const auto dot = text.find('.');
  const auto whole = whole_number(text.substr(0, dot));
  if (!whole || *whole > kHighest / scale) return {};
  Scaled result{Exactness::exact, *whole * scale};
  if (dot == std::string_view::npos) return result;
  std::string_view fraction = text.substr(dot + 1);
  if (fraction.empty() || fraction.find_first_not_of("0123456789") != std::string_view::npos) {
    return {};
  }
  for (const char digit : fraction) {
    if (digit == '0') {
      scale /= 10;
      continue;
    }
    if (scale % 10 != 0) return {Exactness::fraction, result.value};
    scale /= 10;
    result.value += (digit - '0') * scale;
  }
  return result;
}

struct Suffix {
  std::string_view name;  // lower case
  std::int64_t hz;
};
constexpr std::array<Suffix, 4> kSuffixes{
    {{"ghz", 1'000'000'000}, {"mhz", 1'000'000}, {"khz", 1'000}, {"hz", 1}}};

std::unexpected<Error> not_understood(std::string_view text, Unit unit) {
  const char* const example = is_frequency(unit)  ? "Write 816MHz, 1.2GHz, min or max."
                              : unit == Unit::pwm ? "Write 0 to 255, or 0% to 100%."
                                                  : "Write a whole number.";
  return fail(ErrorCode::invalid_argument,
              fmt::format("'{}' is not a value for this knob", text.substr(0, 40)), example);
}

Result<std::int64_t> parse_frequency(std::string_view text, Unit unit) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view number = lower;
  std::int64_t scale = hz_of(unit);
  for (const Suffix& suffix : kSuffixes) {
    if (!number.ends_with(suffix.name)) continue;
    number.remove_suffix(suffix.name.size());
    scale = suffix.hz;
    break;
  }
  const Scaled hz = scale_decimal(trim(number), scale);
  if (hz.exactness == Exactness::no_number) return not_understood(text, unit);
  if (hz.exactness == Exactness::fraction || hz.value % hz_of(unit) != 0) {
    return fail(ErrorCode::out_of_range,
                fmt::format("{} is no whole number of {}", text, unit_name(unit)));
  }
  return hz.value / hz_of(unit);
}

Result<std::int64_t> parse_pwm(std::string_view text) {
  if (!text.ends_with('%')) {
    const auto value = whole_number(text);
    if (!value) return not_understood(text, Unit::pwm);
    return *value;
  }
  const auto percent = whole_number(trim(text.substr(0, text.size() - 1)));
  if (!percent) return not_understood(text, Unit::pwm);
  if (*percent > 100) {
    return fail(ErrorCode::out_of_range, fmt::format("{} is more than the whole", text));
  }
  return (*percent * 255 + 50) / 100;
}

// 1300500000 Hz in MHz is "1300.5".
std::string decimal_text(std::int64_t value, std::int64_t per_unit) {
  std::string text = std::to_string(value / per_unit);
  std::int64_t rest = value % per_unit;
  if (rest == 0) return text;
  text += '.';
  while (rest != 0) {
    per_unit /= 10;
    text += static_cast<char>('0' + rest / per_unit);
    rest %= per_unit;
  }
  return text;
}

// Without the unit, in MHz for frequencies.
std::string number_text(std::int64_t value, Unit unit) {
  return is_frequency(unit) ? decimal_text(value, 1'000'000 / hz_of(unit)) : std::to_string(value);
}

const char* shown_unit(Unit unit) {
  return is_frequency(unit) ? " MHz" : "";
}

// The values below and above what was asked for.
std::string nearest_text(std::int64_t value, const std::vector<std::int64_t>& table, Unit unit) {
  const auto above = std::lower_bound(table.begin(), table.end(), value);
  std::string text;
  if (above != table.begin()) text = format_quantity(*(above - 1), unit);
  if (above != table.end()) {
    text += (text.empty() ? "" : " and ") + format_quantity(*above, unit);
  }
  return text;
}

std::unexpected<Error> refuse(std::int64_t value, const KnobInfo& info) {
  constexpr std::size_t kShort = 16;
  std::string remedy = "Allowed: " + allowed_text(info, kShort);
  if (info.table.size() > kShort) {
    remedy += "; nearest: " + nearest_text(value, info.table, info.unit);
  }
  return fail(ErrorCode::out_of_range,
              fmt::format("{} cannot be set to {}: the device does not have it", info.id,
                          format_quantity(value, info.unit)),
              remedy + ".");
}

}  // namespace

Result<std::vector<std::int64_t>> parse_table(std::string_view text, const std::string& source) {
  std::vector<std::int64_t> table;
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  for (auto begin = text.find_first_not_of(kSpace); begin != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(kSpace, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const auto value = whole_number(word);
    if (!value || *value == 0 || table.size() == kLongestTable) {
      return fail(
          ErrorCode::invalid_format,
          fmt::format("expected a table of values in {}, found '{}'", source, word.substr(0, 40)));
    }
    table.push_back(*value);
    begin = text.find_first_not_of(kSpace, end);
  }
  if (table.empty()) {
    return fail(ErrorCode::invalid_format, "the table in " + source + " is empty");
  }
  std::sort(table.begin(), table.end());
  table.erase(std::unique(table.begin(), table.end()), table.end());
  return table;
}

Result<std::int64_t> parse_quantity(std::string_view text, Unit unit) {
  text = trim(text);
  if (is_frequency(unit)) return parse_frequency(text, unit);
  if (unit == Unit::pwm) return parse_pwm(text);
  const auto value = whole_number(text);
  if (!value) return not_understood(text, unit);
  return *value;
}

std::string format_quantity(std::int64_t value, Unit unit) {
  return number_text(value, unit) + shown_unit(unit);
}

Result<std::int64_t> parse_allowed(std::string_view text, const KnobInfo& info) {
  text = trim(text);
  const bool has_table = !info.table.empty();
  if (text == "min") return has_table ? info.table.front() : info.range.value_or(Range{}).min;
  if (text == "max") return has_table ? info.table.back() : info.range.value_or(Range{}).max;
  auto value = parse_quantity(text, info.unit);
  if (!value) {
    value.error().what = info.id + ": " + value.error().what;
    if (value.error().code == ErrorCode::out_of_range) {
      value.error().remedy = "Allowed: " + allowed_text(info) + ".";
    }
    return value;
  }
  const Range range = info.range.value_or(Range{});
  const bool allowed = has_table ? std::binary_search(info.table.begin(), info.table.end(), *value)
                                 : *value >= range.min && *value <= range.max;
  if (!allowed) return refuse(*value, info);
  return value;
}

std::string allowed_text(const KnobInfo& info, std::size_t at_most) {
  if (!info.words.empty()) return fmt::format("{}", fmt::join(info.words, ", "));
  if (info.table.empty()) {
    return info.range ? fmt::format("{} to {}{}", number_text(info.range->min, info.unit),
                                    number_text(info.range->max, info.unit), shown_unit(info.unit))
                      : "";
  }
  std::string text;
  const std::size_t n = info.table.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (n > at_most && i == 2) {
      text += ", …";
      i = n - 1;
    }
    text += (text.empty() ? "" : ", ") + number_text(info.table[i], info.unit);
  }
  text += shown_unit(info.unit);
  return n > at_most ? fmt::format("{} ({} values)", text, n) : text;
}

std::string limits_text(const Limits& limits) {
  return fmt::format("{}..{}", limits.low, limits.high);
}

Result<Limits> parse_limits_text(std::string_view text) {
  const auto dots = text.find("..");
  if (dots != std::string_view::npos) {
    const auto low = whole_number(text.substr(0, dots));
    const auto high = whole_number(text.substr(dots + 2));
    if (low && high && *low <= *high) return Limits{*low, *high};
  }
  return fail(ErrorCode::invalid_format,
              fmt::format("'{}' is no pair of limits", text.substr(0, 40)));
}

Result<Limits> parse_asked_limits(std::string_view asked, const KnobInfo& info) {
  const auto dots = asked.find("..");
  WATTLE_TRY(const std::int64_t low, parse_allowed(asked.substr(0, dots), info));
  if (dots == std::string_view::npos) return Limits{low, low};
  WATTLE_TRY(const std::int64_t high, parse_allowed(asked.substr(dots + 2), info));
  if (low > high) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: the lower limit in '{}' is above the upper", info.id, asked));
  }
  return Limits{low, high};
}

std::string describe_limits(const std::string& setting, Unit unit) {
  const auto limits = parse_limits_text(setting);
  if (!limits) return setting;
  if (limits->low == limits->high) return format_quantity(limits->low, unit);
  return fmt::format("{} to {}{}", number_text(limits->low, unit), number_text(limits->high, unit),
                     shown_unit(unit));
}

std::vector<Step> plan_limits(const Limits& from, const Limits& to, const std::string& min_file,
                              const std::string& max_file) {
  std::vector<Step> steps;
  const auto write_min = [&] {
    if (to.low != from.low) {
      steps.push_back({Step::Kind::file, min_file, std::to_string(to.low)});
    }
  };
  const auto write_max = [&] {
    if (to.high != from.high) {
      steps.push_back({Step::Kind::file, max_file, std::to_string(to.high)});
    }
  };
  if (to.high >= from.high) {
    write_max();
    write_min();
  } else {
    write_min();
    write_max();
  }
  return steps;
}

Result<std::vector<int>> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  std::string_view rest = trim(text);
  const auto bad = [&] {
    return fail(ErrorCode::invalid_format,
                fmt::format("'{}' is no list of cores such as 0-3,8", text.substr(0, 40)));
  };
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const std::string_view piece = rest.substr(0, comma);
    const auto dash = std::min(piece.find('-'), piece.size());
    const auto first = whole_number(piece.substr(0, dash));
    const auto last = dash == piece.size() ? first : whole_number(piece.substr(dash + 1));
    if (!first || !last || *first > *last || *last > kHighestCpu) return bad();
    if (!cpus.empty() && *first <= cpus.back()) return bad();
    for (auto cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
    if (comma + 1 == rest.size()) return bad();
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return cpus;
}

std::string cpu_list_text(std::span<const int> cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += last == i ? std::to_string(cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace wattle::actuate
