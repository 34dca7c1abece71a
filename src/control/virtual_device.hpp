#pragma once
// Front header: a Jetson AGX Orin without the hardware. A folder with the paths of JetPack 6, whose
// power, temperatures, clocks and counters are moved by the formulas of orin_model.hpp, and whose
// knobs (clock limits, governors, fan, cores) are read from the files other processes write. Other
// commands use it with --root. Nothing in it is measured (docs/virtual-device.md).

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "control/orin_model.hpp"
#include "control/virtual_board.hpp"
#include "control/virtual_knob.hpp"
#include "control/virtual_load.hpp"
#include "control/virtual_tree.hpp"

namespace wattle::control {

struct VirtualDeviceOptions {
  OrinParameters model;
  Load load;
  double fan_duty = 1.0;                // [0, 1], at the start
  std::optional<double> temperature_c;  // at the start; else ambient
  double speed = 1.0;                   // simulated seconds of heat in a second
  FsRoot host{"/"};                     // whose processors Load::Kind::host follows
};

struct VirtualState {
  double seconds = 0.0;          // simulated, as far as the clock says
  double power_w = 0.0;          // of the board: its three rails
  double counted_power_w = 0.0;  // as the fitted data count it, one rail twice
  double energy_j = 0.0;         // of the board: ∫ power_w dt
  double temperature_c = 0.0;
  double gpu_hz = 0.0;
  double gpu_busy = 0.0;
  std::optional<double> step_s;  // a decode step or a prefill, where the load is made of them
  double memory_hz = 0.0;
  double fan_duty = 0.0;
  int throttled_bins = 0;
};

// Not thread safe. Processes that read and write the tree need not know of it.
class VirtualDevice {
 public:
  // Claims `folder` (VirtualTree::claim) and writes the tree. `clock` must outlive the device.
  [[nodiscard]] static Result<std::unique_ptr<VirtualDevice>> create(
      const std::filesystem::path& folder, const VirtualDeviceOptions& options, const Clock& clock);

  // Reads the knobs, moves everything to the clock's present time and writes what changed. After
  // an interval of more than a second (stopped, suspended) it goes on as if one second had passed:
  // a device that was off took no energy. On an error each file is the old or the new one, and
  // calling again is fine.
  [[nodiscard]] Status step();

  [[nodiscard]] const VirtualState& state() const { return state_; }
  [[nodiscard]] const FsRoot& root() const { return tree_.root(); }
  // Takes the tree away.
  [[nodiscard]] Status remove() { return tree_.remove(); }

 private:
  struct Policy {
    LimitKnobs limits;
    Knob governor;
    double khz = 0.0;
  };
  struct Core {
    double busy_ticks = 0.0;
    double idle_ticks = 0.0;
    bool online = true;
  };

  VirtualDevice(VirtualTree tree, const VirtualDeviceOptions& options, const Clock& clock);
  [[nodiscard]] Status create_files();
  [[nodiscard]] Status poll_knobs();
  void operate();                // clocks, busy share and power under the present conditions
  void advance(double seconds);  // energy and heat; throttles
  void count_ticks(double seconds);
  [[nodiscard]] double governed_gpu_hz() const;
  [[nodiscard]] double governed_cpu_khz(const Policy& policy, int first_core) const;
  [[nodiscard]] Status write_files();
  [[nodiscard]] Status write_rails();
  [[nodiscard]] Status write_heat();
  [[nodiscard]] Status write_clocks();
  [[nodiscard]] Status write_processors();

  VirtualTree tree_;
  VirtualDeviceOptions options_;
  const Clock& clock_;
  HostShare host_share_;
  LimitKnobs gpu_limits_;
  Knob gpu_governor_;
  Knob memory_limit_;
  Knob fan_;
  Knob fan_enable_;
  std::vector<Policy> policies_;
  std::vector<Knob> online_;  // of cores 1 and up
  std::array<Core, board::kCores> cores_;
  Throttle throttle_;
  GpuWork work_;
  VirtualState state_;
  std::optional<std::int64_t> last_ns_;
};

}  // namespace wattle::control
