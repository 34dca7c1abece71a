#pragma once
// Batteries: /sys/class/power_supply/*/{type,status,power_now µW, voltage_now µV, current_now µA}
// (Documentation/ABI/testing/sysfs-class-power).

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "sense/discover.hpp"

namespace wattle::sense {

// One sensor a battery of the machine ("battery:BAT0"), not those of mice and phones (scope
// Device). Its power is the machine's only while it discharges: otherwise the charger feeds the
// machine, and every reading is an error that says so. Drivers differ in the sign, so the status
// decides the direction and the absolute value is taken.
void discover_batteries(const FsRoot& root, const Clock& clock, Inventory& inventory);

}  // namespace wattle::sense
