#pragma once
// Power and energy of hwmon chips: /sys/class/hwmon/hwmonN/{name, power*_input|average (µW),
// energy*_input (µJ), *_label} (Documentation/hwmon/sysfs-interface). The N changes from boot to
// boot, so chips and channels are told apart by name and label, never by N.

#include <string_view>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "sense/discover.hpp"

namespace wattle::sense {

// Which rail a channel measures. Only what is known for certain counts as system or package; the
// rest is `other`: listed, and in no total.
struct RailOfChannel {
  Rail rail = Rail::other;
  int socket = -1;
};
[[nodiscard]] RailOfChannel classify_hwmon(std::string_view chip, std::string_view label);

void discover_hwmon(const FsRoot& root, const Clock& clock, Inventory& inventory);

}  // namespace wattle::sense
