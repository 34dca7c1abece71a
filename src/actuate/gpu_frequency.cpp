// GPU clock limits by devfreq: min_freq and max_freq, in Hz, of available_frequencies
// (Documentation/ABI/testing/sysfs-class-devfreq).
#include <memory>

#include "actuate/clock_limits.hpp"
#include "actuate/knobs.hpp"
#include "base/gpu_devfreq.hpp"

namespace wattle::actuate {
namespace {

Result<std::unique_ptr<Actuator>> make(const FsRoot& root, const std::string& folder) {
  KnobInfo info;
  info.id = "gpu.freq";
  info.scope = folder.substr(folder.rfind('/') + 1);
  info.source = folder;
  info.unit = Unit::hz;
  info.order = kOrderClock;
  const std::string table = folder + "/available_frequencies";
  WATTLE_TRY(const std::string text, root.read_text(table));
  WATTLE_TRY(info.table, parse_table(text, root.resolve(table).string()));
  auto actuator = std::make_unique<ClockLimits>(
      root, std::move(info),
      ClockFiles{folder + "/min_freq", folder + "/max_freq", folder + "/cur_freq"}, 0);
  WATTLE_CHECK(actuator->read());
  return actuator;
}

}  // namespace

void add_gpu_frequency(const FsRoot& root, Inventory& inventory) {
  const auto folder = find_gpu_devfreq(root);
  if (!folder) {
    inventory.unavailable.push_back(
        {"gpu.freq", "/sys/class/devfreq", {folder.error().what, folder.error().remedy}});
    return;
  }
  if (auto actuator = make(root, *folder)) {
    inventory.actuators.push_back(*std::move(actuator));
  } else {
    inventory.unavailable.push_back(
        {"gpu.freq", *folder, {actuator.error().what, actuator.error().remedy}});
  }
}

}  // namespace wattle::actuate
