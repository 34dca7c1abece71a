#pragma once
// The Raspberry Pi 5's power chip: `vcgencmd pmic_read_adc` prints a voltage and a current for each
// of its rails ("VDD_CORE_A current(7)=6.22421000A", "VDD_CORE_V volt(15)=0.86173300V"). The
// numbers in brackets differ between the two, so they are paired by name. EXT5V and BATT have no
// current.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "base/result.hpp"
#include "sense/discover.hpp"

namespace wattle::sense {

struct PmicRail {
  std::string name;  // "VDD_CORE"
  double volt = 0.0;
  double ampere = 0.0;
  bool operator==(const PmicRail&) const = default;
};

// The rails that have both. invalid_format where there is none, or a number is none, is negative or
// beyond what a Raspberry Pi can take.
[[nodiscard]] Result<std::vector<PmicRail>> parse_pmic(std::string_view text);
[[nodiscard]] double pmic_sum_w(const std::vector<PmicRail>& rails);  // ΣV·I

// Power at the plug by a published linear fit to a wall meter, 1.1451·ΣVI + 0.5879 W: a model,
// since it was fitted to another board, its supply and what was plugged in.
[[nodiscard]] double pmic_wall_w(double sum_w);

// "pmic:sum" (sampled) and "pmic:wall" (model), at most 10 times a second: each sample starts the
// program. Looked for on a Raspberry Pi 5 only.
void discover_pmic(const FsRoot& root, const Clock& clock, Inventory& inventory);

}  // namespace wattle::sense
