#include "sense/recorder.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/atomic_file.hpp"
#include "base/test_folder.hpp"
#include "sense/log.hpp"
#include "sense/replay.hpp"

namespace wattle::sense {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kWall = 1'763'646'300 * kSecond;

// 10 W on a counter; can be told to fail or to have been reset.
class Counter final : public PowerSensor {
 public:
  Counter(const FakeClock& clock, std::string& failure) : clock_(clock), failure_(failure) {
    info_.id = "rapl:package-0";
    info_.scope = "package-0";
    info_.rail = Rail::package;
    info_.group = "rapl";
    info_.update_period_s = 0.001;
    info_.default_rate_hz = 10.0;
  }
  [[nodiscard]] const SensorInfo& info() const override { return info_; }
  Result<Reading> read() override {
    if (!failure_.empty()) return fail(ErrorCode::io, failure_);
    Reading reading;
    reading.t_ns = clock_.monotonic_ns();
    reading.energy_j = 10.0 * static_cast<double>(reading.t_ns) * 1e-9;
    return reading;
  }

 private:
  const FakeClock& clock_;
  std::string& failure_;
  SensorInfo info_;
};

class Thermometer final : public Gauge {
 public:
  explicit Thermometer(const FakeClock& clock) : clock_(clock) {
    info_.id = "temp:tj";
    info_.scope = "tj, \"hot\"";
    info_.trips = {{"critical", 105.0}};
  }
  [[nodiscard]] const GaugeInfo& info() const override { return info_; }
  Result<GaugeReading> read() override { return GaugeReading{clock_.monotonic_ns(), 42.5}; }

 private:
  const FakeClock& clock_;
  GaugeInfo info_;
};

struct Machine {
  FakeClock clock{0, kWall};
  std::string failure;
  [[nodiscard]] Inventory sensors() {
    Inventory inventory;
    inventory.sensors.push_back(std::make_unique<Counter>(clock, failure));
    return inventory;
  }
  [[nodiscard]] GaugeInventory gauges() const {
    GaugeInventory inventory;
    inventory.gauges.push_back(std::make_unique<Thermometer>(clock));
    return inventory;
  }
};

void run_for(Recorder& recorder, FakeClock& clock, std::int64_t duration_ns) {
  const std::int64_t end_ns = clock.monotonic_ns() + duration_ns;
  while (clock.monotonic_ns() <= end_ns) {
    const auto next_ns = recorder.step();
    ASSERT_TRUE(next_ns) << next_ns.error().message();
    clock.advance_ns(*next_ns - clock.monotonic_ns());
  }
}

class RecordedLog : public testing::TestWithParam<const char*> {};

TEST_P(RecordedLog, ComesBackAsItWas) {
  const TestFolder folder;
  const auto path = folder.path() / GetParam();
  Machine machine;
  auto writer = LogWriter::open(path, {log_format_of_path(path), false});
  ASSERT_TRUE(writer) << writer.error().message();
  Recorder recorder(machine.sensors(), machine.gauges(), machine.clock, *writer);
  ASSERT_TRUE(recorder.begin("host,1", "1.2"));
  run_for(recorder, machine.clock, 2 * kSecond);
  EXPECT_NEAR(*recorder.power_w(), 10.0, 1e-9);
  machine.failure = "the file,\n\"vanished\"";
  run_for(recorder, machine.clock, kSecond / 2);
  EXPECT_FALSE(recorder.power_w());
  machine.failure.clear();
  run_for(recorder, machine.clock, kSecond);
  ASSERT_TRUE(recorder.finish());

  const auto log = read_log(path);
  ASSERT_TRUE(log) << log.error().message();
  EXPECT_TRUE(log->notes.empty()) << log->notes.front();
  EXPECT_EQ(log->host, "host,1");
  EXPECT_EQ(log->wattle, "1.2");
  EXPECT_EQ(log->wall_offset_ns, kWall);
  ASSERT_EQ(log->power.size(), 1U);
  EXPECT_TRUE(log->power[0].is_energy);
  EXPECT_EQ(log->power[0].info.rail, Rail::package);
  EXPECT_EQ(log->total, std::vector<std::size_t>{0});
  EXPECT_EQ(log->gauges[0].info.scope, "tj, \"hot\"");
  EXPECT_EQ(log->gauges[0].info.trips.size(), 1U);
  EXPECT_DOUBLE_EQ(*log->gauges[0].readings[0].value, 42.5);
  EXPECT_TRUE(log->cost);
  std::size_t failed = 0;
  for (const LogReading& reading : log->power[0].readings) failed += reading.value ? 0 : 1;
  EXPECT_EQ(failed, 1U) << "one reason is written once";
  const LogReplay replay(*log, {0});
  EXPECT_DOUBLE_EQ(*replay.between(0, 2 * kSecond).energy_j, 20.0);
  EXPECT_FALSE(replay.between(0, 3 * kSecond).energy_j);
}
TEST_P(RecordedLog, NoWindowGoesAcrossASuspension) {
  const TestFolder folder;
  const auto path = folder.path() / GetParam();
  Machine machine;
  auto writer = LogWriter::open(path, {log_format_of_path(path), false});
  ASSERT_TRUE(writer) << writer.error().message();
  Recorder recorder(machine.sensors(), machine.gauges(), machine.clock, *writer);
  ASSERT_TRUE(recorder.begin("host", "1"));
  run_for(recorder, machine.clock, 2 * kSecond);
  machine.clock.suspend_ns(600 * kSecond);
  run_for(recorder, machine.clock, 2 * kSecond);
  ASSERT_TRUE(recorder.finish());
  const auto log = read_log(path);
  ASSERT_TRUE(log) << log.error().message();
  const LogReplay replay(*log, {0});
  EXPECT_DOUBLE_EQ(*replay.between(0, kSecond).energy_j, 10.0);
  const WindowEnergy across = replay.between(kSecond, 3 * kSecond);
  EXPECT_FALSE(across.energy_j);
  EXPECT_NE(across.problem.find("suspended for 600.0 s"), std::string::npos) << across.problem;
  EXPECT_DOUBLE_EQ(*replay.between(3 * kSecond, 4 * kSecond).energy_j, 10.0);
}
INSTANTIATE_TEST_SUITE_P(Formats, RecordedLog, testing::Values("log.csv", "log.jsonl"));

TEST(OurLog, IsReadableUpToWhereItWasKilled) {
  const TestFolder folder;
  const auto path = folder.path() / "log.csv";
  Machine machine;
  auto writer = LogWriter::open(path, {});
  ASSERT_TRUE(writer);
  Recorder recorder(machine.sensors(), {}, machine.clock, *writer);
  ASSERT_TRUE(recorder.begin("h", "1"));
  run_for(recorder, machine.clock, 2 * kSecond);
  // Not finished: what reached the file is all but the last half second.
  const auto whole = read_log(path);
  ASSERT_TRUE(whole) << whole.error().message();
  EXPECT_FALSE(whole->cost);
  EXPECT_FALSE(whole->cut_off);
  EXPECT_GE(whole->power[0].readings.size(), 15U);
  std::string text = read_file(path).value();
  text.resize(text.size() - 9);
  const auto half = parse_log(text, "x");
  ASSERT_TRUE(half);
  EXPECT_TRUE(half->cut_off);
  EXPECT_EQ(half->power[0].readings.size(), whole->power[0].readings.size() - 1);
}

TEST(OurLog, EveryTruncationIsReadOrRefused) {
  const TestFolder folder;
  const auto path = folder.path() / "log.jsonl";
  Machine machine;
  auto writer = LogWriter::open(path, {LogFormat::wattle_jsonl, false});
  Recorder recorder(machine.sensors(), machine.gauges(), machine.clock, *writer);
  ASSERT_TRUE(recorder.begin("h", "1"));
  run_for(recorder, machine.clock, kSecond / 2);
  ASSERT_TRUE(recorder.finish());
  const std::string text = read_file(path).value();
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const auto log = parse_log(text.substr(0, n), "x");
    if (!log) {
      EXPECT_FALSE(log.error().what.empty());
    }
  }
}

TEST(OurLog, AStepOfTheWallClockIsNoted) {
  Machine machine;
  LogHeader header;
  header.sensors.push_back(machine.sensors().sensors[0]->info());
  std::string text = header_text(LogFormat::wattle_csv, header);
  append_row(LogFormat::wattle_csv, {0, kWall, "rapl:package-0", "energy_j", 1.0, ""}, text);
  append_row(LogFormat::wattle_csv,
             {kSecond, kWall + 5 * kSecond, "rapl:package-0", "energy_j", 2.0, ""}, text);
  const auto log = parse_log(text, "x");
  ASSERT_TRUE(log) << log.error().message();
  ASSERT_EQ(log->notes.size(), 1U);
  EXPECT_NE(log->notes[0].find("clock was set by +4.000 s"), std::string::npos) << log->notes[0];
}

TEST(OurLog, AnotherVersionIsRefused) {
  const auto log = parse_log("{\"format\":\"wattle-sense-log\",\"version\":2}\n", "x");
  EXPECT_EQ(log.error().code, ErrorCode::unsupported);
}

TEST(LogWriter, DoesNotReplaceAFileUnasked) {
  const TestFolder folder;
  const auto path = folder.write("log.csv", "mine\n");
  const auto refused = LogWriter::open(path, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(refused.error().remedy.find("--force"), std::string::npos);
  EXPECT_EQ(read_file(path).value(), "mine\n");
  EXPECT_TRUE(LogWriter::open(path, {LogFormat::wattle_csv, true}));
}

TEST(LogWriter, AFullDiskIsAnErrorWithItsName) {
  auto writer = LogWriter::open("/dev/full", {});
  ASSERT_TRUE(writer) << "a device is there to be written to";
  const Status status = writer->header({});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::no_space);
}

TEST(LogWriter, AFileThatMayNotGrowStaysValid) {
  const TestFolder folder;
  const auto path = folder.path() / "log.csv";
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{3000, 3000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Machine machine;
    auto writer = LogWriter::open(path, {});
    Recorder recorder(machine.sensors(), {}, machine.clock, *writer);
    bool ok = recorder.begin("h", "1").has_value();
    for (int i = 0; ok && i < 1000; ++i) {
      const auto next_ns = recorder.step();
      ok = next_ns.has_value();
      if (ok) machine.clock.advance_ns(*next_ns - machine.clock.monotonic_ns());
    }
    ::_exit(ok ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(WEXITSTATUS(status), 0) << "it should have hit the limit";
  const auto log = read_log(path);
  ASSERT_TRUE(log) << log.error().message();
  EXPECT_FALSE(log->cut_off) << "only whole lines remain";
  EXPECT_GT(log->power[0].readings.size(), 5U);
}

}  // namespace
}  // namespace wattle::sense
