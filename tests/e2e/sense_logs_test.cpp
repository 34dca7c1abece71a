// wattle sense record, replay, align, as a user runs them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "wattle_folders.hpp"

namespace wattle::e2e {
namespace {

std::string fixture(const std::string& name) {
  return std::string(WATTLE_SOURCE_DIR) + "/tests/fixtures/" + name;
}

// `wattle sense record` in the background, quiet.
class Recording {
 public:
  explicit Recording(const std::string& file) {
    const std::string root = fixture("sysroots/virtual-machine");
    child_ = fork();
    if (child_ != 0) return;
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execl(WATTLE_PROGRAM, WATTLE_PROGRAM, "sense", "record", file.c_str(), "--root", root.c_str(),
            nullptr);
    ::_exit(127);
  }
  // Until the file holds this many lines: the writer's own pace, whatever the machine's load.
  static bool wait_for_lines(const std::string& file, std::size_t lines) {
    for (int i = 0; i < 3000; ++i) {
      const auto text = read_file(file);
      if (text && static_cast<std::size_t>(std::count(text->begin(), text->end(), '\n')) >= lines) {
        return true;
      }
      ::usleep(20'000);
    }
    return false;
  }
  int end(int signal) const {
    ::kill(child_, signal);
    int status = 0;
    ::waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t child_ = -1;
};

TEST(SenseRecord, ForATimeThenReplay) {
  const TestFolder folder;
  for (const char* name : {"log.csv", "log.jsonl"}) {
    const std::string file = (folder.path() / name).string();
    const Outcome record = run_wattle(
        {"sense", "record", file, "--for", "0.5", "--root", fixture("sysroots/virtual-machine")});
    ASSERT_EQ(record.exit_code, 0) << record.err;
    EXPECT_NE(record.err.find("% of one core"), std::string::npos) << record.err;
    const Outcome replay = run_wattle({"sense", "replay", file, "--json"});
    ASSERT_EQ(replay.exit_code, 0) << replay.err;
    const Json json = parse_json(replay.out, "replay").value();
    const Json& rows = json["windows"][0]["sensors"];
    const Json& total = rows.back();
    EXPECT_EQ(total["id"], "total");
    EXPECT_EQ(total["kind"], "model");
    EXPECT_GT(total["n_readings"], 1);
    EXPECT_EQ(json["notes"].size(), 0U) << json["notes"];
  }
}

TEST(SenseRecord, KilledAtAnyMomentTheLogIsReadable) {
  const TestFolder folder;
  const std::string file = (folder.path() / "log.csv").string();
  const Recording recording(file);
  ASSERT_TRUE(Recording::wait_for_lines(file, 20));
  EXPECT_EQ(recording.end(SIGKILL), 128 + SIGKILL);
  const Outcome replay = run_wattle({"sense", "replay", file});
  EXPECT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_NE(replay.out.find("utilisation-model"), std::string::npos) << replay.out;
  EXPECT_EQ(replay.out.find("Recording took"), std::string::npos) << "it has no trailer";
}

TEST(SenseRecord, CtrlCEndsItCleanlyWithTheTrailer) {
  const TestFolder folder;
  const std::string file = (folder.path() / "log.csv").string();
  const Recording recording(file);
  ASSERT_TRUE(Recording::wait_for_lines(file, 5));
  EXPECT_EQ(recording.end(SIGINT), 0);
  const std::string text = read_file(file).value();
  EXPECT_NE(text.find("# {\"trailer\":"), std::string::npos);
  EXPECT_TRUE(text.ends_with("}\n"));
}

TEST(SenseRecord, RefusesWhatItCannotDo) {
  const TestFolder folder;
  const std::string root = fixture("sysroots/virtual-machine");
  const std::string file = folder.write("mine.csv", "mine\n").string();
  const Outcome exists = run_wattle({"sense", "record", file, "--for", "0.1", "--root", root});
  EXPECT_EQ(exists.exit_code, 2);
  EXPECT_NE(exists.err.find("--force"), std::string::npos);
  EXPECT_EQ(read_file(file).value(), "mine\n");
  EXPECT_EQ(
      run_wattle({"sense", "record", file, "--for", "0.1", "--root", root, "--force"}).exit_code,
      0);
  const Outcome full = run_wattle({"sense", "record", "/dev/full", "--for", "0.1", "--root", root});
  EXPECT_EQ(full.exit_code, 4);
  EXPECT_NE(full.err.find("/dev/full"), std::string::npos);
  const Outcome unknown =
      run_wattle({"sense", "record", "-", "--for", "0.1", "--root", root, "--sensor", "nothing"});
  EXPECT_EQ(unknown.exit_code, 4);
  EXPECT_NE(unknown.err.find("utilisation-model"), std::string::npos) << unknown.err;
}

TEST(SenseRecord, ToStandardOutput) {
  const Outcome record = run_wattle({"sense", "record", "-", "--format", "jsonl", "--for", "0.2",
                                     "--no-gauges", "--root", fixture("sysroots/virtual-machine")});
  ASSERT_EQ(record.exit_code, 0) << record.err;
  EXPECT_TRUE(record.out.starts_with("{\"format\":\"wattle-sense-log\",\"version\":1"));
}

TEST(SenseReplay, AForeignLogAndItsConversionSayTheSame) {
  const TestFolder folder;
  const std::string log = fixture("logs/power-gadget.csv");
  const Outcome foreign = run_wattle({"sense", "replay", log, "--date", "2026-11-20", "--json"});
  ASSERT_EQ(foreign.exit_code, 0) << foreign.err;
  for (const char* name : {"ours.csv", "ours.jsonl"}) {
    const std::string ours = (folder.path() / name).string();
    ASSERT_EQ(run_wattle({"sense", "replay", log, "--date", "2026-11-20", "--csv", ours}).exit_code,
              0);
    const Outcome again = run_wattle({"sense", "replay", ours, "--json"});
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(parse_json(foreign.out, "foreign").value()["windows"],
              parse_json(again.out, "again").value()["windows"]);
  }
}

TEST(SenseReplay, WindowsBySecondsAndByRuns) {
  const TestFolder folder;
  const std::string log =
      folder.write("log.csv", "time_s,power_w\n0,10\n1,10\n2,20\n3,20\n").string();
  const Outcome part = run_wattle({"sense", "replay", log, "--begin", "2", "--end", "3", "--json"});
  ASSERT_EQ(part.exit_code, 0) << part.err;
  EXPECT_EQ(parse_json(part.out, "part").value()["windows"][0]["sensors"][0]["energy_j"], 20.0);
  const std::string runs = folder.write("runs.csv", "id,begin,end\na,0,1\nb,2,3\n").string();
  const Outcome both = run_wattle({"sense", "replay", log, "--window", runs, "--json"});
  ASSERT_EQ(both.exit_code, 0) << both.err;
  const Json windows = parse_json(both.out, "both").value()["windows"];
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[1]["name"], "b");
  EXPECT_EQ(windows[0]["sensors"][0]["energy_j"], 10.0);
}

TEST(SenseReplay, WhatIsNoLogIsExitCode3) {
  const TestFolder folder;
  EXPECT_EQ(run_wattle({"sense", "replay", folder.write("x.csv", "hello\n").string()}).exit_code,
            3);
  EXPECT_EQ(run_wattle({"sense", "replay", folder.write("e.csv", "").string()}).exit_code, 3);
  EXPECT_EQ(run_wattle({"sense", "replay", "/nonexistent"}).exit_code, 4);
  EXPECT_EQ(
      run_wattle({"sense", "replay", fixture("logs/runs.csv"), "--from", "power-csv"}).exit_code,
      3);
}

TEST(SenseAlign, TwoLogsOfWrongClocks) {
  const TestFolder folder;
  const std::string csv = (folder.path() / "joined.csv").string();
  const Outcome align = run_wattle({"sense", "align", fixture("logs/nvidia-smi.csv"),
                                    fixture("logs/power-gadget.csv"), "--runs",
                                    fixture("logs/runs.csv"), "--json", "--csv", csv});
  ASSERT_EQ(align.exit_code, 0) << align.err;
  const Json json = parse_json(align.out, "align").value();
  EXPECT_NEAR(json["logs"][0]["offset_s"].get<double>(), -3602.4, 0.5);
  EXPECT_NEAR(json["logs"][1]["offset_s"].get<double>(), -3598.7, 0.3);
  ASSERT_EQ(json["runs"].size(), 5U);
  EXPECT_NEAR(json["runs"][2]["logs"][1]["energy_j"].get<double>(), 6.0 * 40.0, 10.0);
  const Json& run = json["runs"][2];
  EXPECT_NEAR(run["sum"]["energy_j"].get<double>(),
              run["logs"][0]["energy_j"].get<double>() + run["logs"][1]["energy_j"].get<double>(),
              1e-9);
  EXPECT_NEAR(run["sum"]["edp_js"].get<double>(), 6.0 * run["sum"]["energy_j"].get<double>(), 1e-6);
  EXPECT_NE(read_file(csv).value().find("r5,2026-11-20T13:45:33.000000Z,4,"), std::string::npos);
}

TEST(SenseAlign, LogsThatMayCountTheSameJoulesAreAddedOnDemandOnly) {
  std::vector<std::string> command = {"sense",
                                      "align",
                                      fixture("logs/nvidia-smi.csv"),
                                      fixture("logs/nvidia-smi.csv"),
                                      "--runs",
                                      fixture("logs/runs.csv"),
                                      "--json"};
  const Json refused = parse_json(run_wattle(command).out, "align").value();
  EXPECT_FALSE(refused["runs"][0].contains("sum"));
  EXPECT_TRUE(refused["why_not_added"].is_string());
  command.emplace_back("--add");
  const Outcome added = run_wattle(command);
  EXPECT_TRUE(parse_json(added.out, "align").value()["runs"][0].contains("sum"));
  EXPECT_NE(added.err.find("--add"), std::string::npos);
}

TEST(SenseAlign, ALogThatIsFlatIsRefusedAndAGivenOffsetTaken) {
  const std::string flat = fixture("logs/raw_gpu_power.csv");
  const std::string runs = fixture("logs/runs.csv");
  const Outcome refused = run_wattle({"sense", "align", flat, "--runs", runs});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.out.find("cannot tell"), std::string::npos) << refused.out;
  const Outcome given = run_wattle({"sense", "align", flat, "--runs", runs, "--offset", "0"});
  EXPECT_EQ(given.exit_code, 0) << given.err;
  EXPECT_EQ(run_wattle({"sense", "align", flat, "--runs", runs, "--offset", "1,2"}).exit_code, 2);
}

}  // namespace
}  // namespace wattle::e2e
