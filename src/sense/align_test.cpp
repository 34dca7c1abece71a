#include "sense/align.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "sense/log.hpp"
#include "wattle_folders.hpp"

namespace wattle::sense {
namespace {

constexpr std::int64_t kNs = 1'000'000'000;
constexpr std::int64_t kStart = 1'763'646'000;  // seconds since 1970

struct Pulse {
  double begin_s;
  double length_s;
};

// Irregular, as runs are: begins and lengths follow no period.
std::vector<Pulse> pulses(std::size_t n, double pause_s = 6.0) {
  std::vector<Pulse> all;
  double at_s = 10.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double length_s = 3.0 + static_cast<double>(i * 7 % 5);
    all.push_back({at_s, length_s});
    at_s += length_s + pause_s + static_cast<double>(i * 5 % 7);
  }
  return all;
}

std::vector<RunWindow> windows(const std::vector<Pulse>& all) {
  std::vector<RunWindow> runs;
  for (const Pulse& p : all) {
    const auto begin = kStart * kNs + static_cast<std::int64_t>(p.begin_s * 1e9);
    runs.push_back({fmt::format("r{}", runs.size()), begin,
                    begin + static_cast<std::int64_t>(p.length_s * 1e9)});
  }
  return runs;
}

struct Recording {
  double step_s = 0.1;
  double clock_ahead_s = 0.0;  // the log's clock shows this much more than the runs'
  double drift_ppm = 0.0;      // and gains this much
  double noise_w = 0.0;
  double idle_w = 20.0;
  double busy_w = 120.0;
  double missing_from_s = -1.0;
  double missing_to_s = -1.0;
  double jitter_s = 0.013;  // so that readings do not fall on edges
};

std::string recorded(const std::vector<Pulse>& all, const Recording& how) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0.0, 1.0);
  std::string text = "timestamp,power_w\n";
  const double end_s = all.back().begin_s + all.back().length_s + 10.0;
  for (double t_s = how.jitter_s; t_s < end_s; t_s += how.step_s) {
    const double wiggle = how.noise_w * noise(random);
    if (t_s >= how.missing_from_s && t_s < how.missing_to_s) continue;
    double power_w = how.idle_w;
    for (const Pulse& p : all) {
      if (t_s >= p.begin_s && t_s < p.begin_s + p.length_s) power_w = how.busy_w;
    }
    const double shown_s = t_s * (1.0 + how.drift_ppm * 1e-6) + how.clock_ahead_s;
    const auto whole = static_cast<std::int64_t>(std::floor(shown_s));
    text += fmt::format("{}.{:06},{:.3f}\n", kStart + whole,
                        static_cast<int>((shown_s - static_cast<double>(whole)) * 1e6),
                        std::max(0.0, power_w + wiggle));
  }
  return text;
}

ClockOffset find(const std::vector<Pulse>& all, const Recording& how,
                 const OffsetOptions& options = {}) {
  const SensorLog log = parse_log(recorded(all, how), "x").value();
  const LogReplay replay(log, {0});
  return offset_to_runs(PowerTrace(replay, log.wall_offset_ns), windows(all), options);
}

void expect_found(const ClockOffset& found, double offset_s) {
  ASSERT_TRUE(found.known) << found.problem;
  EXPECT_GT(found.uncertainty_s, 0.0);
  EXPECT_LT(found.uncertainty_s, 0.3);
  EXPECT_NEAR(found.offset_s, offset_s, 3.0 * found.uncertainty_s);  // it is one deviation
}

TEST(ClockOffset, IsRecoveredWithinItsUncertainty) {
  expect_found(find(pulses(10), {.clock_ahead_s = 37.25}), -37.25);
  expect_found(find(pulses(10), {.clock_ahead_s = -12.3, .noise_w = 40.0}), 12.3);
  expect_found(find(pulses(10), {.step_s = 0.5, .clock_ahead_s = 37.25, .noise_w = 10.0}), -37.25);
}

TEST(ClockOffset, MissingPiecesDoNotMoveIt) {
  expect_found(
      find(pulses(10),
           {.clock_ahead_s = 37.25, .noise_w = 20.0, .missing_from_s = 30.0, .missing_to_s = 62.0}),
      -37.25);
}

TEST(ClockOffset, OneRunIsEnoughButLessCertain) {
  const ClockOffset one = find(pulses(1), {.clock_ahead_s = 3.0});
  expect_found(one, -3.0);
  EXPECT_GT(one.uncertainty_s, find(pulses(10), {.clock_ahead_s = 3.0}).uncertainty_s);
}

TEST(ClockOffset, LocalTimeIsFoundAmongTheZones) {
  OffsetOptions options;
  options.any_zone = true;
  expect_found(find(pulses(10), {.clock_ahead_s = -5.0 * 3600.0 + 2.5}, options),
               5.0 * 3600.0 - 2.5);
}

TEST(ClockOffset, FlatIsRefused) {
  const ClockOffset constant = find(pulses(10), {.idle_w = 50.0, .busy_w = 50.0});
  EXPECT_FALSE(constant.known);
  EXPECT_NE(constant.problem.find("too flat"), std::string::npos) << constant.problem;
  const ClockOffset noise = find(pulses(10), {.noise_w = 10.0, .idle_w = 50.0, .busy_w = 50.0});
  EXPECT_FALSE(noise.known);
  EXPECT_NE(noise.problem.find("too flat"), std::string::npos) << noise.problem;
}

TEST(ClockOffset, EqualRunsAtEqualDistancesInALongerLogAreAmbiguous) {
  // The log saw sixty of them, the list names ten: any ten in a row fit alike.
  std::vector<Pulse> many;
  for (int i = 0; i < 60; ++i) many.push_back({10.0 + 10.0 * i, 5.0});
  const SensorLog log = parse_log(recorded(many, {}), "x").value();
  const LogReplay replay(log, {0});
  const std::vector<Pulse> ten(many.begin() + 25, many.begin() + 35);
  const ClockOffset found =
      offset_to_runs(PowerTrace(replay, log.wall_offset_ns), windows(ten), {});
  EXPECT_FALSE(found.known);
  EXPECT_NE(found.problem.find("ambiguous"), std::string::npos) << found.problem;
}

TEST(ClockOffset, BeyondWhatWasLookedAtIsNotGuessed) {
  OffsetOptions options;
  options.max_offset_s = 1.0;
  const ClockOffset found = find(pulses(10), {.clock_ahead_s = 2.0}, options);
  EXPECT_FALSE(found.known);
  EXPECT_NE(found.problem.find("--max-offset"), std::string::npos) << found.problem;
}

TEST(ClockOffset, DriftOfALongLogIsFoundAndAShortOnesIsNot) {
  const ClockOffset found = find(pulses(150, 20.0), {.clock_ahead_s = 1.0, .drift_ppm = 200.0});
  ASSERT_TRUE(found.known) << found.problem;
  ASSERT_TRUE(found.drift_ppm);
  // What is found corrects the log's gain: −200 ppm.
  EXPECT_NEAR(*found.drift_ppm, -200.0, 3.0 * found.drift_uncertainty_ppm);
  EXPECT_LT(found.drift_uncertainty_ppm, 66.0);
  // At the end of the log the clock is 1 s + 200 ppm of the time ahead.
  const RunWindow last = windows(pulses(150, 20.0)).back();
  const double since_s = static_cast<double>(last.begin_ns - kStart * kNs) * 1e-9;
  EXPECT_NEAR(static_cast<double>(log_time(last.begin_ns, found, 0) - last.begin_ns) * 1e-9,
              1.0 + 200e-6 * since_s, 0.1);
  EXPECT_FALSE(find(pulses(10), {.clock_ahead_s = 1.0}).drift_ppm);
}

TEST(ClockOffset, TwoLogsAgainstEachOther) {
  const SensorLog one = parse_log(recorded(pulses(10), {.noise_w = 5.0}), "x").value();
  const SensorLog two = parse_log(recorded(pulses(10), {.step_s = 0.25,
                                                        .clock_ahead_s = 37.25,
                                                        .noise_w = 2.0,
                                                        .idle_w = 5.0,
                                                        .busy_w = 30.0}),
                                  "x")
                            .value();
  const LogReplay first(one, {0});
  const LogReplay second(two, {0});
  expect_found(offset_to_trace(PowerTrace(second, two.wall_offset_ns),
                               PowerTrace(first, one.wall_offset_ns), {}),
               -37.25);
  const SensorLog flat =
      parse_log(recorded(pulses(10), {.idle_w = 5.0, .busy_w = 5.0}), "x").value();
  const LogReplay third(flat, {0});
  EXPECT_FALSE(offset_to_trace(PowerTrace(third, flat.wall_offset_ns),
                               PowerTrace(first, one.wall_offset_ns), {})
                   .known);
}

// Joining

ClockOffset given(double offset_s) {
  ClockOffset offset;
  offset.known = true;
  offset.offset_s = offset_s;
  return offset;
}

TEST(Combine, AddsEnergiesAndMultipliesByTheTimeForEdp) {
  // 30 J ± 3 J and 20 J ± 4 J in 2 s: 50 J ± 5 J, 25 W, 100 J·s.
  std::vector<JoinedRun> logs(2);
  logs[0].energy_j = 30.0;
  logs[0].uncertainty_j = 3.0;
  logs[1].energy_j = 20.0;
  logs[1].uncertainty_j = 4.0;
  const CombinedRun sum = combine(logs, 2.0);
  EXPECT_DOUBLE_EQ(*sum.energy_j, 50.0);
  EXPECT_DOUBLE_EQ(sum.uncertainty_j, 5.0);
  EXPECT_DOUBLE_EQ(*sum.mean_power_w, 25.0);
  EXPECT_DOUBLE_EQ(*sum.edp_js, 100.0);
  logs[1].energy_j.reset();
  EXPECT_FALSE(combine(logs, 2.0).energy_j) << "half of it is not the sum";
  EXPECT_FALSE(combine({}, 2.0).energy_j);
}

TEST(Combine, OnlyWhatCannotCountTheSameJoules) {
  SensorInfo package;
  package.id = "power-gadget:package-0";
  package.group = "power-gadget";
  package.rail = Rail::package;
  package.socket = 0;
  SensorInfo card;
  card.id = "nvidia-smi:gpu0";
  card.group = "nvidia-smi";
  card.rail = Rail::gpu;
  SensorInfo unknown;
  unknown.id = "csv:power_w";
  unknown.group = "csv";
  const auto refused = [](const LogSensors& a, const LogSensors& b) {
    return why_not_add(std::vector<LogSensors>{a, b});
  };
  EXPECT_FALSE(refused({"", {package}}, {"", {card}}));
  EXPECT_TRUE(refused({"", {package}}, {"", {unknown}}));
  EXPECT_TRUE(refused({"", {package}}, {"", {package}})) << "the same log twice";
  EXPECT_FALSE(refused({"one", {package}}, {"two", {package}})) << "two machines";
  EXPECT_TRUE(refused({"one", {package}}, {"", {package}})) << "not known to be two";
}

TEST(Join, EnergyOfARunByHand) {
  const auto log = parse_log("time_s,power_w\n0,10\n1,10\n2,20\n3,20\n4,20\n", "x").value();
  const LogReplay replay(log, {0});
  // Runs' clock 100 s ahead: 101.5 to 103 is 1.5 to 3 of the log, where E is 10, 12.5 … 25, 45 J at
  // 1, 2, 3: linear between readings, 10 + 7.5 at 1.5.
  const JoinedRun joined = join(replay, {"r", 101'500'000'000, 103'000'000'000}, given(100.0), 0);
  ASSERT_TRUE(joined.energy_j) << joined.flag;
  EXPECT_DOUBLE_EQ(*joined.energy_j, 27.5);
  EXPECT_DOUBLE_EQ(*joined.mean_power_w, 27.5 / 1.5);
  EXPECT_DOUBLE_EQ(joined.coverage, 1.0);
}

TEST(Join, NearestMovesTheEdgesToReadings) {
  const auto log = parse_log("time_s,power_w\n0,10\n1,10\n2,20\n3,20\n4,20\n", "x").value();
  const LogReplay replay(log, {0});
  JoinOptions options;
  options.nearest = true;
  const JoinedRun joined =
      join(replay, {"r", 1'400'000'000, 2'900'000'000}, given(0.0), 0, options);
  EXPECT_DOUBLE_EQ(*joined.energy_j, 35.0);  // from 1 to 3
  const JoinedRun within =
      join(replay, {"r", 1'900'000'000, 2'100'000'000}, given(0.0), 0, options);
  EXPECT_FALSE(within.energy_j);
  EXPECT_EQ(within.flag, "shorter than the log's steps");
  options.tolerance_s = 0.1;
  EXPECT_FALSE(join(replay, {"r", 1'400'000'000, 2'900'000'000}, given(0.0), 0, options).energy_j);
}

TEST(Join, WhatTheLogDoesNotCoverIsFlaggedAndNotZero) {
  const auto log = parse_log("time_s,power_w\n0,10\n1,10\n2,10\n3,10\n4,10\n", "x").value();
  const LogReplay replay(log, {0});
  const JoinedRun joined = join(replay, {"r", 3'000'000'000, 11'000'000'000}, given(0.0), 0);
  EXPECT_FALSE(joined.energy_j);
  EXPECT_NE(joined.flag.find("the log ends 7.000 s earlier"), std::string::npos) << joined.flag;
  EXPECT_DOUBLE_EQ(joined.coverage, 3.0 / 8.0);  // 3 to 6: two intervals beyond the last reading
}

TEST(Join, TheClocksUncertaintyCounts) {
  const auto log = parse_log("time_s,power_w\n0,0\n1,10\n2,20\n3,30\n4,40\n", "x").value();
  const LogReplay replay(log, {0});
  ClockOffset offset = given(0.0);
  const double without = join(replay, {"r", kNs, 3 * kNs}, offset, 0).uncertainty_j;
  offset.uncertainty_s = 0.5;
  // Later by 0.5 s the same length holds 10 J more, earlier 10 J less.
  EXPECT_NEAR(join(replay, {"r", kNs, 3 * kNs}, offset, 0).uncertainty_j, std::hypot(without, 10.0),
              1e-9);
}

TEST(Align, TheSampleLogsOnTheirWrongClocks) {
  const std::filesystem::path folder =
      std::filesystem::path(WATTLE_SOURCE_DIR) / "tests/fixtures/logs";
  const RunList runs = read_runs(folder / "runs.csv").value();
  const SensorLog gpu = read_log(folder / "nvidia-smi.csv").value();
  const LogReplay replay(gpu, gpu.total);
  OffsetOptions options;
  options.any_zone = true;
  // UTC+1 and 2.4 s ahead.
  const ClockOffset found = offset_to_runs(PowerTrace(replay, 0), runs.runs, options);
  ASSERT_TRUE(found.known) << found.problem;
  EXPECT_NEAR(found.offset_s, -3602.4, 2.0 * found.uncertainty_s);
  const JoinedRun first = join(replay, runs.runs[0], found, 0);
  EXPECT_NEAR(*first.energy_j, 4.0 * 121.0, 3.0 * first.uncertainty_j);
}

// Runs

TEST(RunWindows, RecordsTablesAndSeconds) {
  const RunList records =
      parse_runs(
          "{\"run_id\":\"a\",\"prompt_id\":\"p\",\"trial\":2,\"timestamp\":\"1970-01-01T00:"
          "00:01.000Z\",\"e2e_latency_ms\":1500.0}\n",
          "x")
          .value();
  EXPECT_EQ(records.runs[0].id, "a/p#2");
  EXPECT_EQ(records.runs[0].begin_ns, kNs);
  EXPECT_EQ(records.runs[0].end_ns, 2'500'000'000);
  const RunList array = parse_runs("[{\"begin\":5,\"end\":7.5}]", "x").value();
  EXPECT_TRUE(array.relative);
  EXPECT_EQ(array.runs[0].end_ns, 7'500'000'000);
  const RunList table = parse_runs("Begin,Duration_s\n1970-01-01 00:00:01,2\n", "x").value();
  EXPECT_EQ(table.runs[0].id, "2");
  EXPECT_EQ(table.runs[0].end_ns, 3 * kNs);
}

TEST(RunWindows, ATimestampWrittenAtTheEnd) {
  RunOptions options;
  options.timestamp_is_end = true;
  const RunList list =
      parse_runs("timestamp,latency_ms\n1970-01-01T00:00:10.000,2500\n", "x", options).value();
  EXPECT_EQ(list.runs[0].begin_ns, 7'500'000'000);
  EXPECT_EQ(list.runs[0].end_ns, 10 * kNs);
}

TEST(RunWindows, WhatHasNoLengthIsLeftOutAndSaid) {
  const RunList list = parse_runs("begin,end\n1,2\n5,4\nx,9\n7,8\n", "x").value();
  EXPECT_EQ(list.runs.size(), 2U);
  ASSERT_EQ(list.notes.size(), 1U);
  EXPECT_NE(list.notes[0].find("2 runs"), std::string::npos);
  EXPECT_EQ(parse_runs("a,b\n1,2\n", "x").error().code, ErrorCode::invalid_format);
  EXPECT_EQ(parse_runs("", "x").error().code, ErrorCode::invalid_format);
  EXPECT_EQ(parse_runs("{\"begin\":", "x").error().code, ErrorCode::invalid_format);
}

}  // namespace
}  // namespace wattle::sense
