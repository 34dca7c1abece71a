#pragma once
// What the machine takes when nothing runs: mean power and its standard error.

#include "base/clock.hpp"
#include "base/result.hpp"
#include "sense/energy_monitor.hpp"

namespace wattle::sense {

struct IdlePower {
  double power_w = 0.0;
  double standard_error_w = 0.0;  // scatter of the parts, and the boundaries of the whole
  double seconds = 0.0;
  int n_parts = 0;
};

// Waits for `seconds` on the clock and measures that time in equal parts. Their scatter over √n is
// the standard error; slow drifts make the true one larger. Fails if a sensor fails, and with
// `cancelled` on Ctrl-C.
[[nodiscard]] Result<IdlePower> measure_idle_power(EnergyMonitor& monitor, Clock& clock,
                                                   double seconds);

}  // namespace wattle::sense
