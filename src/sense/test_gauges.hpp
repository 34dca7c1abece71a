#pragma once
// For tests: gauges by their ids.

#include <gtest/gtest.h>

#include <string>

#include "sense/gauge.hpp"
#include "sense/gauge_source.hpp"
#include "sense/test_board.hpp"

namespace wattle::sense {

// The gauges of one source, with the root they need kept alive.
template <class Discover>
GaugeInventory gauges_of(const TestBoard& board, const Clock& clock, const Discover& discover) {
  const FsRoot root = board.root();
  GaugeCollector out(root, clock);
  discover(out);
  return out.take();
}

inline Gauge* find(const GaugeInventory& inventory, const std::string& id) {
  for (const auto& gauge : inventory.gauges) {
    if (gauge->info().id == id) return gauge.get();
  }
  return nullptr;
}

inline const Unavailable* find_unavailable(const GaugeInventory& inventory, const std::string& id) {
  for (const Unavailable& u : inventory.unavailable) {
    if (u.id == id) return &u;
  }
  return nullptr;
}

inline Result<double> value_of(const GaugeInventory& inventory, const std::string& id) {
  Gauge* const gauge = find(inventory, id);
  if (gauge == nullptr) return fail(ErrorCode::not_found, "no gauge " + id);
  WATTLE_TRY(const GaugeReading reading, gauge->read());
  return reading.value;
}

}  // namespace wattle::sense
