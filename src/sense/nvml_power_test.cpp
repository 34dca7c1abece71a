#include "sense/nvml_power.hpp"

#include <gtest/gtest.h>

#include "base/platform/nvml/fake_nvml.hpp"
#include "sense/test_board.hpp"

namespace wattle::sense {
namespace {

using nvml::FakeNvml;

Inventory nvml_of(const Clock& clock, const std::filesystem::path& library) {
  const TestBoard board("virtual-machine");
  Inventory inventory;
  discover_nvml_power(board.root(), clock, library, inventory);
  return inventory;
}

TEST(NvmlPower, TheEnergyCounterIsTakenWhereThereIsOne) {
  const FakeNvml fake("name Simulated RTX\npower_mw 20000\ntime_ms 0\n");
  FakeClock clock;
  const Inventory inventory = nvml_of(clock, FakeNvml::library());
  ASSERT_EQ(inventory.sensors.size(), 1U);
  const SensorInfo& info = inventory.sensors[0]->info();
  EXPECT_EQ(info.id, "nvml:0");
  EXPECT_EQ(info.kind, Kind::counter);
  EXPECT_EQ(info.rail, Rail::gpu);
  EXPECT_EQ(info.group, "nvml");
  EXPECT_EQ(info.scope, "GPU 0 (Simulated RTX)");
  EXPECT_DOUBLE_EQ(info.update_period_s, 0.1);
  EXPECT_DOUBLE_EQ(info.default_rate_hz, 10.0);
  clock.advance_ns(1'050'000'000);
  fake.set("power_mw 20000\ntime_ms 1050\n");
  EXPECT_DOUBLE_EQ(*inventory.sensors[0]->read()->energy_j, 20.0) << "20 W for 1.0 s of updates";
}

TEST(NvmlPower, ThenTheInstantaneousPowerThenTheMeanWhichSaysSo) {
  const FakeClock clock;
  {
    const FakeNvml fake("unsupported nvmlDeviceGetTotalEnergyConsumption\ninstant_mw 43500\n");
    const Inventory inventory = nvml_of(clock, FakeNvml::library());
    EXPECT_EQ(inventory.sensors.at(0)->info().kind, Kind::sampled);
    EXPECT_DOUBLE_EQ(*inventory.sensors[0]->read()->power_w, 43.5);
  }
  const FakeNvml fake("power_mw 41000\n");
  const Inventory inventory = nvml_of(clock, FakeNvml::old_library());
  const SensorInfo& info = inventory.sensors.at(0)->info();
  EXPECT_NE(info.scope.find("mean over 1 s"), std::string::npos);
  EXPECT_DOUBLE_EQ(info.update_period_s, 1.0);
  EXPECT_DOUBLE_EQ(*inventory.sensors[0]->read()->power_w, 41.0);
}

TEST(NvmlPower, AGpuThatDisappearsMidRunIsAnErrorAndItsReturnStartsAfresh) {
  const FakeNvml fake("power_mw 20000\ntime_ms 0\n");
  FakeClock clock;
  const Inventory inventory = nvml_of(clock, FakeNvml::library());
  PowerSensor& gpu = *inventory.sensors.at(0);
  fake.set("lost 1\n");
  clock.advance_ns(1'000'000'000);
  ASSERT_FALSE(gpu.read());
  EXPECT_NE(gpu.read().error().what.find("fallen off the bus"), std::string::npos);
  fake.set("power_mw 20000\ntime_ms 5000\n");
  clock.advance_ns(1'000'000'000);
  EXPECT_DOUBLE_EQ(*gpu.read()->energy_j, 0.0);
  fake.set("power_mw 20000\ntime_ms 5000\nenergy_mj 0\n");  // the driver was loaded anew
  clock.advance_ns(1'000'000'000);
  EXPECT_TRUE(gpu.read()->lost);
}

TEST(NvmlPower, TheCardIsPartOfTheMachinesTotal) {
  const FakeNvml fake;
  const TestBoard board("dual-package-server");
  const FakeClock clock;
  const Inventory inventory = discover(board.root(), clock, {.nvml_library = FakeNvml::library()});
  const TotalSet total = choose_total(infos(inventory), inventory.unavailable);
  EXPECT_TRUE(total.id.starts_with("rapl:package-0+")) << total.id;
  EXPECT_TRUE(total.id.ends_with("+nvml:0")) << total.id;
}

TEST(NvmlPower, SaysWhyThereIsNothing) {
  const FakeClock clock;
  const Inventory missing = nvml_of(clock, "/nonexistent.so");
  ASSERT_EQ(missing.unavailable.size(), 1U);
  EXPECT_EQ(missing.unavailable[0].id, "nvml");
  EXPECT_FALSE(missing.unavailable[0].remedy.empty());
  EXPECT_TRUE(nvml_of(clock, {}).unavailable.empty()) << "not below a recorded tree";
  const FakeNvml fake(
      "unsupported nvmlDeviceGetTotalEnergyConsumption,nvmlDeviceGetFieldValues,"
      "nvmlDeviceGetPowerUsage\n");
  EXPECT_EQ(nvml_of(clock, FakeNvml::library()).unavailable.at(0).id, "nvml:0");
}

}  // namespace
}  // namespace wattle::sense
