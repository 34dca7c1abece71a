#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "sense/tegrastats.hpp"

namespace wattle::sense {
namespace {

constexpr double kMilli = 1e-3;
constexpr double kMost = 1e9;  // no number of a line is larger
constexpr double kZoneOffC = -200.0;
constexpr double kMaxPowerW = 2000.0;

// Takes a number from the front.
std::optional<double> take_number(std::string_view& text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || !std::isfinite(value) || std::abs(value) > kMost) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(at), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// "12%@[1300,1300]", "10%@1300", "@[…]", "@1190", "3%".
std::optional<Tegrastats::Load> parse_load(std::string_view text) {
  Tegrastats::Load load;
  if (!text.starts_with('@')) {
    const auto percent = take_number(text);
    if (!percent || *percent < 0.0 || *percent > 100.0 || !take(text, "%")) return std::nullopt;
    load.utilisation = *percent / 100.0;
  }
  if (text.empty()) return load;
  if (!take(text, "@")) return std::nullopt;
  if (take(text, "[")) {
    if (!text.ends_with(']')) return std::nullopt;
    text.remove_suffix(1);
  }
  for (std::string_view part : split(text, ',')) {
    const auto mhz = take_number(part);
    if (!mhz || *mhz < 0.0 || !part.empty()) return std::nullopt;
    load.mhz.push_back(*mhz);
  }
  return load;
}

// "[23%@2201,off,…]"; with any core that is neither, none.
std::vector<Tegrastats::Core> parse_cores(std::string_view text) {
  if (!take(text, "[") || !text.ends_with(']')) return {};
  text.remove_suffix(1);
  std::vector<Tegrastats::Core> cores;
  for (const std::string_view part : split(text, ',')) {
    Tegrastats::Core core;
    if (part != "off") {
      auto load = parse_load(part);
      if (!load) return {};
      core = {true, std::move(*load)};
    }
    cores.push_back(std::move(core));
  }
  return cores;
}

// "20642/62817MB" in MB.
std::optional<std::pair<double, double>> parse_memory(std::string_view text) {
  const auto used = take_number(text);
  if (!used || !take(text, "/")) return std::nullopt;
  const auto total = take_number(text);
  if (!total || *used < 0.0 || *total < 0.0) return std::nullopt;
  const double unit = text == "MB"   ? 1.0
                      : text == "GB" ? 1024.0
                      : text == "kB" ? 1.0 / 1024.0
                                     : 0.0;
  if (unit == 0.0) return std::nullopt;
  return std::pair{*used * unit, *total * unit};
}

// "cpu@52.968C", "cpu@52.968C/52.968C".
std::optional<Tegrastats::Temperature> parse_temperature(std::string_view text) {
  const auto at = text.find('@');
  if (at == 0 || at == std::string_view::npos) return std::nullopt;
  Tegrastats::Temperature zone{std::string(text.substr(0, at)), std::nullopt};
  text.remove_prefix(at + 1);
  const auto value = take_number(text);
  if (!value || !take(text, "C") || !(text.empty() || text.starts_with('/'))) return std::nullopt;
  if (*value > kZoneOffC) zone.temperature_c = value;
  return zone;
}

// "5139mW/5139mW/5139mW", "5139/5139", "5139mW": the first, in W.
std::optional<double> parse_power(std::string_view text) {
  std::optional<double> first;
  bool has_unit = false;
  int n = 0;
  do {
    const auto value = take_number(text);
    if (!value || *value < 0.0) return std::nullopt;
    has_unit = take(text, "mW") || has_unit;
    if (!first) first = value;
  } while (++n < 3 && take(text, "/"));
  if (!text.empty() || (n == 1 && !has_unit)) return std::nullopt;
  const double power_w = *first * kMilli;
  return power_w <= kMaxPowerW ? std::optional(power_w) : std::nullopt;
}

bool has_form(std::string_view text, std::string_view form) {
  return text.size() == form.size() &&
         std::equal(text.begin(), text.end(), form.begin(),
                    [](char c, char f) { return f == '0' ? c >= '0' && c <= '9' : c == f; });
}

// What belongs to `name`; true if `value` was its.
bool parse_pair(std::string_view name, std::string_view value, Tegrastats& stats) {
  if (name == "RAM" || name == "SWAP") {
    const auto memory = parse_memory(value);
    if (!memory) return false;
    (name == "RAM" ? stats.ram_used_mb : stats.swap_used_mb) = memory->first;
    (name == "RAM" ? stats.ram_total_mb : stats.swap_total_mb) = memory->second;
    return true;
  }
  if (name == "CPU" && value.starts_with('[')) {
    stats.cores = parse_cores(value);
    return true;
  }
  if (name == "EMC_FREQ" || name == "GR3D_FREQ") {
    (name == "EMC_FREQ" ? stats.emc : stats.gr3d) = parse_load(value);
    return true;
  }
  const auto power_w = parse_power(value);
  if (!power_w) return false;
  if (name != "NC") stats.rails.push_back({std::string(name), *power_w});
  return true;
}

}  // namespace

Result<Tegrastats> parse_tegrastats(std::string_view line) {
  Tegrastats stats;
  const auto words = split(trim(line), ' ');
  std::size_t i = 0;
  if (words.size() >= 2 && has_form(words[0], "00-00-0000") && has_form(words[1], "00:00:00")) {
    stats.timestamp = std::string(words[0]) + " " + std::string(words[1]);
    i = 2;
  }
  for (; i < words.size(); ++i) {
    if (words[i].starts_with('(')) {  // "(lfb 1x2MB)", "(cached 0MB)"
      while (i + 1 < words.size() && !words[i].ends_with(')')) ++i;
    } else if (auto zone = parse_temperature(words[i])) {
      stats.temperatures.push_back(std::move(*zone));
    } else if (i + 1 < words.size() && parse_pair(words[i], words[i + 1], stats)) {
      ++i;
    }
  }
  if (!stats.ram_used_mb && stats.rails.empty()) {
    return fail(ErrorCode::invalid_format,
                fmt::format("'{}' is no line of tegrastats", line.substr(0, 60)),
                "Write the log with: tegrastats --interval 100 --logfile FILE");
  }
  return stats;
}

}  // namespace wattle::sense
