// Logs of all formats, detected and forced, and lists of runs: never a crash; what comes out is in
// the order of time, and its energy, where known, is finite and never negative.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sense/clock_offset.hpp"
#include "sense/log.hpp"
#include "sense/replay.hpp"
#include "sense/run_windows.hpp"

namespace {

using namespace wattle::sense;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const SensorLog& log) {
  std::size_t n_readings = 0;
  for (const LogPower& sensor : log.power) {
    n_readings += sensor.readings.size();
    for (std::size_t i = 1; i < sensor.readings.size(); ++i) {
      require(sensor.readings[i].t_ns >= sensor.readings[i - 1].t_ns);
    }
    for (const LogReading& reading : sensor.readings) {
      require(!reading.value || std::isfinite(*reading.value));
      require(reading.value || !reading.reason.empty());
    }
  }
  for (const std::size_t i : log.total) require(i < log.power.size());
  constexpr std::size_t kManyReadings = 2000;  // the rest is for the parsers
  if (log.total.empty() || n_readings > kManyReadings) return;
  const LogReplay replay(log, log.total);
  if (!replay.first_ns()) return;
  const auto window = replay.between(*replay.first_ns(), *replay.last_ns());
  require(!window.energy_j || (std::isfinite(*window.energy_j) && *window.energy_j >= -1e-6));
  const auto known = replay.known_between(*replay.first_ns(), *replay.last_ns());
  require(std::isfinite(known.energy_j));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const LogFormat format :
       {LogFormat::detect, LogFormat::wattle_csv, LogFormat::wattle_jsonl, LogFormat::power_gadget,
        LogFormat::nvidia_smi, LogFormat::tegrastats, LogFormat::power_csv}) {
    ReadLogOptions options;
    options.format = format;
    if (const auto log = parse_log(text, "fuzz", options)) check(*log);
  }
  const auto runs = parse_runs(text, "fuzz");
  if (runs) {
    for (const RunWindow& run : runs->runs) require(run.end_ns > run.begin_ns);
  }
  return 0;
}
