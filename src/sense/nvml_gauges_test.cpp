#include "base/platform/nvml/fake_nvml.hpp"
#include "sense/test_gauges.hpp"

namespace wattle::sense {
namespace {

GaugeInventory of(const TestBoard& board, const Clock& clock,
                  const std::filesystem::path& library) {
  return gauges_of(board, clock, [&](GaugeCollector& out) {
    discover_nvml_gauges(out, {.nvml_library = library});
  });
}

TEST(NvmlGauges, EveryGpuHasItsOwn) {
  const nvml::FakeNvml fake(
      "devices 2\nname Simulated RTX\ntemperature_c 61\ngraphics_mhz 1500\nutilisation 80\n"
      "memory_used 300\nreasons 1\n1.reasons 32\n1.unsupported nvmlDeviceGetFanSpeed\n"
      "fan_percent 55\n");
  const TestBoard board("virtual-machine");
  const FakeClock clock;
  const GaugeInventory inventory = of(board, clock, nvml::FakeNvml::library());
  EXPECT_DOUBLE_EQ(value_of(inventory, "temp:nvml:0").value(), 61.0);
  EXPECT_DOUBLE_EQ(value_of(inventory, "freq:nvml:0").value(), 1.5e9);
  EXPECT_DOUBLE_EQ(value_of(inventory, "util:nvml:0").value(), 0.8);
  EXPECT_DOUBLE_EQ(value_of(inventory, "mem:nvml:0").value(), 300.0);
  EXPECT_DOUBLE_EQ(value_of(inventory, "fan:nvml:0").value(), 0.55);
  EXPECT_DOUBLE_EQ(value_of(inventory, "throttled:nvml:0").value(), 0.0) << "idle is not throttled";
  EXPECT_DOUBLE_EQ(value_of(inventory, "throttled:nvml:1").value(), 1.0);
  EXPECT_NE(find_unavailable(inventory, "fan:nvml:1"), nullptr);
  EXPECT_EQ(find(inventory, "temp:nvml:0")->info().scope, "temperature of Simulated RTX (GPU 0)");
  fake.set("devices 2\nlost 1\n");
  EXPECT_EQ(value_of(inventory, "temp:nvml:0").error().code, ErrorCode::unavailable);
}

TEST(NvmlGauges, WithoutTheLibraryOnlyANamedOneIsMissed) {
  const TestBoard board("virtual-machine");
  const FakeClock clock;
  EXPECT_EQ(of(board, clock, "/nonexistent.so").unavailable.size(), 1U);
  EXPECT_TRUE(of(board, clock, {}).unavailable.empty());
}

}  // namespace
}  // namespace wattle::sense
