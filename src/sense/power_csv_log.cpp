// Any CSV with a column of time and columns of power: what data loggers, scripts around NVML and
// bench meters write ("timestamp,power_w").
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "sense/log_build.hpp"
#include "sense/log_table.hpp"
#include "sense/log_time.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kRemedy =
    "Wanted are a column timestamp (ISO 8601 or seconds since 1970) or time_s, and one such as "
    "power_w, gpu_power_w, power_mw. See docs/formats/sense-log.md.";

// "Power (W)" → "power_w"
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : lower_case(name)) {
    const bool keep = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (keep) {
      plain += c;
    } else if (!plain.empty() && plain.back() != '_') {
      plain += '_';
    }
  }
  while (plain.ends_with('_')) plain.pop_back();
  return plain;
}

bool has_word(std::string_view name, std::string_view word) {
  const auto at = name.find(word);
  if (at == std::string_view::npos) return false;
  const bool begins = at == 0 || name[at - 1] == '_';
  const auto end = at + word.size();
  return begins && (end == name.size() || name[end] == '_');
}

// Watts of one unit of the column; empty if it is no power.
std::optional<double> unit_of(std::string_view name) {
  for (const char* no : {"limit", "energy", "max", "min", "cap", "state", "mode", "factor"}) {
    if (has_word(name, no)) return std::nullopt;
  }
  const bool power = has_word(name, "power") || has_word(name, "watt") || has_word(name, "watts") ||
                     name == "w" || name == "mw" || has_word(name, "milliwatts");
  if (!power) return std::nullopt;
  if (has_word(name, "mw") || has_word(name, "milliwatts")) return 1e-3;
  if (has_word(name, "uw") || has_word(name, "microwatts")) return 1e-6;
  if (has_word(name, "kw")) return 1e3;
  return 1.0;
}

Rail rail_of(std::string_view name) {
  for (const char* word : {"total", "system", "board", "wall", "mains", "input"}) {
    if (has_word(name, word)) return Rail::system;
  }
  if (has_word(name, "gpu")) return Rail::gpu;
  if (has_word(name, "package") || has_word(name, "pkg")) return Rail::package;
  if (has_word(name, "cpu")) return Rail::cpu;
  if (has_word(name, "dram") || has_word(name, "ram")) return Rail::dram;
  return Rail::other;
}

int decimals(std::string_view number) {
  const auto point = number.find('.');
  if (point == std::string_view::npos) return 0;
  const auto end = number.find_first_not_of("0123456789", point + 1);
  return static_cast<int>((end == std::string_view::npos ? number.size() : end) - point - 1);
}

class Parser {
 public:
  Status header(const std::vector<std::string>& cells) {
    std::vector<std::string> names;
    for (const std::string& cell : cells) names.push_back(plain_name(cell));
    const Header header(names);
    n_columns_ = header.size();
    time_ = header.first_of({"timestamp",    "timestamp_utc",
                             "timestamp_ns", "timestamp_ms",
                             "timestamp_s",  "datetime",
                             "date_time",    "time",
                             "wall_time",    "unix_time",
                             "epoch",        "epoch_s",
                             "epoch_ms",     "ts",
                             "time_s",       "time_sec",
                             "elapsed_s",    "elapsed_time_sec",
                             "elapsed",      "seconds",
                             "t_s",          "t"});
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto unit = unit_of(names[i]);
      if (!unit || time_ == i) continue;
      columns_.push_back({i, *unit, 0});
      log_.power.push_back(
          foreign_sensor("csv:" + names[i], cells[i], cells[i], rail_of(names[i]), "csv"));
    }
    if (!time_ || columns_.empty()) {
      std::string found;
      for (const std::string& cell : cells) found += (found.empty() ? "" : ", ") + cell;
      if (found.size() > 200) found.resize(200);
      return fail(ErrorCode::invalid_format,
                  fmt::format("its columns ({}) hold no {}", found, time_ ? "power" : "time"),
                  kRemedy);
    }
    return {};
  }

  void row(std::size_t line, const std::vector<std::string>& cells) {
    if (cells.size() != n_columns_) {
      return bad_.add(line, fmt::format("{} cells, the header has {}", cells.size(), n_columns_));
    }
    const auto t_ns = time_of(cells[*time_]);
    if (!t_ns) return bad_.add(line, "its time cannot be read");
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      Column& column = columns_[i];
      const std::string& cell = cells[column.index];
      const auto number = parse_number_with_unit(cell);
      const bool unit_known = number && (number->unit.empty() || number->unit == "W" ||
                                         number->unit == "mW" || number->unit == "Watt");
      if (!unit_known) {
        log_.power[i].readings.push_back(failed_reading(
            *t_ns, cell.empty() ? "no value" : "reads '" + cell.substr(0, 40) + "'"));
        continue;
      }
      const double unit = number->unit == "mW" ? 1e-3 : !number->unit.empty() ? 1.0 : column.unit;
      column.decimals = std::max(column.decimals, decimals(cell));
      log_.power[i].readings.push_back(good_reading(*t_ns, number->value * unit));
    }
  }

  SensorLog finish(bool cut_off) {
    log_.cut_off = cut_off;
    log_.clock = relative_ ? LogClock::none : any_zone_ ? LogClock::utc : LogClock::unstated;
    bad_.note_in(log_);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      log_.power[i].info.resolution_w =
          columns_[i].unit * std::pow(10.0, -std::min(columns_[i].decimals, 9));
    }
    choose_total();
    return std::move(log_);
  }

 private:
  struct Column {
    std::size_t index;
    double unit;
    int decimals;
  };

  std::optional<std::int64_t> time_of(const std::string& cell) {
    if (!relative_) {
      if (const auto time = parse_timestamp(cell)) {
        any_zone_ = any_zone_ || time->has_zone;
        absolute_ = true;
        return time->ns;
      }
    }
    const auto seconds = parse_number(cell);
    if (!seconds || absolute_ || std::abs(*seconds) > 1e8) return std::nullopt;
    relative_ = true;
    return static_cast<std::int64_t>(*seconds * 1e9);
  }

  void choose_total() {
    if (log_.power.size() == 1) {
      log_.total = {0};
      return;
    }
    for (std::size_t i = 0; i < log_.power.size(); ++i) {
      if (log_.power[i].info.rail == Rail::system) log_.total.push_back(i);
    }
    if (log_.total.size() == 1) return;
    log_.total.clear();
    log_.total_note =
        "several columns of power, and which of them contain others is not known: choose with "
        "--sensor";
  }

  SensorLog log_;
  std::size_t n_columns_ = 0;
  std::optional<std::size_t> time_;
  std::vector<Column> columns_;
  bool relative_ = false;
  bool absolute_ = false;
  bool any_zone_ = false;
  BadLines bad_;
};

}  // namespace

Result<SensorLog> parse_power_csv(std::string_view text) {
  CsvRows rows(text);
  Parser parser;
  std::vector<std::string> cells;
  bool more = true;
  bool cut_off = false;
  const auto next = [&]() -> Status {
    while (rows.rest().starts_with('#')) (void)rows.take_line();
    WATTLE_TRY(more, rows.next(cells));
    return {};
  };
  do {
    WATTLE_CHECK(next());
  } while (more && cells.size() == 1 && cells[0].empty());
  WATTLE_CHECK(parser.header(cells));
  while (true) {
    WATTLE_CHECK(next());
    if (!more) break;
    if (cells.size() == 1 && cells[0].empty()) continue;
    cut_off = rows.unfinished();
    if (!cut_off) parser.row(rows.line(), cells);
  }
  return parser.finish(cut_off);
}

}  // namespace wattle::sense
