#include "control/virtual_knob.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "control/virtual_load.hpp"

namespace wattle::control {
namespace {

constexpr int kEnoughPolls = 6;

class Knobs : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    folder_.write(path.substr(1), text);
  }
  [[nodiscard]] std::string text(const std::string& path) const {
    return tree_.root().read_text(path).value_or("none");
  }
  TestFolder folder_;
  VirtualTree tree_ = VirtualTree::claim(folder_.path()).value();
};

TEST_F(Knobs, TakeWhatTheDriverWouldTake) {
  EXPECT_EQ(accept_number(" 816000000\n", 306, 1'300'500'000, true), "816000000");
  EXPECT_EQ(accept_number("1", 306, 1300, true), "306");
  EXPECT_EQ(accept_number("9999", 306, 1300, true), "1300");
  EXPECT_EQ(accept_number("256", 0, 255, false), std::nullopt);
  for (const char* garbage : {"", "abc", "-5", "12x", "1.5", "99999999999999999999999"}) {
    EXPECT_EQ(accept_number(garbage, 0, 255, true), std::nullopt) << garbage;
  }
  EXPECT_EQ(accept_word("performance\n", {"powersave", "performance"}), "performance");
  EXPECT_EQ(accept_word("turbo", {"powersave", "performance"}), std::nullopt);
}

TEST_F(Knobs, EmptyForAMomentIsTheOldValue) {
  Knob knob("/pwm1", "128", [](std::string_view t) { return accept_number(t, 0, 255, false); });
  ASSERT_TRUE(knob.set(tree_, "128"));
  write("/pwm1", "");
  ASSERT_TRUE(knob.poll(tree_));
  EXPECT_EQ(knob.value(), "128");
  EXPECT_EQ(text("/pwm1"), "") << "the writer is left alone";
  write("/pwm1", "200");
  ASSERT_TRUE(knob.poll(tree_));
  EXPECT_EQ(knob.value(), "200");
}

TEST_F(Knobs, GarbageChangesNothingAndIsPutBack) {
  Knob knob("/pwm1", "128", [](std::string_view t) { return accept_number(t, 0, 255, false); });
  ASSERT_TRUE(knob.set(tree_, "128"));
  for (const char* garbage : {"300", "fast", "-1", "\x01\xff"}) {
    write("/pwm1", garbage);
    for (int i = 0; i < kEnoughPolls; ++i) {
      ASSERT_TRUE(knob.poll(tree_));
      EXPECT_EQ(knob.value(), "128");
    }
    EXPECT_EQ(text("/pwm1"), "128\n") << garbage;
  }
  std::filesystem::remove(folder_.path() / "pwm1");
  for (int i = 0; i < kEnoughPolls; ++i) ASSERT_TRUE(knob.poll(tree_));
  EXPECT_EQ(text("/pwm1"), "128\n") << "sysfs files cannot be removed";
}

TEST_F(Knobs, LimitsAreClampedToTheTableAndSayWhatCounts) {
  LimitKnobs limits("/min", "/max", 306, 1300);
  ASSERT_TRUE(limits.create(tree_));
  write("/max", "5000");
  for (int i = 0; i < kEnoughPolls; ++i) ASSERT_TRUE(limits.poll(tree_));
  EXPECT_EQ(limits.high(), 1300.0);
  EXPECT_EQ(text("/max"), "1300\n");
  write("/max", "600");
  ASSERT_TRUE(limits.poll(tree_));
  EXPECT_EQ(limits.high(), 600.0);
  EXPECT_EQ(limits.low(), 306.0);
}

TEST_F(Knobs, CrossedLimitsKeepTheLastPair) {
  LimitKnobs limits("/min", "/max", 306, 1300);
  ASSERT_TRUE(limits.create(tree_));
  write("/min", "918");
  ASSERT_TRUE(limits.poll(tree_));
  write("/max", "408");  // lowered in the wrong order: the driver would refuse
  ASSERT_TRUE(limits.poll(tree_));
  EXPECT_EQ(limits.low(), 918.0);
  EXPECT_EQ(limits.high(), 1300.0);
  write("/min", "306");  // the second write of a writer that was slow
  ASSERT_TRUE(limits.poll(tree_));
  EXPECT_EQ(limits.low(), 306.0);
  EXPECT_EQ(limits.high(), 408.0);
  write("/min", "918");
  for (int i = 0; i < kEnoughPolls; ++i) ASSERT_TRUE(limits.poll(tree_));
  EXPECT_EQ(limits.high(), 408.0);
  EXPECT_EQ(text("/min"), "306\n");
  EXPECT_EQ(text("/max"), "408\n");
}

TEST(VirtualLoad, IsReadFromItsNameAndNothingElse) {
  for (const char* name : {"idle", "busy", "host", "prefill:512", "decode:32", "0.25", "0", "1"}) {
    const auto load = parse_load(name);
    ASSERT_TRUE(load) << name;
    EXPECT_EQ(load_name(*load), name);
  }
  EXPECT_EQ(load_name(parse_load("prefill").value()), "prefill:512");
  for (const char* name : {"", "decode", "decode:", "decode:0", "decode:x", "decode:9999",
                           "encode:3", "1.5", "-0.1", "nan", "inf", "0.5x", "prefill:-1"}) {
    const auto load = parse_load(name);
    ASSERT_FALSE(load) << name;
    EXPECT_EQ(load.error().code, ErrorCode::invalid_argument);
  }
}

TEST(VirtualLoad, AShareOfTheHighestClockIsMoreOfALowerOne) {
  const OrinParameters p;
  const Load quarter = parse_load("0.25").value();
  EXPECT_DOUBLE_EQ(gpu_work(p, quarter, 1300.5e6, 3199e6).busy, 0.25);
  EXPECT_DOUBLE_EQ(gpu_work(p, quarter, 650.25e6, 3199e6).busy, 0.5);
  EXPECT_DOUBLE_EQ(gpu_work(p, quarter, 306e6, 3199e6).busy, 1.0);
}

TEST(VirtualLoad, HostShareIsBusyTimeOfAllCores) {
  const TestFolder folder;
  const FsRoot host(folder.path());
  FakeClock clock;
  HostShare share(host, clock);
  EXPECT_EQ(share.share(), 0.0) << "no /proc/stat";
  folder.write("proc/stat", "cpu  100 0 0 900 0 0 0 0\ncpu0 50 0 0 450 0 0 0 0\ncpu1 50 0 0 450\n");
  EXPECT_EQ(share.share(), 0.0) << "one reading says nothing";
  clock.advance_ns(1'000'000'000);
  // 50 ticks of 10 ms in one second on two cores: a quarter.
  folder.write("proc/stat", "cpu  150 0 0 1050 0 0 0 0\ncpu0 50 0 0 450 0 0 0 0\ncpu1 50 0 0 4\n");
  EXPECT_DOUBLE_EQ(share.share(), 0.25);
  clock.advance_ns(1'000'000'000);
  folder.write("proc/stat", "garbage");
  EXPECT_DOUBLE_EQ(share.share(), 0.25) << "the last known";
}

}  // namespace
}  // namespace wattle::control
