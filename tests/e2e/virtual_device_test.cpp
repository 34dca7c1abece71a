// A virtual device as a user drives it: one process moves it, others read and set it by --root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "base/fs_root.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "e2e/run_program.hpp"
#include "engine/test_model.hpp"

namespace wattle::e2e {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// `wattle virtual-device FOLDER …` in the background; its lines of JSON can be read.
class RunningDevice {
 public:
  RunningDevice(const std::string& folder, std::vector<std::string> more) {
    std::vector<std::string> arguments{WATTLE_PROGRAM, "virtual-device", folder, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<int, 2> out{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0) return;
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(out[1], 1);
      ::execv(WATTLE_PROGRAM, argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    out_ = out[0];
  }
  RunningDevice(const RunningDevice&) = delete;
  RunningDevice& operator=(const RunningDevice&) = delete;
  ~RunningDevice() {
    if (child_ > 0) end(SIGKILL);
    if (out_ >= 0) ::close(out_);
  }

  Json line() {
    std::string text;
    for (char c = 0; c != '\n';) {
      pollfd waiting{out_, POLLIN, 0};
      constexpr int kPatienceMs = 60'000;
      if (::poll(&waiting, 1, kPatienceMs) <= 0 || ::read(out_, &c, 1) != 1) return {};
      text += c;
    }
    return parse_json(text, "virtual-device").value_or(Json());
  }
  // The exit code, or 128 + signal.
  int end(int signal_number) {
    ::kill(child_, signal_number);
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t child_ = -1;
  int out_ = -1;
};

class VirtualDevice : public ::testing::Test {
 protected:
  // Sum of the sensors that make up the total.
  [[nodiscard]] double total_w() const {
    const Outcome list =
        run_wattle({"sense", "list", "--json", "--seconds", "0.3", "--root", device_});
    EXPECT_EQ(list.exit_code, 0) << list.err;
    const Json json = parse_json(list.out, "sense list").value_or(Json());
    EXPECT_NE(list.out.find("(simulated by wattle)"), std::string::npos) << list.out;
    double watts = 0.0;
    int n_members = 0;
    for (const Json& sensor : json["sensors"]) {
      if (sensor["in_total"] != true) continue;
      ++n_members;
      EXPECT_EQ(sensor["kind"], "sampled") << sensor;
      watts += sensor["power_w"].is_number() ? sensor["power_w"].get<double>() : 0.0;
    }
    EXPECT_EQ(n_members, 3) << list.out;
    return watts;
  }
  [[nodiscard]] std::int64_t gpu_hz() const {
    return FsRoot(device_).read_int("/sys/class/devfreq/17000000.gpu/cur_freq").value_or(-1);
  }

  TestFolder folder_;
  std::string device_ = (folder_.path() / "orin").string();
  std::string state_ = (folder_.path() / "state").string();
};

TEST_F(VirtualDevice, SensorsReadItAndActuatorsMoveItsPower) {
  RunningDevice device(device_, {"--load", "decode:32", "--temperature", "64", "--fan", "off"});
  ASSERT_EQ(device.line()["event"], "ready");
  const Json status = device.line();
  ASSERT_EQ(status["simulated"], true);
  // The model at 918 MHz and batch 32 is 34.0 W as its data count, 32.1 W of three rails.
  const double before_w = total_w();
  EXPECT_NEAR(before_w, status["power_w"].get<double>(), 1.0);
  EXPECT_NEAR(before_w, 32.1, 1.0);
  const Outcome set = run_wattle(
      {"actuate", "set", "gpu.freq=306MHz", "--keep", "--root", device_, "--state-dir", state_});
  ASSERT_EQ(set.exit_code, 0) << set.err;
  EXPECT_TRUE(eventually([&] { return gpu_hz() == 306'000'000; }));
  // 13.7 W + 24.9 mW/MHz · 306 MHz = 21.3 W, 20.1 W of three rails.
  EXPECT_NEAR(total_w(), 20.1, 1.0);
  const Outcome restored =
      run_wattle({"actuate", "restore", "--root", device_, "--state-dir", state_});
  EXPECT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_TRUE(eventually([&] { return gpu_hz() == 918'000'000; }));
  EXPECT_EQ(device.end(SIGTERM), 0);
  EXPECT_EQ(gpu_hz(), 918'000'000) << "the tree stays readable";
}

TEST_F(VirtualDevice, OneFolderHasOneDeviceAndIsNobodyElses) {
  {
    RunningDevice device(device_, {"--load", "idle"});
    ASSERT_EQ(device.line()["event"], "ready");
    const Outcome second = run_wattle({"virtual-device", device_, "--for", "0.1"});
    EXPECT_EQ(second.exit_code, 4);
    EXPECT_NE(second.err.find("another virtual device"), std::string::npos) << second.err;
    EXPECT_EQ(device.end(SIGKILL), 128 + SIGKILL);
  }
  const Outcome again = run_wattle({"virtual-device", device_, "--for", "0.1", "--remove"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_FALSE(std::filesystem::exists(device_));
  folder_.write("mine/notes.txt", "mine");
  const Outcome refused = run_wattle({"virtual-device", (folder_.path() / "mine").string()});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "mine/notes.txt"));
}

TEST_F(VirtualDevice, AnAnswerIsMeasuredThroughItAndSaysThatItIsSimulated) {
  const std::string model = (folder_.path() / "model.gguf").string();
  ASSERT_TRUE(engine::TestModel({}).write(model));
  RunningDevice device(device_, {"--load", "busy", "--temperature", "70"});
  ASSERT_EQ(device.line()["event"], "ready");
  const Outcome run = run_wattle({"run", "-m", model, "-p", "good day", "-n", "20", "--ignore-eos",
                                  "--idle", "0.5", "--json", "--root", device_});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json record = parse_json(run.out, "run").value();
  EXPECT_EQ(record["energy_kind"], "model") << "nothing here is measured";
  EXPECT_NE(record["energy_scope"].get<std::string>().find("simulated board"), std::string::npos);
  EXPECT_GT(record["idle_power_w"].get<double>(), 10.0);
  EXPECT_NEAR(record["temperature_start_c"].get<double>(), 70.0, 5.0);
  EXPECT_GE(record["gpu_frequency_mhz"].get<double>(), 306.0);
  EXPECT_EQ(record["throttled"], false);
}

TEST_F(VirtualDevice, WrongOptionsSayWhichAreRight) {
  const Outcome load = run_wattle({"virtual-device", device_, "--load", "encode:3"});
  EXPECT_EQ(load.exit_code, 2);
  EXPECT_NE(load.err.find("decode:BATCH"), std::string::npos);
  EXPECT_EQ(run_wattle({"virtual-device", device_, "--fan", "300"}).exit_code, 2);
  EXPECT_EQ(run_wattle({"virtual-device", device_, "--board", "toaster"}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(device_));
}

}  // namespace
}  // namespace wattle::e2e
