// The log file of tegrastats: one line a sample, its time in whole seconds or none at all.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/fs_root.hpp"
#include "sense/jetson_rails.hpp"
#include "sense/log_build.hpp"
#include "sense/log_table.hpp"
#include "sense/log_time.hpp"
#include "sense/tegrastats.hpp"

namespace wattle::sense {
namespace {

constexpr double kPrintedW = 1e-3;
constexpr double kMb = 1048576.0;
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::size_t kMostRails = 64;
constexpr const char* kGroup = "tegrastats";

struct Line {
  std::optional<std::int64_t> stamp_ns;
  Tegrastats stats;
};

struct Lines {
  std::vector<Line> lines;
  BadLines bad;
  bool cut_off = false;
};

Lines parse_lines(std::string_view text) {
  Lines parsed;
  CsvRows rows(text);
  while (!rows.rest().empty()) {
    const std::string_view line = rows.take_line();
    parsed.cut_off = rows.unfinished();
    if (line.empty() || parsed.cut_off) continue;
    if (line.size() > kLongestLogLine) {
      parsed.bad.add(rows.line(), "longer than a line of a log can be");
      continue;
    }
    auto stats = parse_tegrastats(line);
    if (!stats) {
      parsed.bad.add(rows.line(), "no line of tegrastats");
      continue;
    }
    parsed.lines.push_back({parse_month_first(stats->timestamp), std::move(*stats)});
  }
  return parsed;
}

// Lines of one second are spread over it evenly. The first and the last second may be partly there:
// their lines stand as close as those of a whole second, at its end and at its beginning.
std::vector<std::int64_t> spread_stamps(const std::vector<Line>& lines) {
  std::vector<std::int64_t> times(lines.size());
  std::vector<std::pair<std::size_t, std::size_t>> groups;  // begin, size
  std::size_t most = 1;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (groups.empty() || *lines[i].stamp_ns != *lines[i - 1].stamp_ns) groups.emplace_back(i, 0);
    most = std::max(most, ++groups.back().second);
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto [begin, size] = groups[g];
    const bool partly = g == 0 || g + 1 == groups.size();
    const auto step_ns = kSecondNs / static_cast<std::int64_t>(partly ? most : size);
    const std::int64_t missing = g == 0 ? static_cast<std::int64_t>(most - size) : 0;
    for (std::size_t k = 0; k < size; ++k) {
      times[begin + k] =
          *lines[begin + k].stamp_ns + step_ns * (static_cast<std::int64_t>(k) + missing);
    }
  }
  return times;
}

std::vector<std::int64_t> times_of(const Lines& parsed, const ReadLogOptions& options,
                                   SensorLog& log) {
  const bool stamped = std::all_of(parsed.lines.begin(), parsed.lines.end(),
                                   [](const Line& line) { return line.stamp_ns.has_value(); });
  if (stamped) {
    log.clock = LogClock::unstated;
    std::vector<std::int64_t> times = spread_stamps(parsed.lines);
    const auto n = static_cast<std::int64_t>(times.size());
    if (n > 1 && (times.back() - times.front()) / n < kSecondNs / 2) {
      log.notes.emplace_back(
          "its stamps are whole seconds: the lines of one second are spread over it evenly");
    }
    return times;
  }
  log.clock = LogClock::none;
  log.notes.push_back(fmt::format("its lines have no times: taken as {:g} s apart (--interval)",
                                  options.interval_s));
  std::vector<std::int64_t> times;
  for (std::size_t i = 0; i < parsed.lines.size(); ++i) {
    times.push_back(static_cast<std::int64_t>(static_cast<double>(i) * options.interval_s * 1e9));
  }
  return times;
}

class Builder {
 public:
  explicit Builder(SensorLog& log) : log_(log) {}

  void add(std::int64_t t_ns, const Tegrastats& stats) {
    for (const auto& rail : stats.rails) {
      const bool known = rails_.contains(rail.label);
      if (printed_twice(stats, rail) || (!known && rails_.size() >= kMostRails)) continue;
      rail_of(rail.label).push_back(good_reading(t_ns, rail.power_w));
    }
    for (auto& [label, index] : rails_) {  // a rail that this line lacks
      auto& readings = log_.power[index].readings;
      if (!readings.empty() && readings.back().t_ns == t_ns) continue;
      readings.push_back(failed_reading(t_ns, "not in the line"));
    }
    if (stats.gr3d && stats.gr3d->utilisation) {
      gauge("gpu", "GPU", Quantity::utilisation)
          .push_back(good_reading(t_ns, *stats.gr3d->utilisation));
    }
    if (stats.gr3d && !stats.gr3d->mhz.empty()) {
      gauge("gpu-clock", "GPU", Quantity::frequency_hz)
          .push_back(good_reading(t_ns, stats.gr3d->mhz.front() * 1e6));
    }
    if (stats.ram_used_mb) {
      gauge("ram", "RAM", Quantity::memory_bytes)
          .push_back(good_reading(t_ns, *stats.ram_used_mb * kMb));
    }
    for (const auto& zone : stats.temperatures) {
      const std::string name = lower_case(zone.name);
      gauge("temp-" + name, name, Quantity::temperature_c)
          .push_back(zone.temperature_c ? good_reading(t_ns, *zone.temperature_c)
                                        : failed_reading(t_ns, "the zone is off"));
    }
  }

  // Which rails are the board, by the labels that occur together.
  void plan() {
    std::vector<std::string> labels;
    for (const LogPower& sensor : log_.power) labels.push_back(sensor.info.source);
    const BoardRails board = plan_rails(labels);
    for (std::size_t i = 0; i < log_.power.size(); ++i) {
      apply_plan(board.rails[i], "tegrastats:", log_.power[i].info);
      if (log_.power[i].info.board_total) log_.total.push_back(i);
    }
    std::string missing;
    for (const std::string& label : board.missing) missing += (missing.empty() ? "" : ", ") + label;
    if (!missing.empty()) {
      log_.total.clear();
      log_.total_note = "the board's total needs rails that are not in the log: " + missing;
    } else if (log_.total.empty() && !log_.power.empty()) {
      log_.total_note = "rails of no board known: which of them contain others is not known";
    }
  }

 private:
  static bool printed_twice(const Tegrastats& stats, const Tegrastats::RailPower& rail) {
    for (const auto& other : stats.rails) {
      if (&other == &rail) return false;
      if (other.label == rail.label) return true;
    }
    return false;
  }

  std::vector<LogReading>& rail_of(const std::string& label) {
    const auto [it, is_new] = rails_.emplace(label, log_.power.size());
    if (is_new) {
      log_.power.push_back(
          foreign_sensor("tegrastats:" + label, label, label, Rail::other, kGroup));
      log_.power.back().info.resolution_w = kPrintedW;
    }
    return log_.power[it->second].readings;
  }

  std::vector<LogReading>& gauge(const std::string& name, const std::string& scope,
                                 Quantity quantity) {
    const std::string id = "tegrastats:" + name;
    const auto [it, is_new] = gauges_.emplace(id, log_.gauges.size());
    if (is_new) log_.gauges.push_back(foreign_gauge(id, name, scope, quantity));
    return log_.gauges[it->second].readings;
  }

  SensorLog& log_;
  std::map<std::string, std::size_t> rails_;
  std::map<std::string, std::size_t> gauges_;
};

}  // namespace

Result<SensorLog> parse_tegrastats_log(std::string_view text, const ReadLogOptions& options) {
  const Lines parsed = parse_lines(text);
  SensorLog log;
  log.cut_off = parsed.cut_off;
  parsed.bad.note_in(log);
  const auto times = times_of(parsed, options, log);
  Builder builder(log);
  for (std::size_t i = 0; i < parsed.lines.size(); ++i)
    builder.add(times[i], parsed.lines[i].stats);
  builder.plan();
  return log;
}

}  // namespace wattle::sense
