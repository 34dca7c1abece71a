#include "sense/process_stat.hpp"

#include <unistd.h>

#include "sense/test_gauges.hpp"

namespace wattle::sense {
namespace {

constexpr const char* kSelf = "/proc/self/stat";

// Minor faults 111, major 3, user 250, system 50, started at 9000.
std::string stat_line(const std::string& name, const std::string& state = "S",
                      const std::string& user = "250", const std::string& start = "9000") {
  return "4242 (" + name + ") " + state + " 1 4242 4242 0 -1 4194560 111 222 3 4 " + user +
         " 50 7 8 20 0 5 0 " + start + " 123456789 2048 18446744073709551615\n";
}

void set_process(const TestBoard& board) {
  board.set(kSelf, stat_line("wattle"));
  board.set("/proc/self/status", "Name:\twattle\nVmHWM:\t    9000 kB\nVmRSS:\t    2048 kB\n");
  board.set("/proc/self/smaps_rollup",
            "55d0-7ffd ---p 00000000 00:00 0    [rollup]\nRss:                2048 kB\n"
            "Pss:                1536 kB\nPss_Dirty:           100 kB\n");
}

TEST(ProcessStat, ANameWithSpacesAndParenthesesIsNoField) {
  for (const char* name : {"wattle", "a b", "a) S 1 2 3", "((", "))", ") R (x", ""}) {
    const auto stat = parse_process_stat(stat_line(name), "test");
    ASSERT_TRUE(stat) << name;
    EXPECT_EQ(stat->state, 'S') << name;
    EXPECT_EQ(stat->minor_faults, 111U);
    EXPECT_EQ(stat->major_faults, 3U);
    EXPECT_EQ(stat->cpu_ticks, 300U);
    EXPECT_EQ(stat->start_ticks, 9000U);
  }
}

TEST(ProcessStat, GarbageIsAnError) {
  for (const std::string& text :
       {std::string(), std::string("x"), std::string("1 (a"), std::string("1 (a) S 1 2"),
        std::string("a (b) S 1"), stat_line("a", "SS"), stat_line("a", "S", "-5"),
        stat_line("a", "S", "18446744073709551615"), stat_line("a", "S", "1", "x")}) {
    EXPECT_FALSE(parse_process_stat(text, "test")) << text;
  }
}

TEST(ProcessStat, KibibytesAreReadByTheirWholeKey) {
  const std::string text = "Rss:  4 kB\nPss_Anon:  1 kB\nPss:   3 kB\nSwap:  x kB\nHuge: 5\n";
  EXPECT_EQ(parse_kib_line(text, "Pss", "test").value(), 3072U);
  EXPECT_EQ(parse_kib_line(text, "Swap", "test").error().code, ErrorCode::invalid_format);
  EXPECT_EQ(parse_kib_line(text, "Huge", "test").error().code, ErrorCode::invalid_format);
  EXPECT_EQ(parse_kib_line(text, "ss", "test").error().code, ErrorCode::unavailable);
  EXPECT_FALSE(parse_kib_line("A: 99999999999999999999 kB", "A", "test"));
  EXPECT_FALSE(parse_kib_line("A: 18446744073709551615 kB", "A", "test")) << "more than 64 bits";
}

TEST(Memory, OfTheProcessAndOfTheMachine) {
  const TestBoard board("virtual-machine");
  set_process(board);
  const FakeClock clock;
  const GaugeInventory inventory =
      gauges_of(board, clock, [](GaugeCollector& out) { discover_memory(out, {}); });
  EXPECT_DOUBLE_EQ(value_of(inventory, "mem:process-rss").value(), 2048.0 * 1024.0);
  EXPECT_DOUBLE_EQ(value_of(inventory, "mem:process-pss").value(), 1536.0 * 1024.0);
  EXPECT_DOUBLE_EQ(value_of(inventory, "faults:minor").value(), 111.0);
  EXPECT_DOUBLE_EQ(value_of(inventory, "faults:major").value(), 3.0);
  EXPECT_DOUBLE_EQ(value_of(inventory, "mem:available").value(), 2'000'000.0 * 1024.0);
}

TEST(Memory, WhatMayNotBeReadOfAnotherProcessComesWithTheRemedy) {
  const TestBoard board("virtual-machine");
  set_process(board);
  board.forbid("/proc/self/smaps_rollup");
  const FakeClock clock;
  const auto discover = [](GaugeCollector& out) { discover_memory(out, {}); };
  {
    const OrdinaryUser user;
    const GaugeInventory inventory = gauges_of(board, clock, discover);
    const Unavailable* const pss = find_unavailable(inventory, "mem:process-pss");
    ASSERT_NE(pss, nullptr);
    EXPECT_NE(pss->remedy.find("user of that process"), std::string::npos);
    EXPECT_NE(find(inventory, "mem:process-rss"), nullptr);
  }
  board.remove("/proc/self/smaps_rollup");
  const GaugeInventory old = gauges_of(board, clock, discover);
  EXPECT_NE(find_unavailable(old, "mem:process-pss")->remedy.find("Linux 4.14"), std::string::npos);
}

TEST(Memory, AProcessThatEndedIsAnErrorAlsoWhereItsNumberIsReused) {
  const TestBoard board("virtual-machine");
  set_process(board);
  const FakeClock clock;
  const GaugeInventory inventory =
      gauges_of(board, clock, [](GaugeCollector& out) { discover_memory(out, {}); });
  const auto ended = [&](const std::string& id) {
    const auto value = value_of(inventory, id);
    return !value && value.error().what == "this process has ended";
  };
  board.set(kSelf, stat_line("wattle", "Z"));
  EXPECT_TRUE(ended("mem:process-rss"));
  board.set(kSelf, stat_line("other", "S", "1", "9500"));
  EXPECT_TRUE(ended("faults:minor"));
  EXPECT_TRUE(ended("mem:process-pss"));
  board.remove("/proc/self");
  EXPECT_TRUE(ended("mem:process-rss"));
}

TEST(Memory, ThisVeryProcessIsReadOnTheMachineItself) {
  SystemClock clock;
  const FsRoot root("/");
  for (const int pid : {0, static_cast<int>(::getpid())}) {
    GaugeCollector out(root, clock);
    discover_memory(out, {.pid = pid});
    const GaugeInventory inventory = out.take();
    EXPECT_GT(value_of(inventory, "mem:process-rss").value(), 1e5);
    EXPECT_GT(value_of(inventory, "faults:minor").value(), 0.0);
  }
}

}  // namespace
}  // namespace wattle::sense
