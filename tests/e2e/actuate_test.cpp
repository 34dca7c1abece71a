// wattle actuate with the real program, on a copy of an Orin's tree.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>

#include "base/json.hpp"
#include "base/test_board.hpp"
#include "e2e/run_program.hpp"

namespace wattle::e2e {
namespace {

using ::testing::HasSubstr;

const std::string kGpu = "/sys/class/devfreq/17000000.gpu";
const std::string kFan = "/sys/devices/platform/pwm-fan/hwmon/hwmon8";
constexpr const char* kWhole = "306000000..1300500000";
constexpr const char* kMiddle = "816000000..816000000";

// A wattle that is still running.
class Running {
 public:
  explicit Running(const std::vector<std::string>& arguments) : child_(::fork()) {
    if (child_ != 0) return;
    const int null = ::open("/dev/null", O_RDWR);
    for (const int stream : {0, 1, 2}) ::dup2(null, stream);
    std::string program = WATTLE_PROGRAM;
    std::vector<std::string> copies = arguments;
    std::vector<char*> argv{program.data()};
    for (auto& copy : copies) argv.push_back(copy.data());
    argv.push_back(nullptr);
    ::execv(WATTLE_PROGRAM, argv.data());
    ::_exit(127);
  }
  ~Running() {
    if (child_ > 0) end(SIGKILL);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // 128 + signal if that ended it.
  int end(int signal_number) {
    ::kill(child_, signal_number);
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] pid_t pid() const { return child_; }

 private:
  pid_t child_;
};

class Actuate : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> words(const std::string& command,
                                               std::vector<std::string> rest = {}) const {
    rest.insert(rest.begin(), {"actuate", command, "--root", board_.root().root().string()});
    return rest;
  }
  [[nodiscard]] Outcome wattle(const std::string& command,
                               std::vector<std::string> rest = {}) const {
    return run_wattle(words(command, std::move(rest)));
  }
  [[nodiscard]] std::string text(const std::string& path) const {
    const auto content = board_.root().read_text(path);
    return content ? std::string(trim(*content)) : content.error().what;
  }
  [[nodiscard]] std::string gpu() const {
    return text(kGpu + "/min_freq") + ".." + text(kGpu + "/max_freq");
  }
  // Waits for something another process does; a minute is only for a machine that hangs.
  [[nodiscard]] static bool comes(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      ::poll(nullptr, 0, 2);
    }
    return true;
  }

  TestBoard board_{"jetson-agx-orin-jp6"};
};

TEST_F(Actuate, ListShowsTablesAndWhatIsMissing) {
  const Outcome list = wattle("list");
  EXPECT_EQ(list.exit_code, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("cpu0.freq … cpu8.freq (3)"));
  EXPECT_THAT(list.out, HasSubstr("1122, 1224, 1300.5 MHz"));
  EXPECT_THAT(list.out, HasSubstr("0 MAXN, 1 MODE_15W"));
  const Json json = parse_json(wattle("list", {"--json"}).out, "list").value();
  EXPECT_EQ(json["knobs"][0]["id"], "cpu0.freq");
  EXPECT_EQ(json["knobs"][0]["unit"], "kHz");
  EXPECT_EQ(json["knobs"][0]["table"].size(), 29U);
  EXPECT_TRUE(json["knobs"][0]["range"].is_null());
  const Outcome nothing =
      run_wattle({"actuate", "list", "--root",
                  std::string(WATTLE_SOURCE_DIR) + "/tests/fixtures/sysroots/virtual-machine"});
  EXPECT_EQ(nothing.exit_code, 4);
  EXPECT_THAT(nothing.out, HasSubstr("the kernel drives no processor clock here"));
}

TEST_F(Actuate, TheCommandRunsWithTheValuesAndItsExitCodePassesThrough) {
  const Outcome set =
      wattle("set", {"gpu.freq=816MHz", "cpu.cores=4", "--", "sh", "-c",
                     "cat $0/min_freq $1; exit 7", board_.root().resolve(kGpu).string(),
                     board_.root().resolve("/sys/devices/system/cpu/cpu4/online").string()});
  EXPECT_EQ(set.exit_code, 7) << set.err;
  EXPECT_THAT(set.out, HasSubstr("816000000"));
  EXPECT_THAT(set.out, HasSubstr("0"));
  EXPECT_THAT(set.err, HasSubstr("gpu.freq is 816 MHz"));
  EXPECT_EQ(gpu(), kWhole);
  EXPECT_EQ(text("/sys/devices/system/cpu/cpu4/online"), "1");
  EXPECT_EQ(wattle("set", {"gpu.freq=min", "--", "true"}).exit_code, 0);
  EXPECT_EQ(wattle("set", {"gpu.freq=min", "--", "sh", "-c", "kill -9 $$"}).exit_code, 137);
  EXPECT_EQ(wattle("set", {"gpu.freq=min", "--", "no-such-program"}).exit_code, 4);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Actuate, ValuesOutsideTheTableAndUnknownKnobsAreUsageErrors) {
  const Outcome refused = wattle("set", {"gpu.freq=817MHz", "--hold"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("Allowed: 306, 408"));
  EXPECT_EQ(wattle("set", {"gpu.frequency=1GHz", "--hold"}).exit_code, 4);
  EXPECT_EQ(wattle("set", {"gpu.freq=816MHz"}).exit_code, 2) << "for how long?";
  EXPECT_EQ(wattle("set", {"gpu.freq=816MHz", "--hold", "--keep"}).exit_code, 2);
  EXPECT_EQ(wattle("set", {"true"}).exit_code, 2);
  EXPECT_EQ(wattle("set", {"nvpmodel=2", "cpu.freq=min", "--keep"}).exit_code, 2);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Actuate, ADryRunPrintsEveryWriteInOrderAndWritesNothing) {
  const Outcome dry = wattle("set", {"cpu.cores=10", "gpu.freq=816MHz", "--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_EQ(dry.out, "gpu.freq: write 816000000 to " + kGpu + "/min_freq\n" +
                         "gpu.freq: write 816000000 to " + kGpu + "/max_freq\n" +
                         "cpu.cores: write 0 to /sys/devices/system/cpu/cpu11/online\n"
                         "cpu.cores: write 0 to /sys/devices/system/cpu/cpu10/online\n");
  EXPECT_EQ(gpu(), kWhole);
  EXPECT_FALSE(board_.root().exists("/run"));
}

TEST_F(Actuate, SignalsPutBack) {
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    Running holder(words("set", {"gpu.freq=816MHz", "--hold"}));
    ASSERT_TRUE(comes([&] { return gpu() == kMiddle; }));
    EXPECT_EQ(holder.end(signal_number), 0) << "the way in which --hold ends";
    EXPECT_EQ(gpu(), kWhole) << signal_number;
  }
}

TEST_F(Actuate, ATermSignalReachesTheCommandAndItsEndPutsBack) {
  Running holder(words("set", {"gpu.freq=816MHz", "--", "sleep", "1000"}));
  ASSERT_TRUE(comes([&] { return gpu() == kMiddle; }));
  EXPECT_EQ(holder.end(SIGTERM), 128 + SIGTERM);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Actuate, ForAWhile) {
  EXPECT_EQ(wattle("set", {"gpu.freq=816MHz", "--for", "0.01"}).exit_code, 0);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Actuate, AfterKillNineRestorePutsBack) {
  Running holder(words("set", {"gpu.freq=816MHz", "fan.pwm=50%", "--hold"}));
  ASSERT_TRUE(comes([&] { return text(kFan + "/pwm1") == "128" && gpu() == kMiddle; }));
  const Outcome busy = wattle("set", {"gpu.freq=min", "--", "true"});
  EXPECT_EQ(busy.exit_code, 4);
  EXPECT_THAT(busy.err, HasSubstr("process " + std::to_string(holder.pid())));
  EXPECT_EQ(wattle("restore").exit_code, 1) << "it is still running";
  EXPECT_EQ(holder.end(SIGKILL), 128 + SIGKILL);
  EXPECT_EQ(gpu(), kMiddle);
  const Outcome restored = wattle("restore", {"--json"});
  EXPECT_EQ(restored.exit_code, 0) << restored.out << restored.err;
  const Json json = parse_json(restored.out, "restore").value();
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0]["knob"], "fan.pwm") << "the last one set first";
  EXPECT_EQ(json[0]["outcome"], "restored");
  EXPECT_EQ(gpu(), kWhole);
  EXPECT_EQ(text(kFan + "/pwm1"), "77");
  EXPECT_EQ(wattle("restore").out, "Nothing to restore.\n");
}

TEST_F(Actuate, AfterKillNineTheNextDriverPutsTheOriginalBack) {
  Running holder(words("set", {"gpu.freq=816MHz", "--hold"}));
  ASSERT_TRUE(comes([&] { return gpu() == kMiddle; }));
  holder.end(SIGKILL);
  EXPECT_EQ(wattle("set", {"gpu.freq=min", "--", "true"}).exit_code, 0);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Actuate, KeptUntilRestored) {
  EXPECT_EQ(wattle("set", {"gpu.freq=816MHz", "--keep"}).exit_code, 0);
  EXPECT_EQ(gpu(), kMiddle);
  board_.set(kGpu + "/max_freq", "918000000\n");
  const Outcome left = wattle("restore");
  EXPECT_EQ(left.exit_code, 1);
  EXPECT_THAT(left.out, HasSubstr("somebody else"));
  EXPECT_EQ(wattle("restore", {"--force"}).exit_code, 0);
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Actuate, NestedCommandsSetAPowerModeAndClocks) {
  const Outcome nested =
      wattle("set", {"nvpmodel=MODE_30W", "--", WATTLE_PROGRAM, "actuate", "set", "--root",
                     board_.root().root().string(), "gpu.freq=816MHz", "--", "cat",
                     board_.root().resolve("/var/lib/nvpmodel/status").string(),
                     board_.root().resolve(kGpu + "/max_freq").string()});
  EXPECT_EQ(nested.exit_code, 0) << nested.err;
  EXPECT_THAT(nested.out, HasSubstr("pmode:0002"));
  EXPECT_THAT(nested.out, HasSubstr("816000000"));
  EXPECT_THAT(text("/var/lib/nvpmodel/status"), HasSubstr("pmode:0000"));
  EXPECT_EQ(gpu(), kWhole);
}

TEST_F(Actuate, ADamagedStateFileIsSaidAndKept) {
  board_.set("/run/wattle/gpu.freq.state", "garbage");
  const Outcome set = wattle("set", {"gpu.freq=min", "--", "true"});
  EXPECT_EQ(set.exit_code, 3);
  EXPECT_THAT(set.err, HasSubstr("--forget"));
  EXPECT_EQ(wattle("restore").exit_code, 1);
  EXPECT_EQ(wattle("restore", {"--forget"}).exit_code, 0);
  EXPECT_EQ(wattle("set", {"gpu.freq=min", "--", "true"}).exit_code, 0);
}

}  // namespace
}  // namespace wattle::e2e
