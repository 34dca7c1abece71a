#include "base/platform/nvml/nvml.hpp"

#include <gtest/gtest.h>

#include "base/platform/nvml/fake_nvml.hpp"

namespace wattle::nvml {
namespace {

using Clocks = std::vector<std::uint32_t>;

Device only_device() {
  auto library = load(FakeNvml::library());
  EXPECT_TRUE(library) << library.error().message();
  return library->devices.at(0);
}

TEST(Nvml, ReadsADeviceThroughTheLoadedLibrary) {
  const FakeNvml fake(
      "name Simulated RTX\npower_mw 41000\ninstant_mw 43500\ntemperature_c 61\n"
      "graphics_mhz 1500\nmemory_mhz 7001\nutilisation 80\nmemory_utilisation 35\n"
      "reasons 36\nfan_percent 55\nmemory_total 1000\nmemory_used 300\n");
  const Device gpu = only_device();
  EXPECT_EQ(gpu.name().value(), "Simulated RTX");
  EXPECT_EQ(gpu.uuid().value(), "GPU-00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(gpu.power_usage_mw().value(), 41000U);
  EXPECT_EQ(gpu.power_instant_mw().value(), 43500U);
  EXPECT_EQ(gpu.temperature_c().value(), 61U);
  EXPECT_EQ(gpu.clock_mhz(ClockDomain::graphics).value(), 1500U);
  EXPECT_EQ(gpu.clock_mhz(ClockDomain::memory).value(), 7001U);
  EXPECT_DOUBLE_EQ(gpu.utilisation()->gpu, 0.8);
  EXPECT_DOUBLE_EQ(gpu.utilisation()->memory, 0.35);
  EXPECT_EQ(gpu.clocks_event_reasons().value(),
            event_reason::kSoftwareThermal | event_reason::kSoftwarePowerCap);
  EXPECT_EQ(gpu.fan_speed_percent().value(), 55U);
  EXPECT_EQ(gpu.memory()->free_bytes, 700U);
  EXPECT_EQ(gpu.supported_memory_clocks_mhz().value(), (Clocks{5001, 405}));
  EXPECT_EQ(gpu.supported_graphics_clocks_mhz(5001).value(),
            (Clocks{1410, 1200, 990, 780, 570, 360, 210}));
}

TEST(Nvml, EnergyIsInMillijoulesAndMovesEvery100Milliseconds) {
  const FakeNvml fake("energy_mj 500\npower_mw 20000\ntime_ms 1000\n");
  const Device gpu = only_device();
  EXPECT_EQ(gpu.total_energy_mj().value(), 20'500U);
  fake.set("energy_mj 500\npower_mw 20000\ntime_ms 1099\n");
  EXPECT_EQ(gpu.total_energy_mj().value(), 20'500U);
  fake.set("energy_mj 500\npower_mw 20000\ntime_ms 1100\n");
  EXPECT_EQ(gpu.total_energy_mj().value(), 22'500U);
}

TEST(Nvml, LockedClocksAreKeptBeyondTheProcessUntilTheyAreReset) {
  const FakeNvml fake("graphics_mhz 1410\n");
  ASSERT_TRUE(only_device().lock_graphics_clocks(210, 780));
  EXPECT_EQ(only_device().clock_mhz(ClockDomain::graphics).value(), 780U);
  ASSERT_TRUE(only_device().reset_graphics_clocks());
  EXPECT_EQ(only_device().clock_mhz(ClockDomain::graphics).value(), 1410U);
  EXPECT_EQ(only_device().lock_graphics_clocks(900, 780).error().code, ErrorCode::invalid_argument);
}

TEST(Nvml, WithoutPermissionTheErrorSaysWhatToDo) {
  const FakeNvml fake("permitted 0\n");
  const auto refused = only_device().lock_graphics_clocks(210, 780);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::permission_denied);
  EXPECT_NE(refused.error().remedy.find("sudo"), std::string::npos);
}

TEST(Nvml, ADeviceThatDisappearsIsAnErrorAndNotZero) {
  const FakeNvml fake("devices 2\n");
  const Library library = load(FakeNvml::library()).value();
  ASSERT_EQ(library.devices.size(), 2U);
  fake.set("devices 2\n1.lost 1\n");
  EXPECT_TRUE(library.devices[0].total_energy_mj());
  const auto lost = library.devices[1].total_energy_mj();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::unavailable);
  EXPECT_NE(lost.error().what.find("fallen off the bus"), std::string::npos);
  EXPECT_FALSE(lost.error().remedy.empty());
  EXPECT_FALSE(library.devices[1].power_instant_mw());
  const Library again = load(FakeNvml::library()).value();
  EXPECT_EQ(again.devices.size(), 1U);
  EXPECT_EQ(again.missing.size(), 1U);
}

TEST(Nvml, WhatAGpuLacksIsUnsupported) {
  const FakeNvml fake(
      "unsupported nvmlDeviceGetFanSpeed,nvmlDeviceGetTotalEnergyConsumption\n"
      "no_instant_power 1\n");
  const Device gpu = only_device();
  EXPECT_EQ(gpu.fan_speed_percent().error().code, ErrorCode::unsupported);
  EXPECT_EQ(gpu.total_energy_mj().error().code, ErrorCode::unsupported);
  EXPECT_EQ(gpu.power_instant_mw().error().code, ErrorCode::unsupported);
  EXPECT_TRUE(gpu.power_usage_mw());
}

TEST(Nvml, FunctionsThatAnOldDriverLacksAreUnsupportedNotACrash) {
  const FakeNvml fake("reasons 8\n");
  const Library library = load(FakeNvml::old_library()).value();
  const Device& gpu = library.devices.at(0);
  EXPECT_TRUE(gpu.power_usage_mw());
  EXPECT_EQ(gpu.clocks_event_reasons().value(), event_reason::kHardwareSlowdown)
      << "under its old name";
  const auto missing = gpu.total_energy_mj();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::unsupported);
  EXPECT_EQ(missing.error().remedy, "Update the NVIDIA driver.");
  EXPECT_EQ(gpu.power_instant_mw().error().code, ErrorCode::unsupported);
  EXPECT_EQ(gpu.supported_memory_clocks_mhz().error().code, ErrorCode::unsupported);
  EXPECT_EQ(gpu.lock_graphics_clocks(1, 2).error().code, ErrorCode::unsupported);
}

TEST(Nvml, WithoutLibraryDriverOrGpuItIsUnavailable) {
  EXPECT_EQ(load("/nonexistent/libnvidia-ml.so.1").error().code, ErrorCode::unavailable);
  {
    const FakeNvml fake("driver_loaded 0\n");
    const auto none = load(FakeNvml::library());
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::unavailable);
    EXPECT_NE(none.error().remedy.find("modprobe nvidia"), std::string::npos);
  }
  const FakeNvml fake("devices 0\n");
  EXPECT_EQ(load(FakeNvml::library()).error().what, "NVML finds no GPU");
}

TEST(Nvml, EveryReturnCodeIsAnErrorThatSaysSomething) {
  for (const int code :
       {1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 999}) {
    const Error error = error_of(code, "do it");
    EXPECT_TRUE(error.what.starts_with("NVML cannot do it: ")) << code;
    EXPECT_NE(error.code, ErrorCode::internal) << code;
  }
}

}  // namespace
}  // namespace wattle::nvml
