// What is found on boards, and what each kind of knob does to their files.
#include "actuate/knobs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/platform/nvml/fake_nvml.hpp"
#include "base/test_board.hpp"

namespace wattle::actuate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kOrin = "jetson-agx-orin-jp6";
const std::string kPolicy0 = "/sys/devices/system/cpu/cpufreq/policy0";
const std::string kFan = "/sys/devices/platform/pwm-fan/hwmon/hwmon8";

Actuator* find(const Inventory& inventory, const std::string& id) {
  const auto found = find_knobs(inventory, id);
  return found && found->size() == 1 ? found->front() : nullptr;
}

std::string why_missing(const Inventory& inventory, const std::string& id) {
  for (const auto& missing : inventory.unavailable) {
    if (missing.id == id) return missing.problem.reason;
  }
  return "(not listed)";
}

std::vector<std::string> plan_texts(const Actuator& actuator, const std::string& from,
                                    const std::string& to) {
  std::vector<std::string> texts;
  const auto steps = actuator.plan(from, to).value();
  for (const Step& step : steps) texts.push_back(step_text(step));
  return texts;
}

TEST(Knobs, AnOrinHasAllOfThem) {
  const TestBoard board(kOrin);
  const Inventory inventory = discover(board.root());
  std::vector<std::string> ids;
  for (const auto& actuator : inventory.actuators) ids.push_back(actuator->info().id);
  EXPECT_THAT(ids,
              ElementsAre("cpu0.freq", "cpu4.freq", "cpu8.freq", "cpu0.governor", "cpu4.governor",
                          "cpu8.governor", "cpu.cores", "gpu.freq", "nvpmodel", "fan.pwm"));
  EXPECT_EQ(find(inventory, "cpu4.freq")->info().scope, "cores 4-7");
  EXPECT_EQ(find_knobs(inventory, "cpu.freq")->size(), 3U);
  EXPECT_EQ(find(inventory, "gpu.freq")->read(), "306000000..1300500000");
}

TEST(Knobs, AVirtualMachineHasNoneAndEachSaysWhy) {
  const TestBoard board("virtual-machine");
  const Inventory inventory = discover(board.root());
  EXPECT_TRUE(inventory.actuators.empty());
  EXPECT_THAT(why_missing(inventory, "cpu.freq"), HasSubstr("no processor clock"));
  EXPECT_THAT(why_missing(inventory, "gpu.freq"), HasSubstr("no GPU"));
  const auto refused = find_knobs(inventory, "cpu.freq");
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(find_knobs(inventory, "nonsense").error().code, ErrorCode::not_found);
}

TEST(CpuFrequency, WithoutATableTheRangeOfTheProcessor) {
  const TestBoard board("intel-laptop");
  const Inventory inventory = discover(board.root());
  const Actuator* const cpu = find(inventory, "cpu0.freq");
  ASSERT_NE(cpu, nullptr);
  EXPECT_TRUE(cpu->info().table.empty());
  EXPECT_EQ(cpu->parse("1234567"), "1234567..1234567");
  EXPECT_EQ(cpu->parse("399MHz").error().code, ErrorCode::out_of_range);
  EXPECT_TRUE(cpu->accepts("1234567..1234567", "1200000..1200000")) << "bus clock multiples";
  EXPECT_FALSE(cpu->accepts("1234567..1234567", "1100000..1100000"));
}

TEST(CpuFrequency, PoliciesAreFoundThroughTheCoresOfOldKernelsToo) {
  const TestFolder folder;
  for (const char* cpu : {"cpu0", "cpu1"}) {
    const std::string base = std::string("sys/devices/system/cpu/") + cpu + "/cpufreq/";
    folder.write(base + "scaling_min_freq", "600000\n");
    folder.write(base + "scaling_max_freq", "1500000\n");
    folder.write(base + "scaling_available_frequencies", "600000 1500000\n");
    folder.write(base + "related_cpus", "0 1\n");
  }
  const auto policies = find_cpu_policies(FsRoot(folder.path()));
  ASSERT_EQ(policies.size(), 1U) << "both name the same two cores";
  EXPECT_EQ(policies[0].cpus, "0-1");
}

TEST(CpuFrequency, GarbageInTheTableMakesTheKnobUnavailable) {
  const TestBoard board(kOrin);
  board.set(kPolicy0 + "/scaling_available_frequencies", "115200 <garbage>\n");
  const Inventory inventory = discover(board.root());
  EXPECT_EQ(find(inventory, "cpu0.freq"), nullptr);
  EXPECT_THAT(why_missing(inventory, "cpu0.freq"), HasSubstr("found '<garbage>'"));
  EXPECT_NE(find(inventory, "cpu4.freq"), nullptr) << "the others are not touched by it";
}

TEST(CpuFrequency, LimitsThatCannotBeAreAnError) {
  const TestBoard board(kOrin);
  board.set(kPolicy0 + "/scaling_min_freq", "2201600\n");
  board.set(kPolicy0 + "/scaling_max_freq", "-5\n");
  EXPECT_THAT(why_missing(discover(board.root()), "cpu0.freq"), HasSubstr("no limits"));
}

TEST(CpuFrequency, BoostClocksBelongToTheTable) {
  const TestBoard board("amd-server");
  board.set(kPolicy0 + "/scaling_boost_frequencies", "3500000\n");
  EXPECT_EQ(find(discover(board.root()), "cpu0.freq")->parse("max"), "3500000..3500000");
}

TEST(Governor, OnlyThoseOfTheDevice) {
  const TestBoard board("intel-laptop");
  const Inventory inventory = discover(board.root());
  const Actuator* const governor = find(inventory, "cpu0.governor");
  EXPECT_EQ(governor->parse("performance"), "performance");
  const auto refused = governor->parse("ondemand");
  EXPECT_EQ(refused.error().code, ErrorCode::out_of_range);
  EXPECT_EQ(refused.error().remedy, "Allowed: performance, powersave.");
  EXPECT_THAT(plan_texts(*governor, "powersave", "performance"),
              ElementsAre("write performance to " + kPolicy0 + "/scaling_governor"));
}

TEST(Cores, ACountAListAndWhatCannotBeOff) {
  const TestBoard board(kOrin);
  const Inventory inventory = discover(board.root());
  Actuator* const cores = find(inventory, "cpu.cores");
  EXPECT_EQ(cores->read(), "0-11");
  EXPECT_EQ(cores->parse("4"), "0-3");
  EXPECT_EQ(cores->parse("0,4-5"), "0,4-5");
  EXPECT_EQ(cores->parse("max"), "0-11");
  EXPECT_EQ(cores->parse("min"), "0");
  EXPECT_THAT(cores->parse("1-3").error().what, HasSubstr("core 0 cannot be switched off"));
  EXPECT_THAT(cores->parse("0-12").error().what, HasSubstr("no core 12"));
  EXPECT_EQ(cores->parse("0").error().code, ErrorCode::out_of_range);
  EXPECT_EQ(cores->parse("13").error().code, ErrorCode::out_of_range);
  EXPECT_EQ(cores->parse("few").error().code, ErrorCode::invalid_argument);
}

TEST(Cores, AreSwitchedOnBeforeOthersAreSwitchedOff) {
  const TestBoard board(kOrin);
  const Inventory inventory = discover(board.root());
  const std::string folder = "/sys/devices/system/cpu/cpu";
  EXPECT_THAT(
      plan_texts(*find(inventory, "cpu.cores"), "0-2", "0,3-4"),
      ElementsAre("write 1 to " + folder + "3/online", "write 1 to " + folder + "4/online",
                  "write 0 to " + folder + "2/online", "write 0 to " + folder + "1/online"));
}

TEST(Fan, IsTakenFromAutomaticControlAndGivenBack) {
  const TestBoard board(kOrin);
  board.set(kFan + "/pwm1_enable", "2\n");
  const Inventory inventory = discover(board.root());
  Actuator* const fan = find(inventory, "fan.pwm");
  EXPECT_EQ(fan->read(), "77 enable=2");
  EXPECT_EQ(fan->parse("50%"), "128 enable=1");
  EXPECT_EQ(fan->parse("256").error().code, ErrorCode::out_of_range);
  EXPECT_THAT(plan_texts(*fan, "77 enable=2", "128 enable=1"),
              ElementsAre("write 1 to " + kFan + "/pwm1_enable", "write 128 to " + kFan + "/pwm1"));
  EXPECT_THAT(plan_texts(*fan, "128 enable=1", "77 enable=2"),
              ElementsAre("write 77 to " + kFan + "/pwm1", "write 2 to " + kFan + "/pwm1_enable"));
  EXPECT_TRUE(fan->accepts("77 enable=2", "90 enable=2")) << "the controller's own duty";
}

TEST(Fan, TheLegacyFileOfJetPack4) {
  const TestBoard board("jetson-nano");
  const Inventory inventory = discover(board.root());
  Actuator* const fan = find(inventory, "fan.pwm");
  ASSERT_NE(fan, nullptr);
  EXPECT_EQ(fan->info().source, "/sys/devices/pwm-fan/target_pwm");
  EXPECT_EQ(fan->read(), "120");
  EXPECT_EQ(fan->parse("max"), "255");
}

TEST(Fan, ARunningNvfancontrolStandsInTheWay) {
  const TestBoard board(kOrin);
  board.set("/proc/4711/comm", "nvfancontrol\n");
  const Inventory inventory = discover(board.root());
  const auto& problem = find(inventory, "fan.pwm")->info().problem;
  ASSERT_TRUE(problem);
  EXPECT_THAT(problem->reason, HasSubstr("nvfancontrol (process 4711)"));
  EXPECT_THAT(problem->remedy, HasSubstr("systemctl stop nvfancontrol"));
}

TEST(Fan, ADutyThatCannotBeIsNoDuty) {
  const TestBoard board(kOrin);
  board.set(kFan + "/pwm1", "300\n");
  EXPECT_THAT(why_missing(discover(board.root()), "fan.pwm"), HasSubstr("expected 0 to 255"));
}

TEST(Permission, AnOrdinaryUserIsToldTheRemedy) {
  const TestBoard board(kOrin);
  board.forbid(kPolicy0 + "/scaling_max_freq");
  ::chmod(board.root().resolve(kPolicy0 + "/scaling_max_freq").c_str(), 0444);
  const OrdinaryUser user;
  const Inventory inventory = discover(board.root());
  const auto& problem = find(inventory, "cpu0.freq")->info().problem;
  ASSERT_TRUE(problem);
  EXPECT_THAT(problem->reason, HasSubstr("Permission denied"));
  EXPECT_THAT(problem->remedy, HasSubstr("98-wattle-actuate.rules"));
}

TEST(Nvpmodel, ModesByNumberAndName) {
  const TestBoard board(kOrin);
  const Inventory inventory = discover(board.root());
  Actuator* const mode = find(inventory, "nvpmodel");
  EXPECT_EQ(mode->read(), "0");
  EXPECT_EQ(mode->parse("MODE_30W"), "2");
  EXPECT_EQ(mode->parse("3"), "3");
  EXPECT_EQ(mode->parse("4").error().code, ErrorCode::out_of_range);
  EXPECT_THAT(mode->parse("4").error().remedy, HasSubstr("1 MODE_15W"));
  const auto steps = mode->plan("0", "2").value();
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(step_text(steps[0]), "run nvpmodel -m 2");
  ASSERT_TRUE(mode->perform(steps[0]));
  EXPECT_EQ(mode->read(), "2");
  EXPECT_EQ(mode->describe("2"), "2 (MODE_30W)");
}

TEST(Nvpmodel, AModeThatNeedsARebootIsRefusedAndNothingIsConfirmed) {
  const TestBoard board(kOrin);
  board.set("/etc/nvpmodel.reboot", "1\n");
  const Inventory inventory = discover(board.root());
  Actuator* const mode = find(inventory, "nvpmodel");
  const Status done = mode->perform(mode->plan("0", "1").value()[0]);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unsupported);
  EXPECT_THAT(done.error().message(), HasSubstr("needs a reboot"));
  EXPECT_EQ(mode->read(), "0");
  EXPECT_FALSE(board.root().exists("/rebooted"));
}

TEST(LockedClocks, AreLockedAndUnlockedThroughNvml) {
  const nvml::FakeNvml gpu("graphics_mhz 1410\n");
  const TestFolder nothing;
  const Inventory inventory =
      discover(FsRoot(nothing.path()), {.nvml_library = nvml::FakeNvml::library()});
  Actuator* const clocks = find(inventory, "nvml0.clocks");
  ASSERT_NE(clocks, nullptr);
  EXPECT_FALSE(clocks->info().readable);
  EXPECT_EQ(clocks->info().table.front(), 210);
  EXPECT_EQ(clocks->parse("1000MHz").error().code, ErrorCode::out_of_range);
  const std::string setting = clocks->parse("570MHz..990MHz").value();
  const auto lock = clocks->plan("", setting).value();
  for (const Step& step : lock) {
    EXPECT_EQ(step_text(step), "call nvmlDeviceSetGpuLockedClocks(0, 570, 990)");
    ASSERT_TRUE(clocks->perform(step));
  }
  EXPECT_EQ(clocks->observe(), "990 MHz");
  const auto unlock = clocks->plan(setting, "unlocked").value();
  for (const Step& step : unlock) {
    ASSERT_TRUE(clocks->perform(step));
  }
  EXPECT_EQ(clocks->observe(), "1410 MHz");
}

TEST(LockedClocks, NeedRootAndOldDriversHaveNone) {
  const TestFolder nothing;
  {
    const nvml::FakeNvml gpu("permitted 0\n");
    const Inventory inventory =
        discover(FsRoot(nothing.path()), {.nvml_library = nvml::FakeNvml::library()});
    Actuator* const clocks = find(inventory, "nvml0.clocks");
    const Status done = clocks->perform(clocks->plan("", "570..570").value()[0]);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::permission_denied);
    EXPECT_THAT(done.error().remedy, HasSubstr("sudo"));
  }
  const nvml::FakeNvml old;
  const Inventory inventory =
      discover(FsRoot(nothing.path()), {.nvml_library = nvml::FakeNvml::old_library()});
  EXPECT_EQ(find(inventory, "nvml0.clocks"), nullptr);
  EXPECT_NE(why_missing(inventory, "nvml0.clocks"), "(not listed)");
}

TEST(Targets, WhatIsNoAssignmentIsRefused) {
  EXPECT_EQ(parse_targets(Inventory{}, {"x"}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(parse_targets(Inventory{}, {"=1"}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(parse_targets(Inventory{}, {"x="}).error().code, ErrorCode::invalid_argument);
}

TEST(Targets, CoresComeLastAndALaterAssignmentReplacesAnEarlier) {
  const TestBoard board(kOrin);
  const Inventory inventory = discover(board.root());
  const auto targets =
      parse_targets(inventory, {"cpu.cores=4", "cpu.freq=min", "cpu4.freq=max"}).value();
  std::vector<std::string> texts;
  for (const Target& target : targets) {
    texts.push_back(target.actuator->info().id + "=" + target.setting);
  }
  EXPECT_THAT(texts, ElementsAre("cpu0.freq=115200..115200", "cpu8.freq=115200..115200",
                                 "cpu4.freq=2201600..2201600", "cpu.cores=0-3"));
}

}  // namespace
}  // namespace wattle::actuate
