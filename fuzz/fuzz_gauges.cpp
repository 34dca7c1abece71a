// What the gauges parse: /proc/PID/stat, smaps_rollup and meminfo, /proc/stat by core, the
// Raspberry Pi's get_throttled, perf's cpumask and events: never a crash, utilisation in [0, 1].
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sense/perf_energy.hpp"
#include "sense/process_stat.hpp"
#include "sense/throttle.hpp"
#include "sense/utilisation.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void require_part(const wattle::Result<std::optional<double>>& value) {
  require(!value || !*value || (**value >= 0.0 && **value <= 1.0));
}

// Both halves as two readings, one second apart.
void fuzz_utilisation(std::string_view text) {
  const auto middle = text.size() / 2;
  wattle::sense::CoreUtilisation core;
  wattle::sense::ProcessUtilisation process;
  std::int64_t t_ns = 0;
  for (const std::string_view part : {text.substr(0, middle), text.substr(middle), text}) {
    if (const auto cores = wattle::sense::parse_core_times(part, "fuzz")) {
      for (const auto& [number, times] : *cores) require_part(core.add(times));
    }
    if (const auto stat = wattle::sense::parse_process_stat(part, "fuzz")) {
      require_part(process.add(stat->cpu_ticks, t_ns, 2));
    }
    t_ns += 1'000'000'000;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz_utilisation(text);
  (void)wattle::sense::parse_kib_line(text, "Pss", "fuzz");
  (void)wattle::sense::parse_kib_line(text, "MemAvailable", "fuzz");
  (void)wattle::sense::parse_throttled(text);
  (void)wattle::sense::parse_perf_event(text);
  if (const auto cpus = wattle::sense::parse_cpu_list(text)) require(!cpus->empty());
  return 0;
}
