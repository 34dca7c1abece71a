#include "sense/gauge_source.hpp"

namespace wattle::sense {

GaugeInventory discover_gauges(const FsRoot& root, const Clock& clock,
                               const GaugeOptions& options) {
  GaugeCollector out(root, clock);
  discover_temperatures(out);
  discover_throttling(out);
  discover_frequencies(out);
  discover_utilisation(out, options);
  discover_memory(out, options);
  discover_fans(out);
  discover_charge(out);
  discover_nvml_gauges(out, options);
  return out.take();
}

}  // namespace wattle::sense
