// Intel Power Gadget's PowerLog: a CSV with "System Time" (a local time of day without a date),
// "Elapsed Time (sec)", watts and cumulative joules of each domain and package, and a summary after
// a blank line. Header-driven: versions differ in their columns.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "sense/log_build.hpp"
#include "sense/log_table.hpp"
#include "sense/log_time.hpp"

namespace wattle::sense {
namespace {

constexpr double kJPerMwh = 3.6;
constexpr double kPrinted = 1e-3;      // three decimals
constexpr double kRaplPeriodS = 1e-3;  // what the tool reads changes every millisecond
constexpr std::int64_t kNsPerDay = 86'400'000'000'000;

struct Domain {
  const char* name;  // as in the header, lower case
  const char* id;
  Rail rail;
  bool in_total;
};
constexpr std::array<Domain, 6> kDomains{{{"processor", "package", Rail::package, true},
                                          {"package", "package", Rail::package, true},
                                          {"ia", "ia", Rail::core, false},
                                          {"gt", "gt", Rail::uncore, false},
                                          {"dram", "dram", Rail::dram, true},
                                          {"platform", "platform", Rail::psys, false}}};

struct Channel {
  std::size_t column;
  std::size_t sensor;  // index into the log
  double unit;         // of the column in W or J
};

struct Columns {
  std::optional<std::size_t> time_of_day;
  std::optional<std::size_t> elapsed;
  std::vector<Channel> power;
  struct GaugeChannel {
    std::size_t column;
    std::size_t gauge;
    double unit;
  };
  std::vector<GaugeChannel> gauges;
};

// "Cumulative Processor Energy_0 (Joules)" → "cumulative processor energy_0(joules)"
std::string without_space_before_unit(std::string name) {
  const auto bracket = name.find(" (");
  if (bracket != std::string::npos) name.erase(bracket, 1);
  return name;
}

class Parser {
 public:
  explicit Parser(const ReadLogOptions& options) : options_(options) {}

  Status header(const std::vector<std::string>& cells) {
    std::vector<std::string> names;
    for (const std::string& cell : cells) {
      names.push_back(without_space_before_unit(lower_case(cell)));
    }
    const Header header(names);
    n_columns_ = header.size();
    columns_.time_of_day = header.find("system time");
    columns_.elapsed = header.find("elapsed time(sec)");
    for (int socket = 0; socket < 64; ++socket) {
      for (const Domain& domain : kDomains) add_domain(header, domain, socket);
      add_gauge(header, fmt::format("cpu frequency_{}(mhz)", socket),
                fmt::format("power-gadget:frequency-{}", socket), Quantity::frequency_hz, 1e6);
      add_gauge(header, fmt::format("package temperature_{}(c)", socket),
                fmt::format("power-gadget:temperature-{}", socket), Quantity::temperature_c, 1.0);
    }
    add_gauge(header, "cpu utilization(%)", "power-gadget:utilisation", Quantity::utilisation,
              0.01);
    if ((!columns_.time_of_day && !columns_.elapsed) || columns_.power.empty()) {
      return fail(ErrorCode::invalid_format,
                  "its header names no time or no power of a Power Gadget log",
                  "Columns wanted: \"System Time\" or \"Elapsed Time (sec)\", and \"Processor "
                  "Power_0(Watt)\" or \"Cumulative Processor Energy_0(Joules)\".");
    }
    return {};
  }

  void row(std::size_t line, const std::vector<std::string>& cells) {
    if (cells.size() != n_columns_) {
      return bad_.add(line, fmt::format("{} cells, the header has {}", cells.size(), n_columns_));
    }
    const auto t_ns = time_of(cells);
    if (!t_ns) return bad_.add(line, "its time cannot be read");
    for (const Channel& channel : columns_.power) {
      const auto value = parse_number(cells[channel.column]);
      log_.power[channel.sensor].readings.push_back(
          value ? good_reading(*t_ns, *value * channel.unit)
                : failed_reading(*t_ns, fmt::format("'{}' is no number",
                                                    cells[channel.column].substr(0, 40))));
    }
    for (const auto& channel : columns_.gauges) {
      const std::string& cell = cells[channel.column];
      const auto value = parse_number(cell);
      LogGauge& gauge = log_.gauges[channel.gauge];
      if (!value) {
        gauge.readings.push_back(failed_reading(*t_ns, "no number"));
      } else if (gauge.info.quantity == Quantity::utilisation) {
        gauge.readings.push_back(share_reading(*t_ns, *value * channel.unit, cell + " %"));
      } else {
        gauge.readings.push_back(good_reading(*t_ns, *value * channel.unit));
      }
    }
  }

  SensorLog finish(bool cut_off) {
    log_.cut_off = cut_off;
    log_.clock = columns_.time_of_day ? LogClock::unstated : LogClock::none;
    log_.date_known = columns_.time_of_day && options_.date_ns.has_value();
    bad_.note_in(log_);
    leave_out_what_stands_at_zero();
    for (std::size_t i = 0; i < log_.power.size(); ++i) {
      if (in_total(log_.power[i].info.rail)) log_.total.push_back(i);
    }
    return std::move(log_);
  }

 private:
  static bool in_total(Rail rail) { return rail == Rail::package || rail == Rail::dram; }

  void add_domain(const Header& header, const Domain& domain, int socket) {
    const std::string id = fmt::format("power-gadget:{}-{}", domain.id, socket);
    for (const LogPower& known : log_.power) {
      if (known.info.id == id) return;
    }
    const auto joules =
        header.find(fmt::format("cumulative {} energy_{}(joules)", domain.name, socket));
    const auto mwh = header.find(fmt::format("cumulative {} energy_{}(mwh)", domain.name, socket));
    const auto watts = header.find(fmt::format("{} power_{}(watt)", domain.name, socket));
    const auto column = joules ? joules : mwh ? mwh : watts;
    if (!column) return;
    LogPower sensor =
        foreign_sensor(id, header.names()[*column], fmt::format("{} {}", domain.id, socket),
                       domain.rail, "power-gadget");
    sensor.info.socket = socket;
    sensor.is_energy = joules || mwh;
    const double unit = !joules && mwh ? kJPerMwh : 1.0;
    if (sensor.is_energy) {
      sensor.info.kind = Kind::counter;
      sensor.info.update_period_s = kRaplPeriodS;
      sensor.info.resolution_j = kPrinted * unit;
    } else {
      sensor.info.resolution_w = kPrinted;
    }
    if (domain.rail == Rail::core || domain.rail == Rail::uncore) {
      sensor.info.inside = {fmt::format("power-gadget:package-{}", socket)};
    }
    columns_.power.push_back({*column, log_.power.size(), unit});
    log_.power.push_back(std::move(sensor));
  }

  void add_gauge(const Header& header, const std::string& name, const std::string& id,
                 Quantity quantity, double unit) {
    const auto column = header.find(name);
    if (!column) return;
    columns_.gauges.push_back({*column, log_.gauges.size(), unit});
    log_.gauges.push_back(foreign_gauge(id, name, "package", quantity));
  }

  // Steps by the elapsed time, which no one sets; the time of day only says where it began.
  std::optional<std::int64_t> time_of(const std::vector<std::string>& cells) {
    std::optional<std::int64_t> day_ns;
    if (columns_.time_of_day) {
      day_ns = parse_time_of_day(cells[*columns_.time_of_day]);
      if (!day_ns) return std::nullopt;
    }
    std::optional<std::int64_t> elapsed_ns;
    if (columns_.elapsed) {
      const auto seconds = parse_number(cells[*columns_.elapsed]);
      if (!seconds || *seconds < 0.0 || *seconds > 1e9) return std::nullopt;
      elapsed_ns = static_cast<std::int64_t>(*seconds * 1e9);
    }
    if (!origin_ns_) {
      origin_ns_ = options_.date_ns.value_or(0) + day_ns.value_or(0) - elapsed_ns.value_or(0);
      if (!elapsed_ns) origin_ns_ = options_.date_ns.value_or(0);
    }
    if (elapsed_ns) return *origin_ns_ + *elapsed_ns;
    if (last_day_ns_ && *day_ns + kNsPerDay / 2 < *last_day_ns_) days_ns_ += kNsPerDay;
    last_day_ns_ = day_ns;
    return *origin_ns_ + days_ns_ + *day_ns;
  }

  // Desktop parts have no DRAM counter, and the tool prints zeros for it.
  void leave_out_what_stands_at_zero() {
    std::erase_if(log_.power, [&](const LogPower& sensor) {
      bool any = false;
      for (const LogReading& r : sensor.readings) any = any || (r.value && *r.value != 0.0);
      if (!any) {
        log_.notes.push_back(fmt::format("{} stands at 0 throughout: not measured there, left out",
                                         sensor.info.source));
      }
      return !any;
    });
  }

  ReadLogOptions options_;
  SensorLog log_;
  Columns columns_;
  std::size_t n_columns_ = 0;
  std::optional<std::int64_t> origin_ns_;
  std::optional<std::int64_t> last_day_ns_;
  std::int64_t days_ns_ = 0;
  BadLines bad_;
};

}  // namespace

Result<SensorLog> parse_power_gadget(std::string_view text, const ReadLogOptions& options) {
  CsvRows rows(text);
  Parser parser(options);
  std::vector<std::string> cells;
  WATTLE_TRY(bool more, rows.next(cells));
  while (more && cells.size() == 1) {
    WATTLE_TRY(more, rows.next(cells));
  }
  WATTLE_CHECK(parser.header(cells));
  bool cut_off = false;
  while (true) {
    WATTLE_TRY(more, rows.next(cells));
    if (!more || (cells.size() == 1 && cells[0].empty())) break;  // the summary follows
    cut_off = rows.unfinished();
    if (!cut_off) parser.row(rows.line(), cells);
  }
  return parser.finish(cut_off);
}

}  // namespace wattle::sense
