#pragma once
// The power monitors of the Jetson boards, each rail by its label:
//   INA3221  /sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/{in,curr}{1,2,3}_*   mV, mA (JetPack 5 on;
//            Documentation/hwmon/ina3221); power = V·I, the two read one after the other
//   INA3221  /sys/bus/i2c/drivers/ina3221x/*/iio:device*/{rail_name_,in_power}{0,1,2}*   mW
//   (JetPack 4) INA238   /sys/class/hwmon/hwmon*/ named ina238 and labelled VIN (Thor);
//   power1_input µW, or V·I
// Which rails make up the board: jetson_rails.hpp.

#include <string>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "sense/discover.hpp"

namespace wattle::sense {

// All INA3221 of a board together answer about 77 times a second, so each of n rails is read and
// counted as changing 77/n times.
inline constexpr double kInaReadingsPerSecond = 77.0;

inline constexpr const char* kInaGroup = "ina";  // SensorInfo::group of all of them

// Whether the hwmon folder is one of these chips, which are read here and not as general hwmon.
[[nodiscard]] bool is_board_ina(const FsRoot& root, const std::string& hwmon_folder);

void discover_ina(const FsRoot& root, const Clock& clock, Inventory& inventory);

}  // namespace wattle::sense
