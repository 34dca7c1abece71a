#include "sense/meter_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "base/fs_root.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kRemedy = "See docs/formats/meter-csv.md for the columns that are known.";
constexpr double kMaxPowerW = 100'000.0;
constexpr double kMaxEnergyJ = 1e15;
constexpr double kMaxTimeS = 1e12;
constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);
constexpr double kJoulesAWattHour = 3600.0;

struct KnownName {
  std::string_view name;
  double unit;
};
constexpr KnownName kPower[] = {
    {"power_w", 1.0},
    {"power", 1.0},
    {"w", 1.0},
    {"watts", 1.0},
    {"watt", 1.0},
    {"active_power", 1.0},
    {"p_w", 1.0},
    {"active_power_w", 1.0},
    {"power_watts", 1.0},
    {"power_mw", 1e-3},
    {"mw", 1e-3},
    {"milliwatts", 1e-3},
    {"active_power_mw", 1e-3},
    {"power_kw", 1e3},
    {"kw", 1e3},
};
constexpr KnownName kJoules[] = {
    {"energy_j", 1.0}, {"j", 1.0}, {"joules", 1.0}, {"energy_joules", 1.0}, {"energy_mj", 1e-3}};
constexpr KnownName kWattHours[] = {
    {"energy_wh", kJoulesAWattHour},         {"wh", kJoulesAWattHour},
    {"energy_mwh", kJoulesAWattHour * 1e-3}, {"mwh", kJoulesAWattHour * 1e-3},
    {"energy_kwh", kJoulesAWattHour * 1e3},  {"kwh", kJoulesAWattHour * 1e3},
};
constexpr KnownName kVoltage[] = {{"voltage_v", 1.0}, {"voltage", 1.0}, {"v", 1.0},
                                  {"volts", 1.0},     {"volt", 1.0},    {"voltage_mv", 1e-3},
                                  {"mv", 1e-3}};
constexpr KnownName kCurrent[] = {{"current_a", 1.0},   {"current", 1.0}, {"a", 1.0},
                                  {"amps", 1.0},        {"ampere", 1.0},  {"amperes", 1.0},
                                  {"current_ma", 1e-3}, {"ma", 1e-3}};
constexpr std::array kTimeWords{"time", "timestamp", "datetime", "date", "epoch",
                                "unix", "elapsed",   "seconds",  "t",    "ts"};

// "Power (mW)" → "power_mw".
std::string normalised(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const char l = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool plain = (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9');
    if (plain) {
      out += l;
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  if (out.ends_with('_')) out.pop_back();
  return out;
}

std::vector<std::string> split_row(std::string_view line, char delimiter) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == delimiter && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

template <std::size_t N>
std::optional<MeterColumn> find_column(const std::vector<std::string>& names,
                                       const KnownName (&known)[N]) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (const KnownName& k : known) {
      if (names[i] == k.name) return MeterColumn{i, k.unit};
    }
  }
  return std::nullopt;
}

bool find_time(const std::vector<std::string>& names, MeterFormat& format) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string first = names[i].substr(0, names[i].find('_'));
    if (std::find(kTimeWords.begin(), kTimeWords.end(), first) == kTimeWords.end()) continue;
    format.time = {i, 1.0};
    constexpr std::array<KnownName, 3> kUnits{{{"_ms", 1e-3}, {"_us", 1e-6}, {"_ns", 1e-9}}};
    for (const KnownName& unit : kUnits) {
      if (!names[i].ends_with(unit.name)) continue;
      format.time.unit = unit.unit;
      format.time_has_unit = true;
    }
    return true;
  }
  return false;
}

std::unexpected<Error> bad_row(std::string_view what, std::string_view line) {
  return fail(ErrorCode::invalid_format,
              fmt::format("the meter's row '{}' has {}", line.substr(0, 80), what), kRemedy);
}

struct Number {
  double value = 0.0;
  double step = 1.0;  // of its last digit
};

std::optional<Number> parse_number(std::string text, bool decimal_comma) {
  if (decimal_comma && std::count(text.begin(), text.end(), ',') == 1 &&
      text.find('.') == std::string::npos) {
    text[text.find(',')] = '.';
  }
  const std::string_view digits = trim(text);
  Number number;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number.value);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() ||
      !std::isfinite(number.value)) {
    return std::nullopt;
  }
  const auto point = digits.find('.');
  if (point != std::string_view::npos) {
    const auto n = digits.find_first_not_of("0123456789", point + 1);
    const auto last = std::min(n, digits.size());
    number.step = std::pow(10.0, -static_cast<double>(last - point - 1));
  }
  return number;
}

std::optional<int> digits_at(std::string_view text, std::size_t at, std::size_t n) {
  if (at + n > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, n)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// "Z", "+02:00", "-0530", or nothing; seconds east.
std::optional<double> parse_zone(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return 0.0;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  const bool colon = text.size() > 3 && text[3] == ':';
  const auto hours = digits_at(text, 1, 2);
  const auto minutes = text.size() == 3 ? std::optional(0) : digits_at(text, colon ? 4 : 3, 2);
  const std::size_t length = text.size() == 3 ? 3 : colon ? 6 : 5;
  if (!hours || !minutes || text.size() != length) return std::nullopt;
  const double seconds = *hours * 3600.0 + *minutes * 60.0;
  return text[0] == '-' ? -seconds : seconds;
}

// ISO 8601 "2026-11-20T13:45:00.123Z", also with a space, without a zone taken as UTC: only
// differences are used.
std::optional<double> parse_iso8601(std::string_view text) {
  constexpr std::size_t kWithoutFraction = 19;
  if (text.size() < kWithoutFraction || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto year = digits_at(text, 0, 4);
  const auto month = digits_at(text, 5, 2);
  const auto day = digits_at(text, 8, 2);
  const auto hour = digits_at(text, 11, 2);
  const auto minute = digits_at(text, 14, 2);
  const auto second = digits_at(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::string_view rest = text.substr(kWithoutFraction);
  double fraction = 0.0;
  if (rest.starts_with('.') || rest.starts_with(',')) {
    const auto end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    double scale = 0.1;
    for (const char c : rest.substr(1, end - 1)) {
      fraction += (c - '0') * scale;
      scale /= 10.0;
    }
    rest.remove_prefix(end);
  }
  const auto zone_s = parse_zone(rest);
  if (!zone_s) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86'400.0 + *hour * 3600.0 + *minute * 60.0 + *second +
         fraction - *zone_s;
}

// Epoch times are told by their size: seconds stay below 1e11 until the year 5138.
double unit_of_epoch(double time) {
  if (time >= 1e17) return 1e-9;
  if (time >= 1e14) return 1e-6;
  return time >= 1e11 ? 1e-3 : 1.0;
}

std::optional<double> parse_time(const MeterFormat& format, const std::string& field) {
  if (const auto iso = parse_iso8601(trim(field))) return iso;
  const auto number = parse_number(field, format.delimiter != ',');
  if (!number) return std::nullopt;
  const double time_s =
      number->value * (format.time_has_unit ? format.time.unit : unit_of_epoch(number->value));
  return std::abs(time_s) <= kMaxTimeS ? std::optional(time_s) : std::nullopt;
}

}  // namespace

Result<MeterFormat> parse_meter_header(std::string_view line) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  MeterFormat format;
  for (const char delimiter : {'\t', ';', ','}) {
    format.delimiter = delimiter;
    if (line.find(delimiter) != std::string_view::npos) break;
  }
  std::vector<std::string> names;
  for (const std::string& name : split_row(line, format.delimiter)) {
    names.push_back(normalised(name));
  }
  const auto missing = [&](std::string_view what) {
    return fail(
        ErrorCode::invalid_format,
        fmt::format("the meter's header '{}' names no column of {}", line.substr(0, 80), what),
        kRemedy);
  };
  if (!find_time(names, format)) return missing("time");
  // Joules first: their counter misses nothing. Watt hours last but one: plugs count in steps of
  // kilojoules.
  format.energy = find_column(names, kJoules);
  if (format.energy) return format;
  format.power = find_column(names, kPower);
  if (format.power) return format;
  format.energy = find_column(names, kWattHours);
  if (format.energy) return format;
  format.voltage = find_column(names, kVoltage);
  format.current = find_column(names, kCurrent);
  if (!format.voltage || !format.current) return missing("power, energy, or voltage and current");
  return format;
}

Result<MeterRow> parse_meter_row(const MeterFormat& format, std::string_view line) {
  const auto fields = split_row(line, format.delimiter);
  const auto number = [&](const MeterColumn& column) -> std::optional<Number> {
    if (column.index >= fields.size()) return std::nullopt;
    auto n = parse_number(fields[column.index], format.delimiter != ',');
    if (n) {
      n->value *= column.unit;
      n->step *= column.unit;
    }
    return n;
  };
  if (format.time.index >= fields.size()) return bad_row("too few columns", line);
  const auto time_s = parse_time(format, fields[format.time.index]);
  if (!time_s) return bad_row("no time", line);
  MeterRow row{*time_s, 0.0, 0.0};
  if (const auto& single = format.energy ? format.energy : format.power) {
    const auto n = number(*single);
    if (!n) return bad_row(format.energy ? "no energy" : "no power", line);
    row.value = n->value;
    row.step = n->step;
  } else {
    const auto volt = number(format.voltage.value_or(MeterColumn{kNoColumn, 1.0}));
    const auto ampere = number(format.current.value_or(MeterColumn{kNoColumn, 1.0}));
    if (!volt || !ampere) return bad_row("no voltage or no current", line);
    row.value = volt->value * ampere->value;
    row.step = std::abs(volt->value) * ampere->step;
  }
  if (!(row.value >= 0.0 && row.value <= (format.energy ? kMaxEnergyJ : kMaxPowerW))) {
    return bad_row("a value that no machine takes", line);
  }
  return row;
}

}  // namespace wattle::sense
