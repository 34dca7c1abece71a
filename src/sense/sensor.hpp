#pragma once
// What a power or energy sensor is. Absent is not zero: a sensor that cannot be read gives an Error
// with a remedy, never 0.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace wattle::sense {

enum class Kind {
  counter,  // hardware integrates energy
  sampled,  // instantaneous or averaged power, integrated here
  model,    // computed from something else; never in a measured column
};
[[nodiscard]] const char* kind_name(Kind kind);  // "counter", "sampled", "model"

// Which rails a sensor covers; decides what may be added to what (total.hpp).
enum class Rail {
  system,   // the whole board or machine: its input
  psys,     // RAPL's platform domain
  package,  // a processor package
  core,     // inside a package
  uncore,   // inside a package
  dram,
  cpu,  // a board's rail of the processor cores, also where it feeds more (the scope says so)
  gpu,  // likewise
  soc,  // likewise
  io,   // carrier board, 5 V side, accelerators
  battery,
  other,  // unknown
  modelled,
};
[[nodiscard]] const char* rail_name(Rail rail);

struct SensorInfo {
  std::string id;      // "rapl:package-0", stable over boots
  std::string source;  // "/sys/class/powercap/intel-rapl:0/energy_uj", below the root
  std::string scope;   // for people: "package-0", "dram of package-0"
  Kind kind = Kind::counter;
  Rail rail = Rail::other;
  int socket = -1;  // package number, where it has one
  // Sensors of one group ("rapl", "ina3221") measure different lines; those of different groups may
  // measure the same joules.
  std::string group;
  std::vector<std::string> inside;  // ids of the sensors whose figure contains this one's
  bool board_total = false;         // one of those that together are the whole board (Jetsons)
  double update_period_s = 0.0;     // how often the sensor itself changes
  double default_rate_hz = 0.0;     // how often it is sampled; never faster than it changes
  bool starts_program = false;      // for each reading; its processor time counts as ours
  double resolution_j = 0.0;        // smallest step of energy (counter, model); 0 for sampled
  double resolution_w = 0.0;        // smallest step of power (sampled); 0 otherwise
};

struct Reading {
  std::int64_t t_ns = 0;            // monotonic, the middle of the read
  std::optional<double> energy_j;   // cumulative since this sensor's first reading, wraps undone
  std::optional<double> power_w;    // sampled only
  std::optional<std::string> lost;  // the energy since the last reading is unknown, and why
                                    // ("counter was reset"); energy_j continues without it
};

// Not thread safe: one caller at a time (EnergyMonitor sees to it).
class PowerSensor {
 public:
  virtual ~PowerSensor() = default;
  [[nodiscard]] virtual const SensorInfo& info() const = 0;
  virtual Result<Reading> read() = 0;
};

// A source that exists, or ought to, but cannot be read: why, and what to do about it.
struct Unavailable {
  std::string id;      // "rapl:package-0", or the whole source: "rapl"
  std::string source;  // path
  std::string reason;
  std::string remedy;        // may be empty
  bool board_total = false;  // would be one of those that together are the whole board
};

}  // namespace wattle::sense
