#pragma once
// From windows of sensor energy to the Energy of records and blocks.

#include <optional>
#include <string>
#include <vector>

#include "meter/measure.hpp"
#include "sense/energy_window.hpp"

namespace wattle::meter {

// Empty where the window's energy is unknown.
[[nodiscard]] std::optional<Energy> energy_of(const sense::WindowEnergy& window,
                                              const std::optional<IdleBaseline>& idle);

// Several windows as one: energies and times add, their errors are independent.
class EnergySum {
 public:
  void add(const sense::WindowEnergy& window);
  [[nodiscard]] double seconds() const { return seconds_; }
  [[nodiscard]] std::optional<Energy> energy(const std::optional<IdleBaseline>& idle) const;

 private:
  bool known_ = true;
  double seconds_ = 0.0;
  double gross_j_ = 0.0;
  double boundary_j2_ = 0.0;
  double sensor_j2_ = 0.0;
};

// a − b, and a scaled by a share: gross and net exactly, errors at their largest.
[[nodiscard]] std::optional<Energy> minus(const std::optional<Energy>& a,
                                          const std::optional<Energy>& b);
[[nodiscard]] std::optional<Energy> plus(const std::optional<Energy>& a,
                                         const std::optional<Energy>& b);
[[nodiscard]] Energy share_of(const Energy& whole, double share);

// Flags about energy begin with "energy: ", so that attribute() can replace those of the answer's
// own window by those of the block.
[[nodiscard]] std::string energy_flag(const std::string& text);
[[nodiscard]] bool is_energy_flag(const std::string& flag);

// What is to be said of a window (docs/measurement.md): too short, too few updates, net below zero.
void flag_window(const sense::WindowEnergy& window, const std::optional<Energy>& energy,
                 std::vector<std::string>& flags);

}  // namespace wattle::meter
