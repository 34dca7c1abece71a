#include "control/virtual_device.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/subprocess.hpp"
#include "base/test_folder.hpp"
#include "sense/proc_stat.hpp"

namespace wattle::control {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kTick = kSecond / 50;
const std::string kGpu = "/sys/class/devfreq/17000000.gpu";
const std::string kIna = "/sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1";

class Device : public ::testing::Test {
 protected:
  void start(const std::string& load, const VirtualDeviceOptions& options = {}) {
    VirtualDeviceOptions all = options;
    all.load = parse_load(load).value();
    auto made = VirtualDevice::create(folder_.path() / "device", all, clock_);
    ASSERT_TRUE(made) << made.error().message();
    device_ = std::move(*made);
  }
  void run(int n_steps, std::int64_t each_ns = kTick) {
    for (int i = 0; i < n_steps; ++i) {
      clock_.advance_ns(each_ns);
      const auto stepped = device_->step();
      ASSERT_TRUE(stepped) << stepped.error().message();
    }
  }
  [[nodiscard]] std::int64_t number(const std::string& path) const {
    const auto value = device_->root().read_int(path);
    EXPECT_TRUE(value) << (value ? "" : value.error().message());
    return value.value_or(-1);
  }
  [[nodiscard]] std::string text(const std::string& path) const {
    return device_->root().read_text(path).value_or("none");
  }
  void set(const std::string& path, const std::string& value) const {
    ASSERT_TRUE(device_->root().write_text(path, value)) << path;
  }
  [[nodiscard]] const VirtualState& state() const { return device_->state(); }
  // Watts of a rail as a reader computes them.
  [[nodiscard]] double rail_w(int channel) const {
    const std::string n = std::to_string(channel);
    return static_cast<double>(number(kIna + "/in" + n + "_input")) *
           static_cast<double>(number(kIna + "/curr" + n + "_input")) * 1e-6;
  }

  TestFolder folder_;
  FakeClock clock_;
  std::unique_ptr<VirtualDevice> device_;
};

TEST_F(Device, SaysThatItIsSimulatedAndWhichBoardItIs) {
  start("idle");
  EXPECT_NE(text("/proc/device-tree/model").find("simulated by wattle"), std::string::npos);
  EXPECT_NE(text("/proc/device-tree/compatible").find("p3701"), std::string::npos);
  EXPECT_EQ(text(kGpu + "/device/of_node/name"), std::string("gpu\0", 4));
  EXPECT_EQ(text("/sys/class/hwmon/hwmon1/in1_label"), "VDD_GPU_SOC\n");
  EXPECT_EQ(text("/sys/class/thermal/thermal_zone8/type"), "tj-thermal\n");
  EXPECT_EQ(number("/sys/class/thermal/thermal_zone2/temp"), -256000) << "an engine that is off";
}

TEST_F(Device, ItsThreeRailsAreTheBoardsPower) {
  VirtualDeviceOptions options;
  options.temperature_c = 64.0;
  start("busy", options);
  set(kGpu + "/governor", "performance");
  run(1);
  const double counted = 13.7 + 0.0249 * 1300.5 * 1.21 * 1.21;  // u = 1, 64 °C
  EXPECT_NEAR(state().counted_power_w, counted, 0.01);
  EXPECT_NEAR(state().power_w, counted * (1.0 - 1.27 / 22.8), 0.01);
  EXPECT_NEAR(rail_w(1) + rail_w(2) + rail_w(3), state().power_w, 0.03) << "up to a mA a rail";
  EXPECT_EQ(number("/sys/devices/platform/bus@0/17000000.gpu/load"), 1000);
}

TEST_F(Device, EnergyIsTheIntegralOfPowerAndTemperatureThePole) {
  VirtualDeviceOptions options;
  options.fan_duty = 0.0;
  start("idle", options);
  const double power_w = state().power_w;
  run(100, kSecond / 10);
  EXPECT_NEAR(state().energy_j, power_w * 10.0, 1e-6) << "10 s of a power that does not change";
  // 13.7 W · 2.5 K/W above 25 °C, τ = 687.5 s.
  EXPECT_NEAR(state().temperature_c, 25.0 + 34.25 * (1.0 - std::exp(-10.0 / 687.5)), 1e-9);
  EXPECT_NEAR(static_cast<double>(number("/sys/class/thermal/thermal_zone8/temp")),
              state().temperature_c * 1000.0, 0.51);
}

TEST_F(Device, SpeedHastensHeatOnly) {
  VirtualDeviceOptions options;
  options.fan_duty = 0.0;
  options.speed = 100.0;
  start("idle", options);
  const double power_w = state().power_w;
  run(50);
  EXPECT_NEAR(state().temperature_c, 25.0 + 34.25 * (1.0 - std::exp(-100.0 / 687.5)), 1e-6);
  EXPECT_NEAR(state().energy_j, power_w, 1e-6) << "one second";
  EXPECT_NEAR(state().seconds, 1.0, 1e-9);
}

TEST_F(Device, ThrottlesAtTheTripAndRecoversBelowTheHysteresis) {
  VirtualDeviceOptions options;
  options.fan_duty = 0.0;
  options.temperature_c = 98.0;
  start("busy", options);
  run(1);
  EXPECT_EQ(number(kGpu + "/cur_freq"), 1'300'500'000);
  run(20, kSecond);
  EXPECT_GT(state().throttled_bins, 0);
  EXPECT_LT(number(kGpu + "/cur_freq"), 1'300'500'000);
  EXPECT_EQ(number(kGpu + "/max_freq"), 1'300'500'000) << "the user's limit is not touched";
  EXPECT_EQ(number("/sys/class/thermal/cooling_device3/cur_state"), state().throttled_bins);
  EXPECT_EQ(number("/sys/class/thermal/cooling_device5/cur_state"), 1);
  set("/sys/class/hwmon/hwmon3/pwm1", "255");
  run(120, kSecond);
  EXPECT_LT(state().temperature_c, 96.0);
  EXPECT_EQ(state().throttled_bins, 0);
  EXPECT_EQ(number(kGpu + "/cur_freq"), 1'300'500'000);
  EXPECT_EQ(number("/sys/class/thermal/cooling_device5/cur_state"), 0);
}

TEST_F(Device, ClocksFollowLimitsAndGovernor) {
  start("decode:32");
  run(1);
  EXPECT_EQ(number(kGpu + "/cur_freq"), 918'000'000)
      << "29.04 Mcycles in 43 ms: 0.83 busy at 816 MHz, 0.74 at 918";
  set(kGpu + "/max_freq", "612000000");
  run(1);
  EXPECT_EQ(number(kGpu + "/cur_freq"), 612'000'000);
  EXPECT_NEAR(state().step_s.value_or(0.0), 29.037e6 / 612e6, 1e-6);
  set(kGpu + "/max_freq", "650000000");
  run(1);
  EXPECT_EQ(number(kGpu + "/cur_freq"), 612'000'000) << "between two bins: the lower";
  set(kGpu + "/max_freq", "1300500000");
  set(kGpu + "/governor", "powersave");
  run(1);
  EXPECT_EQ(number(kGpu + "/cur_freq"), 306'000'000);
  set(kGpu + "/governor", "performance");
  set(kGpu + "/min_freq", "1300500000");
  run(1);
  EXPECT_EQ(number(kGpu + "/cur_freq"), 1'300'500'000);
}

TEST_F(Device, LowerClocksTakeLessPower) {
  start("decode:32");
  set(kGpu + "/governor", "performance");
  run(1);
  const double fast_w = rail_w(1);
  set(kGpu + "/max_freq", "306000000");
  run(1);
  EXPECT_LT(rail_w(1), fast_w);
}

TEST_F(Device, GarbageInAKnobChangesNothingAndIsPutBack) {
  start("busy");
  run(1);
  const auto before = number(kGpu + "/cur_freq");
  set(kGpu + "/max_freq", "fast");
  set(kGpu + "/governor", "turbo");
  set("/sys/class/hwmon/hwmon3/pwm1", "");
  run(1);
  EXPECT_EQ(number(kGpu + "/cur_freq"), before);
  EXPECT_NEAR(state().fan_duty, 1.0, 1e-12);
  run(10);
  EXPECT_EQ(text(kGpu + "/max_freq"), "1300500000\n");
  EXPECT_EQ(text(kGpu + "/governor"), "nvhost_podgov\n");
  EXPECT_EQ(text("/sys/class/hwmon/hwmon3/pwm1"), "255\n");
}

TEST_F(Device, CoresCanBeSwitchedOff) {
  start("0.5");
  set("/sys/devices/system/cpu/cpu3/online", "0");
  set("/sys/devices/system/cpu/cpu11/online", "0");
  run(50);
  EXPECT_EQ(text("/sys/devices/system/cpu/online"), "0-2,4-10\n");
  const auto times = sense::parse_proc_stat(text("/proc/stat"), "stat");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->n_cores, 10);
  // schedutil takes 1.25 · 0.5 · 2201.6 = 1376 MHz, in the table 1420.8: half of the highest clock
  // keeps a core busy for 0.775 of the time. The first tick knows no governor yet.
  EXPECT_NEAR(static_cast<double>(times->busy_ticks), 10 * 77.2, 1.0);
}

TEST_F(Device, AStoppedDeviceTookNoEnergy) {
  start("idle");
  const double power_w = state().power_w;
  run(1, 3600 * kSecond);
  EXPECT_NEAR(state().energy_j, power_w * 1.0, 1e-9) << "an hour's jump counts as a second";
  EXPECT_LT(state().temperature_c, 26.0);
  run(1, -kSecond);
  EXPECT_NEAR(state().energy_j, power_w * 1.0, 1e-9) << "a clock that goes back adds nothing";
}

TEST_F(Device, PowerModesOfNvpmodelAreKeptAndSetLimits) {
  start("busy");
  const FsRoot root = device_->root();
  auto said = run_command(root, {"nvpmodel", "-q"});
  ASSERT_TRUE(said) << said.error().message();
  EXPECT_EQ(said->out, "NV Power Mode: MAXN\n0\n");
  said = run_command(root, {"nvpmodel", "-m", "1"});
  ASSERT_TRUE(said);
  EXPECT_EQ(said->exit_code, 0) << said->err;
  run(1);
  EXPECT_EQ(run_command(root, {"nvpmodel", "-q"})->out, "NV Power Mode: MODE_15W\n1\n");
  EXPECT_EQ(number(kGpu + "/cur_freq"), 408'000'000) << "420.75 MHz lies between two bins";
  EXPECT_EQ(text("/sys/devices/system/cpu/online"), "0-3\n");
  EXPECT_EQ(number("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"), 1'113'600);
  EXPECT_EQ(number("/sys/kernel/debug/bpmp/debug/clk/emc/rate"), 2'133'000'000);
  EXPECT_EQ(run_command(root, {"nvpmodel", "-m", "0"})->exit_code, 0);
  run(1);
  EXPECT_EQ(number(kGpu + "/cur_freq"), 1'300'500'000);
  EXPECT_EQ(text("/sys/devices/system/cpu/online"), "0-11\n");
  EXPECT_NE(run_command(root, {"nvpmodel", "-m", "7"})->exit_code, 0);
  EXPECT_NE(run_command(root, {"nvpmodel", "-m", "x; rm"})->exit_code, 0);
  EXPECT_NE(run_command(root, {"nvpmodel", "-p", "--verbose"})
                ->out.find("POWER_MODEL: ID=3 NAME=MODE_50W"),
            std::string::npos);
}

TEST_F(Device, TegrastatsPrintsTheTreeInTheRealFormat) {
  VirtualDeviceOptions options;
  options.temperature_c = 50.0;
  start("decode:32", options);
  set("/sys/devices/system/cpu/cpu11/online", "0");
  run(1);
  auto tegrastats = LineProcess::start(device_->root(), {"tegrastats", "--interval", "10"});
  ASSERT_TRUE(tegrastats) << tegrastats.error().message();
  const auto line = tegrastats->next_line(60.0);
  ASSERT_TRUE(line && *line);
  for (const char* part : {" RAM 20", "/62817MB (lfb ", " CPU [", ",off] ", "EMC_FREQ ", "@3199 ",
                           "GR3D_FREQ 73%@[918,918]", " cpu@50.", "C tj", " VDD_GPU_SOC ", "mW/",
                           " VDD_CPU_CV ", " VIN_SYS_5V0 ", " VDDQ_VDD2_1V8AO "}) {
    EXPECT_NE((*line)->find(part), std::string::npos) << part << " in\n" << **line;
  }
  EXPECT_EQ((*line)->find("cv0"), std::string::npos) << **line;
}

TEST_F(Device, StartsAgainWhereItWasAndRemovesWhatItMade) {
  start("idle");
  const auto second = VirtualDevice::create(folder_.path() / "device", {}, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  device_.reset();
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "device/proc/stat")) << "stays readable";
  start("busy");
  ASSERT_TRUE(device_->remove());
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "device"));
}

TEST_F(Device, AFolderThatVanishesIsAnError) {
  start("idle");
  std::filesystem::remove_all(folder_.path() / "device");
  clock_.advance_ns(kSecond);
  const auto stepped = device_->step();
  ASSERT_FALSE(stepped);
  EXPECT_EQ(stepped.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace wattle::control
