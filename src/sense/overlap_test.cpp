#include "sense/overlap.hpp"

#include <gtest/gtest.h>

namespace wattle::sense {
namespace {

SensorInfo sensor(const char* id, const char* group, Rail rail, int socket = -1,
                  Kind kind = Kind::counter) {
  SensorInfo info;
  info.id = id;
  info.group = group;
  info.rail = rail;
  info.socket = socket;
  info.kind = kind;
  return info;
}

TEST(Overlap, EveryPairWhoseAnswerIsKnown) {
  const SensorInfo package0 = sensor("rapl:package-0", "rapl", Rail::package, 0);
  const SensorInfo package1 = sensor("rapl:package-1", "rapl", Rail::package, 1);
  const SensorInfo dram0 = sensor("rapl:package-0/dram", "rapl", Rail::dram, 0);
  const SensorInfo core0 = sensor("rapl:package-0/core", "rapl", Rail::core, 0);
  const SensorInfo psys = sensor("rapl:psys", "rapl", Rail::psys);
  const SensorInfo perf = sensor("perf:energy-pkg", "perf", Rail::package);
  const SensorInfo perf_gpu = sensor("perf:energy-gpu", "perf", Rail::gpu);
  const SensorInfo socket0 = sensor("hwmon:amd_energy/Esocket0", "hwmon:amd", Rail::package, 0);
  const SensorInfo socket1 = sensor("hwmon:amd_energy/Esocket1", "hwmon:amd", Rail::package, 1);
  const SensorInfo card0 = sensor("nvml:0", "nvml", Rail::gpu);
  const SensorInfo card0_power = sensor("nvml:0/power", "nvml", Rail::gpu, -1, Kind::sampled);
  const SensorInfo card1 = sensor("nvml:1", "nvml", Rail::gpu);
  const SensorInfo amdgpu = sensor("hwmon:amdgpu/PPT", "hwmon:amdgpu", Rail::gpu);
  const SensorInfo unknown = sensor("hwmon:ina226/power1", "hwmon:ina226", Rail::other);
  const SensorInfo supply = sensor("hwmon:power_meter/power1", "hwmon:p", Rail::system);
  const SensorInfo meter = sensor("meter:plug", "meter", Rail::system);
  const SensorInfo battery0 = sensor("battery:BAT0", "battery", Rail::battery);
  const SensorInfo battery1 = sensor("battery:BAT1", "battery", Rail::battery);
  const SensorInfo model = sensor("utilisation-model", "", Rail::modelled, -1, Kind::model);
  const SensorInfo wall = sensor("pmic:wall", "pmic", Rail::modelled, -1, Kind::model);
  const SensorInfo pmic = sensor("pmic:sum", "pmic", Rail::soc);
  SensorInfo input = sensor("ina3221:VDD_IN", "ina", Rail::soc);
  SensorInfo carrier = sensor("ina3221:VDD_MUX", "ina", Rail::io);
  SensorInfo gpu = sensor("ina3221:VDD_SYS_GPU", "ina", Rail::gpu);
  const SensorInfo soc = sensor("ina3221:VDD_SYS_SOC", "ina", Rail::soc);
  const SensorInfo same_gpu = sensor("tegrastats:VDD_SYS_GPU", "tegrastats", Rail::gpu);
  input.board_total = carrier.board_total = true;
  gpu.inside = {"ina3221:VDD_IN"};

  struct Case {
    const SensorInfo& a;
    const SensorInfo& b;
    const char* why;  // part of the reason; null: they do not overlap
  };
  const Case cases[] = {
      {package0, package0, "named twice"},
      {package0, package1, nullptr},
      {package0, dram0, nullptr},
      {package0, core0, "contains"},
      {package1, core0, nullptr},
      {psys, package0, "contains"},
      {psys, perf, "whole machine"},
      {package0, perf, "different sources"},
      {perf, perf_gpu, "contains"},
      {package0, socket0, "different sources"},
      {package0, socket1, nullptr},
      {package0, card0, nullptr},
      {dram0, card0, nullptr},
      {card0, card1, nullptr},
      {card0, card0_power, "same card"},
      {package0, amdgpu, "different sources"},
      {package0, unknown, "not known"},
      {meter, package0, "whole machine"},
      {meter, supply, "whole machine"},
      {meter, card0, "whole machine"},
      {battery0, package0, "whole machine"},
      {battery0, battery1, nullptr},
      {battery0, meter, "whole machine"},
      {model, package0, "modelled"},
      {model, wall, "both model"},
      {wall, pmic, "modelled"},
      {input, carrier, nullptr},
      {input, gpu, "contains"},
      {gpu, soc, nullptr},
      {gpu, same_gpu, "different sources"},
  };
  for (const Case& c : cases) {
    for (const bool swapped : {false, true}) {
      const auto why = swapped ? overlap(c.b, c.a) : overlap(c.a, c.b);
      EXPECT_EQ(why.has_value(), c.why != nullptr) << c.a.id << " " << c.b.id;
      if (why && c.why != nullptr) {
        EXPECT_NE(why->find(c.why), std::string::npos) << *why;
      }
    }
  }
}

}  // namespace
}  // namespace wattle::sense
