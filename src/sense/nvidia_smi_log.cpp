// nvidia-smi --query-gpu=timestamp,power.draw,... --format=csv[,nounits]: the header names columns
// and units, each line is one GPU at a local time.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "sense/log_build.hpp"
#include "sense/log_table.hpp"
#include "sense/log_time.hpp"

namespace wattle::sense {
namespace {

constexpr double kPrintedW = 0.01;
constexpr double kNvmlPeriodS = 0.1;

struct GaugeColumn {
  const char* name;
  const char* id;
  Quantity quantity;
  double unit;
};
constexpr GaugeColumn kGauges[] = {{"temperature.gpu", "temperature", Quantity::temperature_c, 1.0},
                                   {"utilization.gpu", "utilisation", Quantity::utilisation, 0.01},
                                   {"clocks.sm", "clock", Quantity::frequency_hz, 1e6},
                                   {"clocks.current.sm", "clock", Quantity::frequency_hz, 1e6},
                                   {"clocks.mem", "memory-clock", Quantity::frequency_hz, 1e6},
                                   {"memory.used", "memory", Quantity::memory_bytes, 1048576.0},
                                   {"fan.speed", "fan", Quantity::fan_duty, 0.01}};

// "power.draw [W]" → "power.draw"
std::string without_unit(std::string_view name) {
  const auto bracket = name.find(" [");
  return lower_case(name.substr(0, bracket));
}

class Parser {
 public:
  Status header(const std::vector<std::string>& cells) {
    std::vector<std::string> names;
    for (const std::string& cell : cells) names.push_back(without_unit(cell));
    const Header header(names);
    n_columns_ = header.size();
    const auto time = header.find("timestamp");
    const auto power = header.first_of({"power.draw.instant", "power.draw", "power.draw.average"});
    if (!time || !power) {
      return fail(ErrorCode::invalid_format, "its header has no timestamp or no power.draw",
                  "Record with nvidia-smi --query-gpu=timestamp,index,power.draw --format=csv -lms "
                  "100 (not noheader).");
    }
    time_ = *time;
    power_ = *power;
    power_name_ = names[power_];
    gpu_ = header.first_of({"index", "uuid", "gpu_uuid", "pci.bus_id", "gpu_bus_id"});
    for (const GaugeColumn& gauge : kGauges) {
      if (const auto column = header.find(gauge.name)) gauges_.emplace_back(*column, &gauge);
    }
    return {};
  }

  void row(std::size_t line, const std::vector<std::string>& cells) {
    if (cells.size() != n_columns_) {
      return bad_.add(line, fmt::format("{} cells, the header has {}", cells.size(), n_columns_));
    }
    const auto time = parse_timestamp(cells[time_]);
    if (!time) return bad_.add(line, "its timestamp cannot be read");
    const std::string gpu = "gpu" + (gpu_ ? cells[*gpu_] : std::string("0"));
    const std::size_t sensor = sensor_of(gpu);
    log_.power[sensor].readings.push_back(power_reading(time->ns, cells[power_]));
    for (const auto& [column, gauge] : gauges_) {
      log_.gauges[gauge_of(gpu, *gauge)].readings.push_back(
          gauge_reading(time->ns, cells[column], *gauge));
    }
  }

  SensorLog finish(bool cut_off) {
    log_.cut_off = cut_off;
    log_.clock = LogClock::unstated;
    bad_.note_in(log_);
    for (std::size_t i = 0; i < log_.power.size(); ++i) {
      log_.total.push_back(i);
      LogPower& sensor = log_.power[i];
      sensor.info.update_period_s = std::max(kNvmlPeriodS, median_interval_s(sensor.readings));
    }
    if (power_name_ == "power.draw") {
      log_.notes.emplace_back(
          "power.draw is the mean of a second on Ampere and later GPUs (but GA100): what is "
          "shorter "
          "is smeared; power.draw.instant is not");
    }
    return std::move(log_);
  }

 private:
  static LogReading power_reading(std::int64_t t_ns, const std::string& cell) {
    const auto number = parse_number_with_unit(cell);
    if (!number || (!number->unit.empty() && number->unit != "W" && number->unit != "mW")) {
      return failed_reading(t_ns, "power reads '" + cell.substr(0, 40) + "'");
    }
    return good_reading(t_ns, number->unit == "mW" ? number->value * 1e-3 : number->value);
  }

  static LogReading gauge_reading(std::int64_t t_ns, const std::string& cell,
                                  const GaugeColumn& gauge) {
    const auto number = parse_number_with_unit(cell);
    if (!number) return failed_reading(t_ns, "reads '" + cell.substr(0, 40) + "'");
    const double value = number->value * gauge.unit;
    const bool share =
        gauge.quantity == Quantity::utilisation || gauge.quantity == Quantity::fan_duty;
    return share ? share_reading(t_ns, value, cell) : good_reading(t_ns, value);
  }

  std::size_t sensor_of(const std::string& gpu) {
    const auto [it, is_new] = sensors_.emplace(gpu, log_.power.size());
    if (is_new) {
      log_.power.push_back(foreign_sensor("nvidia-smi:" + gpu, power_name_, gpu + " board",
                                          Rail::gpu, "nvidia-smi"));
      log_.power.back().info.resolution_w = kPrintedW;
    }
    return it->second;
  }

  std::size_t gauge_of(const std::string& gpu, const GaugeColumn& gauge) {
    const std::string id = fmt::format("nvidia-smi:{}-{}", gpu, gauge.id);
    const auto [it, is_new] = gauge_index_.emplace(id, log_.gauges.size());
    if (is_new) log_.gauges.push_back(foreign_gauge(id, gauge.name, gpu, gauge.quantity));
    return it->second;
  }

  SensorLog log_;
  std::size_t n_columns_ = 0;
  std::size_t time_ = 0;
  std::size_t power_ = 0;
  std::string power_name_;
  std::optional<std::size_t> gpu_;
  std::vector<std::pair<std::size_t, const GaugeColumn*>> gauges_;
  std::map<std::string, std::size_t> sensors_;
  std::map<std::string, std::size_t> gauge_index_;
  BadLines bad_;
};

}  // namespace

Result<SensorLog> parse_nvidia_smi(std::string_view text) {
  CsvRows rows(text);
  Parser parser;
  std::vector<std::string> cells;
  WATTLE_TRY(bool more, rows.next(cells));
  while (more && cells.size() == 1 && cells[0].empty()) {
    WATTLE_TRY(more, rows.next(cells));
  }
  WATTLE_CHECK(parser.header(cells));
  bool cut_off = false;
  while (true) {
    WATTLE_TRY(more, rows.next(cells));
    if (!more) break;
    if (cells.size() == 1 && cells[0].empty()) continue;
    cut_off = rows.unfinished();
    if (!cut_off) parser.row(rows.line(), cells);
  }
  return parser.finish(cut_off);
}

}  // namespace wattle::sense
