// Driving knobs and putting them back, with everything that can go wrong on the way.
#include "actuate/session.hpp"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/test_board.hpp"

namespace wattle::actuate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using What = RestoreOutcome::What;

const std::string kPolicy0 = "/sys/devices/system/cpu/cpufreq/policy0";
const std::string kGpu = "/sys/class/devfreq/17000000.gpu";
const std::string kFan = "/sys/devices/platform/pwm-fan/hwmon/hwmon8";

// An Orin whose files are written by sessions of this process, or of children of it.
class Driven : public ::testing::Test {
 protected:
  // Which is started at every discovery; only one test is about it.
  Driven() { board_.remove("/usr/sbin/nvpmodel"); }

  [[nodiscard]] Session session(SessionOptions options = {}) const {
    return Session(board_.root(), discover(board_.root()), std::move(options));
  }
  [[nodiscard]] std::string text(const std::string& path) const {
    const auto content = board_.root().read_text(path);
    return content ? std::string(trim(*content)) : content.error().what;
  }
  [[nodiscard]] std::string gpu() const {
    return text(kGpu + "/min_freq") + ".." + text(kGpu + "/max_freq");
  }
  [[nodiscard]] bool has_state(const std::string& knob) const {
    return board_.root().exists("/run/wattle/" + knob + ".state");
  }
  [[nodiscard]] std::vector<RestoreOutcome> restore(RestoreOptions options = {}) const {
    return restore_all(board_.root(), options).value();
  }
  // A driver that is killed while it holds the knob at the value.
  void killed_at(const std::string& knob, const std::string& value,
                 const Perform& perform = {}) const {
    const pid_t child = ::fork();
    if (child == 0) {
      Session driver(board_.root(), discover(board_.root()), {.perform = perform});
      (void)driver.set(knob, value);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
  }

  TestBoard board_{"jetson-agx-orin-jp6"};
};

constexpr const char* kWhole = "306000000..1300500000";
constexpr const char* kMiddle = "816000000..816000000";

TEST_F(Driven, SetReadsBackAndTheEndPutsBack) {
  {
    Session driver = session();
    const auto outcome = driver.set("gpu.freq", "816MHz").value();
    ASSERT_EQ(outcome.size(), 1U);
    EXPECT_EQ(outcome[0].asked, "816MHz");
    EXPECT_EQ(outcome[0].got, kMiddle);
    EXPECT_FALSE(outcome[0].rounded);
    EXPECT_EQ(gpu(), kMiddle);
    EXPECT_TRUE(has_state("gpu.freq"));
  }
  EXPECT_EQ(gpu(), kWhole);
  EXPECT_FALSE(has_state("gpu.freq"));
}

TEST_F(Driven, AGroupIsSetAtOnceAndOnlyIfAllHaveTheValue) {
  Session driver = session();
  board_.set("/sys/devices/system/cpu/cpufreq/policy8/scaling_available_frequencies", "115200\n");
  Session other(board_.root(), discover(board_.root()));
  EXPECT_EQ(other.set("cpu.freq", "192MHz").error().code, ErrorCode::out_of_range);
  EXPECT_FALSE(has_state("cpu0.freq")) << "refused before the first write";
  EXPECT_EQ(driver.set("cpu.freq", "max").value().size(), 3U);
  EXPECT_EQ(text(kPolicy0 + "/scaling_min_freq"), "2201600");
}

TEST_F(Driven, LimitsHoldAfterEveryWriteAndTheStateIsThereBeforeTheFirst) {
  int writes = 0;
  const Perform checked = [&](Actuator& actuator, const Step& step) -> Status {
    EXPECT_TRUE(has_state("gpu.freq")) << "persisted before the side effect";
    const Status done = actuator.perform(step);
    EXPECT_LE(std::stoll(text(kGpu + "/min_freq")), std::stoll(text(kGpu + "/max_freq")));
    ++writes;
    return done;
  };
  {
    Session driver = session({.perform = checked});
    for (const char* value : {"min", "max", "816MHz", "306MHz..1.224GHz", "max", "min"}) {
      ASSERT_TRUE(driver.set("gpu.freq", value)) << value;
    }
  }
  EXPECT_EQ(gpu(), kWhole);
  // min: 1, max: 2, 816: 2, limits: 2, max: 2, min: 2, back: 1
  EXPECT_EQ(writes, 12);
}

TEST_F(Driven, WhatTheDeviceDoesNotTakeIsAFailureThatNamesBoth) {
  const Perform clamps = [&](Actuator& actuator, const Step& step) -> Status {
    Step clamped = step;
    if (step.target.ends_with("max_freq") && step.value == "1300500000")
      clamped.value = "918000000";
    if (step.target.ends_with("min_freq") && step.value == "1300500000")
      clamped.value = "918000000";
    return actuator.perform(clamped);
  };
  board_.set(kGpu + "/max_freq", "1020000000\n");
  {
    Session driver = session({.perform = clamps});
    const auto outcome = driver.set("gpu.freq", "max");
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::io);
    EXPECT_THAT(outcome.error().what, HasSubstr("asked for 1300.5 MHz, the device took 918 MHz"));
  }
  EXPECT_EQ(gpu(), "306000000..1020000000");
}

TEST_F(Driven, RoundingWithoutATableIsReportedAndNoFailure) {
  const TestBoard laptop("intel-laptop");
  const Perform rounds = [](Actuator& actuator, const Step& step) -> Status {
    Step rounded = step;
    rounded.value = std::to_string(std::stoll(step.value) / 100'000 * 100'000);
    return actuator.perform(rounded);
  };
  Session driver(laptop.root(), discover(laptop.root()), {.perform = rounds});
  const auto outcome = driver.set("cpu0.freq", "1234567").value();
  EXPECT_TRUE(outcome[0].rounded);
  EXPECT_EQ(outcome[0].setting, "1234567..1234567");
  EXPECT_EQ(outcome[0].got, "1200000..1200000");
}

TEST_F(Driven, WithoutPermissionNothingIsHeld) {
  board_.forbid(kGpu + "/min_freq");
  ::chmod(board_.root().resolve(kGpu + "/min_freq").c_str(), 0444);
  std::filesystem::create_directories(board_.root().resolve("/run/wattle"));
  ::chmod(board_.root().resolve("/run/wattle").c_str(), 0777);
  const OrdinaryUser user;
  Session driver = session();
  const auto outcome = driver.set("gpu.freq", "min");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::permission_denied);
  EXPECT_THAT(outcome.error().remedy, HasSubstr("98-wattle-actuate.rules"));
  EXPECT_FALSE(has_state("gpu.freq"));
}

TEST_F(Driven, AnInputOutputErrorIsAnError) {
  Session driver = session();
  ASSERT_TRUE(driver.set("gpu.freq", "min"));
  board_.remove(kGpu + "/min_freq");
  std::filesystem::create_symlink("/proc/self/mem", board_.root().resolve(kGpu + "/min_freq"));
  const auto outcome = driver.set("gpu.freq", "max");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::io);
  const auto back = driver.restore();
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].what, What::failed);
  EXPECT_TRUE(has_state("gpu.freq")) << "the record stays";
}

TEST_F(Driven, AFileThatVanishesIsAnErrorAndIsPutBackWhenItReturns) {
  Session driver = session();
  ASSERT_TRUE(driver.set("fan.pwm", "255"));
  board_.remove(kFan + "/pwm1");
  EXPECT_EQ(driver.set("fan.pwm", "10").error().code, ErrorCode::not_found);
  EXPECT_EQ(driver.restore()[0].what, What::failed);
  board_.set(kFan + "/pwm1", "255\n");
  EXPECT_EQ(restore()[0].what, What::restored);
  EXPECT_EQ(text(kFan + "/pwm1"), "77");
}

TEST_F(Driven, HalfWrittenIsPutBack) {
  const Perform breaks = [&](Actuator& actuator, const Step& step) -> Status {
    if (step.target.ends_with("min_freq") && step.value == "1300500000") {
      return fail(ErrorCode::io, "broken");
    }
    return actuator.perform(step);
  };
  {
    Session driver = session({.perform = breaks});
    ASSERT_TRUE(driver.set("gpu.freq", "min"));
    EXPECT_EQ(driver.set("gpu.freq", "max").error().what, "broken");
    EXPECT_EQ(gpu(), kWhole) << "the maximum was written";
  }
  EXPECT_EQ(gpu(), kWhole);
  EXPECT_FALSE(has_state("gpu.freq"));
}

TEST_F(Driven, TwoDriversOfOneKnob) {
  Session first = session();
  ASSERT_TRUE(first.set("gpu.freq", "min"));
  Session second = session();
  const auto refused = second.set("gpu.freq", "max");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_THAT(refused.error().what, HasSubstr(std::to_string(::getpid())));
  EXPECT_TRUE(second.set("fan.pwm", "100")) << "another knob";
  const auto outcomes = restore();
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].what, What::busy);
  EXPECT_EQ(gpu(), "306000000..306000000") << "a running driver is left alone";
}

TEST_F(Driven, KilledAndRestored) {
  killed_at("gpu.freq", "816MHz");
  EXPECT_EQ(gpu(), kMiddle);
  const auto outcomes = restore();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].what, What::restored);
  EXPECT_EQ(gpu(), kWhole);
  EXPECT_TRUE(restore().empty());
}

TEST_F(Driven, KilledBetweenTwoWritesAndRestored) {
  killed_at("gpu.freq", "max");
  const Perform dies = [](Actuator& actuator, const Step& step) -> Status {
    const Status done = actuator.perform(step);
    ::kill(::getpid(), SIGKILL);
    return done;
  };
  killed_at("gpu.freq", "816MHz", dies);
  EXPECT_EQ(gpu(), "816000000..1300500000") << "neither the old nor the new setting";
  EXPECT_EQ(restore()[0].what, What::restored);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Driven, TheNextDriverKeepsTheOriginalOfOneThatWasKilled) {
  killed_at("gpu.freq", "816MHz");
  {
    Session driver = session();
    ASSERT_TRUE(driver.set("gpu.freq", "min"));
  }
  EXPECT_EQ(gpu(), kWhole) << "and not the 816 MHz it found";
}

TEST_F(Driven, KilledBeforeItsFirstWriteTheNextDriverStillOwnsWhatTheOneBeforeSet) {
  killed_at("gpu.freq", "816MHz");
  const Perform dies = [](Actuator&, const Step&) -> Status {
    ::kill(::getpid(), SIGKILL);
    return {};
  };
  killed_at("gpu.freq", "min", dies);
  EXPECT_EQ(restore()[0].what, What::restored);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Driven, WhatSomebodyElseHasChangedIsLeftUnlessForced) {
  killed_at("gpu.freq", "816MHz");
  board_.set(kGpu + "/max_freq", "918000000\n");
  const auto outcomes = restore();
  EXPECT_EQ(outcomes[0].what, What::left);
  EXPECT_THAT(outcomes[0].message, HasSubstr("816 to 918 MHz"));
  EXPECT_EQ(gpu(), "816000000..918000000");
  EXPECT_EQ(restore({.force = true})[0].what, What::restored);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Driven, WhatSomebodyElseHasChangedMeanwhileIsOverwrittenBySetAndLeftByTheEnd) {
  Session driver = session();
  ASSERT_TRUE(driver.set("gpu.freq", "816MHz"));
  board_.set(kGpu + "/max_freq", "918000000\n");
  ASSERT_TRUE(driver.set("gpu.freq", "816MHz")) << "the read-back notices";
  EXPECT_EQ(gpu(), kMiddle);
  board_.set(kGpu + "/max_freq", "918000000\n");
  EXPECT_EQ(driver.restore()[0].what, What::left);
  EXPECT_EQ(gpu(), "816000000..918000000");
  EXPECT_TRUE(has_state("gpu.freq"));
}

TEST_F(Driven, KeptIsLeftAndRestoreUndoesIt) {
  {
    Session driver = session();
    ASSERT_TRUE(driver.set("gpu.freq", "816MHz"));
    ASSERT_TRUE(driver.keep());
  }
  EXPECT_EQ(gpu(), kMiddle);
  {
    Session driver = session();
    ASSERT_TRUE(driver.set("gpu.freq", "min"));
  }
  EXPECT_EQ(gpu(), kMiddle) << "a later driver puts back what it found on purpose";
  EXPECT_EQ(restore()[0].what, What::restored);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Driven, ARecordOfAnEarlierBootRestoresNothing) {
  board_.set("/proc/sys/kernel/random/boot_id", "first\n");
  killed_at("gpu.freq", "816MHz");
  board_.set("/proc/sys/kernel/random/boot_id", "second\n");
  board_.set(kGpu + "/max_freq", "918000000\n");
  EXPECT_EQ(restore()[0].what, What::outdated);
  EXPECT_EQ(gpu(), "816000000..918000000");
  EXPECT_FALSE(has_state("gpu.freq"));
}

TEST_F(Driven, ARecordOfAnEarlierBootIsNoOriginalEither) {
  board_.set("/proc/sys/kernel/random/boot_id", "first\n");
  killed_at("gpu.freq", "816MHz");
  board_.set("/proc/sys/kernel/random/boot_id", "second\n");
  {
    Session driver = session();
    ASSERT_TRUE(driver.set("gpu.freq", "min"));
  }
  EXPECT_EQ(gpu(), kMiddle) << "what the new boot had";
}

TEST_F(Driven, ADamagedStateFileStopsTheDriverAndIsNotLost) {
  killed_at("gpu.freq", "816MHz");
  board_.set("/run/wattle/gpu.freq.state", "{\"version\":1,");
  Session driver = session();
  const auto outcome = driver.set("gpu.freq", "min");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::invalid_format);
  EXPECT_EQ(gpu(), kMiddle);
  EXPECT_EQ(restore()[0].what, What::failed);
  EXPECT_TRUE(has_state("gpu.freq"));
  EXPECT_EQ(restore({.forget = true})[0].what, What::forgotten);
  EXPECT_FALSE(has_state("gpu.freq"));
  EXPECT_EQ(gpu(), kMiddle);
}

TEST_F(Driven, AFullDiskForTheStateFileKeepsTheDeviceUntouched) {
  struct rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    Session driver = session();
    const struct rlimit none{0, 0};
    ::setrlimit(RLIMIT_FSIZE, &none);
    const auto outcome = driver.set("gpu.freq", "min");
    ::_exit(!outcome && outcome.error().code == ErrorCode::no_space ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(gpu(), kWhole);
  EXPECT_FALSE(has_state("gpu.freq"));
}

TEST_F(Driven, AFolderThatCannotBeMadeKeepsTheDeviceUntouched) {
  Session driver = session({.folder = "/dev/null/wattle"});
  EXPECT_FALSE(driver.set("gpu.freq", "min"));
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Driven, KnobsArePutBackInReverse) {
  std::vector<std::string> order;
  Session driver = session({.perform = [&](Actuator& actuator, const Step& step) -> Status {
    order.push_back(actuator.info().id);
    return actuator.perform(step);
  }});
  ASSERT_TRUE(driver.set("gpu.freq", "min"));
  ASSERT_TRUE(driver.set("fan.pwm", "255"));
  ASSERT_TRUE(driver.set("cpu.cores", "11"));
  order.clear();
  driver.restore();
  EXPECT_THAT(order, ElementsAre("cpu.cores", "fan.pwm", "gpu.freq"));
}

TEST_F(Driven, AKilledDriversKnobsArePutBackInReverse) {
  const pid_t child = ::fork();
  if (child == 0) {
    Session driver = session();
    (void)driver.set("gpu.freq", "min");
    (void)driver.set("cpu.cores", "4");
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  std::vector<std::string> order;
  for (const auto& outcome : restore()) order.push_back(outcome.knob);
  EXPECT_THAT(order, ElementsAre("cpu.cores", "gpu.freq"));
  EXPECT_EQ(text("/sys/devices/system/cpu/cpu11/online"), "1");
}

TEST(PowerMode, ComesBack) {
  const TestBoard board("jetson-agx-orin-jp6");
  const std::string file = "/var/lib/nvpmodel/status";
  {
    Session driver(board.root(), discover(board.root()));
    ASSERT_TRUE(driver.set("nvpmodel", "MODE_30W"));
    EXPECT_THAT(board.root().read_text(file).value(), HasSubstr("pmode:0002"));
  }
  EXPECT_THAT(board.root().read_text(file).value(), HasSubstr("pmode:0000"));
}

TEST(PowerMode, ThatNeedsARebootLeavesNothingToRestore) {
  const TestBoard board("jetson-agx-orin-jp6");
  board.set("/etc/nvpmodel.reboot", "1\n");
  {
    Session driver(board.root(), discover(board.root()));
    const auto outcome = driver.set("nvpmodel", "1");
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::unsupported);
  }
  EXPECT_FALSE(board.root().exists("/run/wattle/nvpmodel.state"));
  EXPECT_FALSE(board.root().exists("/rebooted"));
}

std::ptrdiff_t open_files() {
  DIR* const folder = ::opendir("/proc/self/fd");
  std::ptrdiff_t n = 0;
  while (::readdir(folder) != nullptr) ++n;
  ::closedir(folder);
  return n;
}

TEST_F(Driven, AThousandSetsLeaveNothingBehind) {
  Session driver = session();
  ASSERT_TRUE(driver.set("gpu.freq", "min"));
  const auto state = board_.root().resolve("/run/wattle/gpu.freq.state");
  const auto written = std::filesystem::last_write_time(state);
  const auto files = open_files();
  const auto& info = find_knobs(driver.inventory(), "gpu.freq").value()[0]->info();
  for (std::size_t i = 0; i < 1000; ++i) {
    const auto value = std::to_string(info.table[i * 7 % info.table.size()]);
    ASSERT_TRUE(driver.set("gpu.freq", value));
  }
  EXPECT_EQ(open_files(), files);
  EXPECT_EQ(std::filesystem::last_write_time(state), written) << "once durable, never again";
  EXPECT_LT(std::filesystem::file_size(board_.root().resolve("/run/wattle/gpu.freq.lock")), 200U);
  std::ptrdiff_t n = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(state.parent_path())) {
    ++n;
  }
  EXPECT_EQ(n, 2) << "one lock, one state file";
}

TEST_F(Driven, APlanWritesNothing) {
  const Inventory inventory = discover(board_.root());
  const auto targets = parse_targets(inventory, {"gpu.freq=816MHz"}).value();
  const auto steps = plan_target(targets[0]).value();
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(step_text(steps[0]), "write 816000000 to " + kGpu + "/min_freq");
  EXPECT_EQ(step_text(steps[1]), "write 816000000 to " + kGpu + "/max_freq");
  EXPECT_EQ(gpu(), kWhole);
  EXPECT_FALSE(board_.root().exists("/run/wattle"));
}

}  // namespace
}  // namespace wattle::actuate
