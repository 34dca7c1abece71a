#pragma once
// NVIDIA's tegrastats: one line a sample (NVIDIA, Jetson Linux Developer Guide, "tegrastats
// Utility"). The form has changed with JetPack; every variant is read:
//   GR3D_FREQ 10%@1300, 12%@[1300,1300], @[…];  cores 23%@2201 or off;  cpu@52.9C, CPU@31C/31C,
//   -256C rails 5139mW/5139mW/5139mW, 5139mW/5139mW, 5139/5139: the first is the instantaneous
//   power

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/fs_root.hpp"
#include "base/result.hpp"
#include "sense/discover.hpp"

namespace wattle::sense {

struct Tegrastats {
  struct Load {
    std::optional<double> utilisation;  // [0, 1]
    std::vector<double> mhz;            // one a unit; empty where not printed
  };
  struct Core {
    bool online = false;
    Load load;
  };
  struct Temperature {
    std::string name;                     // "cpu", as printed
    std::optional<double> temperature_c;  // empty: the zone is off (-256C)
  };
  struct RailPower {
    std::string label;
    double power_w = 0.0;
  };
  std::string timestamp;  // "07-25-2026 09:08:28", or empty
  std::optional<double> ram_used_mb;
  std::optional<double> ram_total_mb;
  std::optional<double> swap_used_mb;
  std::optional<double> swap_total_mb;
  std::vector<Core> cores;
  std::optional<Load> emc;   // memory controller
  std::optional<Load> gr3d;  // GPU
  std::vector<Temperature> temperatures;
  std::vector<RailPower> rails;  // without those labelled NC
};

// invalid_format if it is no line of tegrastats. A part that cannot be understood is left out.
[[nodiscard]] Result<Tegrastats> parse_tegrastats(std::string_view line);

// Power of the rails ("tegrastats:VDD_IN"), all from one stream of lines: the log file of
// `options.tegrastats_log`, or a tegrastats that is started. That is done only where the INA rails
// (ina.hpp, before this in `inventory`) are not all readable: they would be measured twice.
void discover_tegrastats(const FsRoot& root, const Clock& clock, const DiscoverOptions& options,
                         Inventory& inventory);

}  // namespace wattle::sense
