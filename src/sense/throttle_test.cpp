#include "sense/throttle.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "sense/test_gauges.hpp"

namespace wattle::sense {
namespace {

GaugeInventory throttling(const TestBoard& board, const Clock& clock) {
  return gauges_of(board, clock, discover_throttling);
}

void set_vcgencmd(const TestBoard& board, const std::string& script) {
  const std::string tool = "/usr/bin/vcgencmd";
  board.set(tool, "#!/bin/sh\n" + script + "\n");
  ::chmod(board.root().resolve(tool).c_str(), 0755);
}

TEST(Throttle, TheFirmwaresWordIsHexadecimal) {
  EXPECT_EQ(parse_throttled("throttled=0x0\n").value(), 0U);
  EXPECT_EQ(parse_throttled("throttled=0x50005\n").value(), 0x50005U);
  for (const char* text : {"", "throttled=", "throttled=0x", "throttled=5", "throttled=0x5g",
                           "throttled=0x1ffffffff", "throttled=0x-1", "error=1"}) {
    EXPECT_FALSE(parse_throttled(text)) << text;
  }
}

TEST(Throttle, ARaspberryPiTellsNowFromOnce) {
  const TestBoard board("raspberry-pi-5");
  // Bits 0, 2 now; 16, 18 and 19 at some time.
  set_vcgencmd(board, "[ \"$1\" = get_throttled ] && echo throttled=0xd0005");
  FakeClock clock;
  const GaugeInventory inventory = throttling(board, clock);
  EXPECT_EQ(value_of(inventory, "throttled:under-voltage").value(), 1.0);
  EXPECT_EQ(value_of(inventory, "throttled:frequency-capped").value(), 0.0);
  EXPECT_EQ(value_of(inventory, "throttled:firmware").value(), 1.0);
  EXPECT_EQ(value_of(inventory, "throttled:soft-temperature-limit").value(), 0.0);
  EXPECT_EQ(value_of(inventory, "was-throttled:under-voltage").value(), 1.0);
  EXPECT_EQ(value_of(inventory, "was-throttled:frequency-capped").value(), 0.0);
  EXPECT_EQ(value_of(inventory, "was-throttled:soft-temperature-limit").value(), 1.0);
  EXPECT_EQ(find(inventory, "was-throttled:firmware")->info().quantity, Quantity::was_throttled);

  set_vcgencmd(board, "echo throttled=0xd0000");
  clock.advance_ns(1'000'000'000);
  EXPECT_EQ(value_of(inventory, "throttled:under-voltage").value(), 0.0);
  set_vcgencmd(board, "echo 'VCHI initialization failed' >&2; exit 255");
  clock.advance_ns(1'000'000'000);
  const auto refused = value_of(inventory, "throttled:under-voltage");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("VCHI initialization failed"), std::string::npos);
  EXPECT_NE(refused.error().remedy.find("group video"), std::string::npos);
}

TEST(Throttle, IntelCountsEventsOfCoresAndPackages) {
  const TestBoard board("intel-laptop");
  const FakeClock clock;
  const GaugeInventory inventory = throttling(board, clock);
  EXPECT_EQ(value_of(inventory, "throttle:cores").value(), 4.0) << "3 + 1 + 0 + 0";
  EXPECT_EQ(value_of(inventory, "throttle:package-0").value(), 7.0) << "not 4 · 7";
  EXPECT_EQ(find(inventory, "throttle:cores")->info().quantity, Quantity::throttle_count);
  // A core that goes offline takes its file along, not its past.
  board.remove("/sys/devices/system/cpu/cpu0/thermal_throttle");
  board.set("/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "2\n");
  EXPECT_EQ(value_of(inventory, "throttle:cores").value(), 5.0);
  EXPECT_EQ(value_of(inventory, "throttle:package-0").error().code, ErrorCode::not_found);
  board.set("/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "-1\n");
  EXPECT_EQ(value_of(inventory, "throttle:cores").error().code, ErrorCode::invalid_format);
}

TEST(Throttle, CoolingDevicesThatSlowDownAreFlagsAndFansAreNot) {
  const TestBoard board("jetson-orin-nano");
  const FakeClock clock;
  const GaugeInventory inventory = throttling(board, clock);
  EXPECT_EQ(value_of(inventory, "throttled:devfreq-17000000.gpu").value(), 1.0);
  EXPECT_EQ(value_of(inventory, "throttled:cpufreq-cpu0").value(), 0.0);
  EXPECT_EQ(find(inventory, "throttled:pwm-fan"), nullptr);
  board.set("/sys/class/thermal/cooling_device1/cur_state", "5\n");
  EXPECT_EQ(value_of(inventory, "throttled:cpufreq-cpu0").value(), 1.0);
  board.set("/sys/class/thermal/cooling_device1/cur_state", "-1\n");
  EXPECT_FALSE(value_of(inventory, "throttled:cpufreq-cpu0"));

  const TestBoard laptop("intel-laptop");
  const GaugeInventory pc = throttling(laptop, clock);
  EXPECT_NE(find(pc, "throttled:Processor/2"), nullptr);
  EXPECT_EQ(find(pc, "throttled:TCC Offset"), nullptr) << "a setting, always above 0";
}

TEST(Throttle, AJetsonCountsOverCurrent) {
  const TestBoard board("jetson-orin-nx");
  const FakeClock clock;
  const GaugeInventory inventory = throttling(board, clock);
  EXPECT_EQ(value_of(inventory, "throttle:oc1").value(), 0.0);
  EXPECT_EQ(value_of(inventory, "throttle:oc2").value(), 2.0);
  const std::string file = "/sys/class/hwmon/hwmon10/oc2_event_cnt";
  board.remove(file);
  std::filesystem::create_symlink("/proc/self/mem", board.root().resolve(file));
  EXPECT_EQ(value_of(inventory, "throttle:oc2").error().code, ErrorCode::io);
}

}  // namespace
}  // namespace wattle::sense
