#include "sense/gauge.hpp"

namespace wattle::sense {

const char* quantity_name(Quantity quantity) {
  switch (quantity) {
    case Quantity::temperature_c:
      return "temperature_c";
    case Quantity::frequency_hz:
      return "frequency_hz";
    case Quantity::utilisation:
      return "utilisation";
    case Quantity::memory_bytes:
      return "memory_bytes";
    case Quantity::page_faults:
      return "page_faults";
    case Quantity::fan_rpm:
      return "fan_rpm";
    case Quantity::fan_duty:
      return "fan_duty";
    case Quantity::throttled:
      return "throttled";
    case Quantity::throttle_count:
      return "throttle_count";
    case Quantity::was_throttled:
      return "was_throttled";
    case Quantity::charge:
      return "charge";
  }
  return "unknown";
}

const char* quantity_unit(Quantity quantity) {
  switch (quantity) {
    case Quantity::temperature_c:
      return "°C";
    case Quantity::frequency_hz:
      return "Hz";
    case Quantity::memory_bytes:
      return "bytes";
    case Quantity::fan_rpm:
      return "rpm";
    default:
      return "";
  }
}

}  // namespace wattle::sense
