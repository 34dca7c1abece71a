#include "sense/log.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "sense/log_table.hpp"
#include "sense/replay.hpp"
#include "sense/test_board.hpp"
#include "wattle_folders.hpp"

namespace wattle::sense {
namespace {

std::filesystem::path sample(const std::string& name) {
  return std::filesystem::path(WATTLE_SOURCE_DIR) / "tests/fixtures/logs" / name;
}

bool noted(const SensorLog& log, const std::string& part) {
  for (const std::string& note : log.notes) {
    if (note.find(part) != std::string::npos) return true;
  }
  return false;
}

std::string problem(const Result<SensorLog>& log) {
  return log ? "none" : log.error().message();
}

TEST(CsvRows, QuotesLineEndsAndSpaces) {
  CsvRows rows("\xEF\xBB\xBF a , \"b, \"\"c\"\"\nd\" ,e\r\n\nlast");
  std::vector<std::string> cells;
  ASSERT_TRUE(rows.next(cells).value());
  EXPECT_EQ(cells, (std::vector<std::string>{"a", "b, \"c\"\nd", "e"}));
  ASSERT_TRUE(rows.next(cells).value());
  EXPECT_EQ(cells, (std::vector<std::string>{""}));
  EXPECT_EQ(rows.line(), 3U);
  ASSERT_TRUE(rows.next(cells).value());
  EXPECT_TRUE(rows.unfinished());
  EXPECT_FALSE(rows.next(cells).value());
}

TEST(CsvRows, ALineWithoutEndIsAnErrorAndNotAllMemory) {
  const std::string huge(kLongestLogLine + 2, 'x');
  CsvRows rows(huge);
  std::vector<std::string> cells;
  EXPECT_EQ(rows.next(cells).error().code, ErrorCode::invalid_format);
}

TEST(PowerGadgetLog, CountersOverWattsAndNothingOfDomainsAtZero) {
  const auto log = read_log(sample("power-gadget.csv"));
  ASSERT_TRUE(log) << problem(log);
  EXPECT_EQ(log->format, LogFormat::power_gadget);
  EXPECT_EQ(log->clock, LogClock::unstated);
  EXPECT_FALSE(log->date_known);
  ASSERT_EQ(log->power.size(), 2U);  // package and IA; DRAM prints zeros
  EXPECT_EQ(log->power[0].info.id, "power-gadget:package-0");
  EXPECT_EQ(log->power[0].info.kind, Kind::counter);
  EXPECT_EQ(log->power[1].info.inside, std::vector<std::string>{"power-gadget:package-0"});
  EXPECT_EQ(log->total, std::vector<std::size_t>{0}) << "IA is inside the package";
  EXPECT_TRUE(noted(*log, "cumulative dram energy_0(joules) stands at 0"));
  EXPECT_EQ(log->power[0].readings.size(), 160U) << "the summary is no reading";
}

TEST(PowerGadgetLog, WattsWithoutJoulesAndMidnight) {
  ReadLogOptions options;
  options.date_ns = 0;
  const auto log =
      parse_log("System Time,Processor Power_0(Watt)\n23:59:59:500, 10.0\n00:00:00:500, 20.0\n",
                "x", options);
  ASSERT_TRUE(log) << problem(log);
  EXPECT_EQ(log->power[0].info.kind, Kind::sampled);
  EXPECT_EQ(log->power[0].readings[1].t_ns - log->power[0].readings[0].t_ns, 1'000'000'000);
  EXPECT_TRUE(log->date_known);
}

TEST(NvidiaSmiLog, UnitsGaugesAndWhatIsNotSupported) {
  const auto log = parse_log(
      "timestamp, index, power.draw [W], utilization.gpu [%], clocks.sm [MHz]\n"
      "2025/11/20 13:45:00.000, 0, 25.31 W, 50 %, 1200 MHz\n"
      "2025/11/20 13:45:00.000, 1, [Not Supported], 0 %, 210 MHz\n"
      "2025/11/20 13:45:01.000, 0, [N/A], 50 %, 1200 MHz\n"
      "2025/11/20 13:45:01.000, 1, 7.00 W, 0 %, 210 MHz\n",
      "x");
  ASSERT_TRUE(log) << problem(log);
  ASSERT_EQ(log->power.size(), 2U);
  EXPECT_EQ(log->power[0].info.id, "nvidia-smi:gpu0");
  EXPECT_DOUBLE_EQ(*log->power[0].readings[0].value, 25.31);
  EXPECT_EQ(log->power[0].readings[1].reason, "power reads '[N/A]'");
  EXPECT_FALSE(log->power[1].readings[0].value);
  EXPECT_EQ(log->gauges[0].info.quantity, Quantity::utilisation);
  EXPECT_DOUBLE_EQ(*log->gauges[0].readings[0].value, 0.5);
  EXPECT_DOUBLE_EQ(*log->gauges[1].readings[0].value, 1.2e9);
  EXPECT_TRUE(noted(*log, "mean of a second"));
}

TEST(NvidiaSmiLog, WithoutUnitsAndInAnyOrderOfColumns) {
  const auto log =
      parse_log("power.draw.instant [W], timestamp\n25.31, 2025/11/20 13:45:00.000\n", "x");
  ASSERT_TRUE(log) << problem(log);
  EXPECT_EQ(log->format, LogFormat::nvidia_smi);
  EXPECT_DOUBLE_EQ(*log->power[0].readings[0].value, 25.31);
}

TEST(PowerCsv, TheColumnsOfAScriptAroundNvml) {
  const auto log = read_log(sample("raw_gpu_power.csv"));
  ASSERT_TRUE(log) << problem(log);
  EXPECT_EQ(log->format, LogFormat::power_csv);
  EXPECT_EQ(log->power[0].info.id, "csv:power_w");
  EXPECT_DOUBLE_EQ(log->power[0].info.resolution_w, 0.01);
  EXPECT_DOUBLE_EQ(log->power[0].info.default_rate_hz, 10.0);
  EXPECT_EQ(log->total.size(), 1U);
}

TEST(PowerCsv, UnitsTotalsAndRelativeTimes) {
  const auto log = parse_log(
      "time_s,GPU Power (mW),total_power_w,power limit (W)\n0,1500,9,70\n1,2500,9,70\n", "x");
  ASSERT_TRUE(log) << problem(log);
  ASSERT_EQ(log->power.size(), 2U) << "a limit is no power";
  EXPECT_DOUBLE_EQ(*log->power[0].readings[1].value, 2.5);
  EXPECT_EQ(log->power[0].info.rail, Rail::gpu);
  EXPECT_EQ(log->total, std::vector<std::size_t>{1});
  EXPECT_EQ(log->clock, LogClock::none);
}

TEST(PowerCsv, ColumnsThatMayContainEachOtherHaveNoTotal) {
  const auto log = parse_log("timestamp,cpu_power_w,gpu_power_w\n1763646300,1,2\n", "x");
  ASSERT_TRUE(log) << problem(log);
  EXPECT_TRUE(log->total.empty());
  EXPECT_NE(log->total_note.find("--sensor"), std::string::npos);
}

TEST(PowerCsv, ATableOfSumsSaysWhatIsMissing) {
  ReadLogOptions options;
  options.format = LogFormat::power_csv;
  const auto log = parse_log("timestamp,backend,energy_joules,notes\n", "power_logs.csv", options);
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().what.find("(timestamp, backend, energy_joules, notes) hold no power"),
            std::string::npos)
      << log.error().what;
}

TEST(RecordedTegrastats, LinesOfASecondAreSpreadOverIt) {
  const auto log = read_log(sample("tegrastats.log"));
  ASSERT_TRUE(log) << problem(log);
  ASSERT_EQ(log->power.size(), 4U);
  EXPECT_EQ(log->total.size(), 3U) << "VIN_SYS_5V0 contains VDDQ_VDD2_1V8AO";
  const auto& readings = log->power[0].readings;
  ASSERT_EQ(readings.size(), 12U);
  // 0.60 s and 0.85 s are stamped 0: two of four, at the end of their second.
  EXPECT_EQ(readings[1].t_ns - readings[0].t_ns, 250'000'000);
  EXPECT_EQ(readings[2].t_ns - readings[1].t_ns, 250'000'000);
  EXPECT_EQ(readings[11].t_ns - readings[0].t_ns, 2'750'000'000);
  EXPECT_TRUE(noted(*log, "whole seconds"));
}

TEST(RecordedTegrastats, WithoutTimesTheIntervalIsTheCallers) {
  ReadLogOptions options;
  options.interval_s = 0.5;
  const auto log = parse_log(
      "RAM 1/2MB CPU [1%@100] POM_5V_IN 2000/2000\nRAM 1/2MB CPU [1%@100] POM_5V_IN 4000/3000\n",
      "x", options);
  ASSERT_TRUE(log) << problem(log);
  EXPECT_EQ(log->power[0].readings[1].t_ns, 500'000'000);
  EXPECT_TRUE(noted(*log, "0.5 s apart"));
}

TEST(Log, TimeGoingBackIsAGapAndNeverSilent) {
  const auto log =
      parse_log("time_s,power_w\n0,10\n1,10\n1,10\n5,10\n2,10\n3,10\n6,10\n7,10\n", "x");
  ASSERT_TRUE(log) << problem(log);
  const auto& readings = log->power[0].readings;
  ASSERT_EQ(readings.size(), 6U);  // 0, 1, 5, the gap, 6, 7
  EXPECT_EQ(readings[3].reason, "time went back by 3.000 s");
  EXPECT_FALSE(readings[3].value);
  EXPECT_TRUE(noted(*log, "1 readings at a time that had one"));
  EXPECT_TRUE(noted(*log, "2 readings until it had caught up"));
}

TEST(Log, NegativePowerAndNaNAreGaps) {
  const auto log = parse_log("time_s,power_w\n0,10\n1,-3\n2,nan\n3,1e9\n4,10\n", "x");
  ASSERT_TRUE(log) << problem(log);
  const auto& readings = log->power[0].readings;
  EXPECT_EQ(readings[1].reason, "-3 W is no power of a machine");
  EXPECT_EQ(readings[2].reason, "reads 'nan'");
  EXPECT_FALSE(readings[3].value);
  EXPECT_TRUE(readings[4].value);
}

TEST(Log, AFallingCounterIsAResetAndTheSumGoesOn) {
  const auto log = parse_log(
      "System Time,Elapsed Time (sec),Cumulative Processor Energy_0(Joules)\n"
      "10:00:00:000,0.0,100\n10:00:01:000,1.0,110\n10:00:02:000,2.0,5\n10:00:03:000,3.0,15\n",
      "x");
  ASSERT_TRUE(log) << problem(log);
  const auto& readings = log->power[0].readings;
  EXPECT_DOUBLE_EQ(*readings[1].value, 10.0);
  EXPECT_NE(readings[2].reason.find("taken as a reset"), std::string::npos);
  EXPECT_DOUBLE_EQ(*readings[3].value - *readings[2].value, 10.0);
}

TEST(Log, ALineThatIsCutOffIsLeftOutAndSaid) {
  const auto log = parse_log("time_s,power_w\n0,10\n1,12.3", "x");
  ASSERT_TRUE(log) << problem(log);
  EXPECT_EQ(log->power[0].readings.size(), 1U);
  EXPECT_TRUE(log->cut_off);
  EXPECT_TRUE(noted(*log, "cut off"));
}

TEST(Log, BadLinesAreCountedWithTheFirstNamed) {
  const auto log = parse_log("time_s,power_w\n0,10\nhello\n?,3\n1,10\n", "x");
  ASSERT_TRUE(log) << problem(log);
  EXPECT_TRUE(noted(*log, "2 lines left out (first line 3: 1 cells, the header has 2)"));
}

TEST(Log, WhatIsNoLogIsRefusedWithTheRemedy) {
  EXPECT_NE(problem(parse_log("", "x")).find("empty"), std::string::npos);
  EXPECT_EQ(parse_log("hello world\n", "x").error().code, ErrorCode::unsupported);
  EXPECT_EQ(parse_log(std::string("\0\1\2\xff,power\n\0,\n", 14), "x").error().code,
            ErrorCode::invalid_format);
  EXPECT_EQ(parse_log("timestamp,power_w\n", "x").error().code, ErrorCode::invalid_format);
  EXPECT_EQ(read_log("/nonexistent/x.csv").error().code, ErrorCode::not_found);
  const TestFolder folder;
  const auto file = folder.write("x.csv", "time_s,power_w\n0,1\n");
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(file, std::filesystem::perms::none);
  const OrdinaryUser user;
  EXPECT_EQ(read_log(file).error().code, ErrorCode::permission_denied);
}

TEST(Log, EveryFormatHasItsName) {
  for (const LogFormat format :
       {LogFormat::wattle_csv, LogFormat::wattle_jsonl, LogFormat::power_gadget,
        LogFormat::nvidia_smi, LogFormat::tegrastats, LogFormat::power_csv}) {
    EXPECT_EQ(log_format_from_name(log_format_name(format)), format);
  }
}

TEST(Log, ReadingsDecadesApartAreAGap) {
  const auto log =
      parse_log("timestamp,power_w\n2026-11-20T13:45:00,31\n2062-11-20T13:45:00,31\n", "x");
  ASSERT_TRUE(log) << problem(log);
  const LogReplay replay(*log, {0});
  EXPECT_EQ(replay.gaps().size(), 1U);
}

// Replay

TEST(LogReplay, TrapezoidsOfSampledPower) {
  const auto log = parse_log("time_s,power_w\n0,10\n1,20\n2,20\n", "x").value();
  const LogReplay replay(log, {0});
  // 15 J in the first second, 20 J in the second.
  EXPECT_DOUBLE_EQ(*replay.between(0, 2'000'000'000).energy_j, 35.0);
  EXPECT_DOUBLE_EQ(*replay.between(0, 1'000'000'000).energy_j, 15.0);
  EXPECT_DOUBLE_EQ(*replay.peak_power_w(0, 2'000'000'000), 20.0);
  EXPECT_TRUE(replay.gaps().empty());
}

TEST(LogReplay, AcrossAGapNothingIsKnownButTheParts) {
  const auto log = parse_log("time_s,power_w\n0,10\n1,10\n2,-1\n3,10\n4,10\n", "x").value();
  const LogReplay replay(log, {0});
  const WindowEnergy whole = replay.between(0, 4'000'000'000);
  EXPECT_FALSE(whole.energy_j);
  EXPECT_NE(whole.problem.find("-1 W is no power"), std::string::npos);
  EXPECT_DOUBLE_EQ(replay.known_between(0, 4'000'000'000).energy_j, 20.0);
  EXPECT_DOUBLE_EQ(replay.known_between(0, 4'000'000'000).seconds, 2.0);
  ASSERT_EQ(replay.gaps().size(), 1U);
  EXPECT_EQ(replay.gaps()[0].begin_ns, 1'000'000'000);
  EXPECT_EQ(replay.gaps()[0].end_ns, 3'000'000'000);
}

TEST(LogReplay, AHoleInTheSamplesIsAGap) {
  const auto log =
      parse_log("time_s,power_w\n0,10\n0.1,10\n0.2,10\n0.3,10\n60,10\n60.1,10\n", "x").value();
  const LogReplay replay(log, {0});
  ASSERT_EQ(replay.gaps().size(), 1U);
  EXPECT_NE(replay.gaps()[0].reason.find("not sampled for 59.7 s"), std::string::npos);
}

TEST(LogReplay, OutsideTheLogNothingIsKnown) {
  const auto log = parse_log("time_s,power_w\n0,10\n1,10\n", "x").value();
  const LogReplay replay(log, {0});
  EXPECT_NE(replay.between(-500'000'000, 1'000'000'000).problem.find("begins 0.500 s later"),
            std::string::npos);
  EXPECT_NE(replay.between(0, 2'000'000'000).problem.find("ends 1.000 s earlier"),
            std::string::npos);
}

TEST(LogReplay, CountersOfSeveralRatesTogether) {
  const auto log =
      parse_log(
          "System Time,Elapsed Time (sec),Cumulative Processor Energy_0(Joules),Cumulative DRAM "
          "Energy_0(Joules)\n"
          "10:00:00:000,0,0,0\n10:00:01:000,1,10,2\n10:00:02:000,2,30,4\n",
          "x")
          .value();
  const LogReplay replay(log, log.total);
  ASSERT_EQ(log.total.size(), 2U);
  const std::int64_t begin = *replay.first_ns();
  EXPECT_DOUBLE_EQ(*replay.between(begin, begin + 2'000'000'000).energy_j, 34.0);
  EXPECT_EQ(choose_sensors(log, {"power-gadget:nothing"}).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace wattle::sense
