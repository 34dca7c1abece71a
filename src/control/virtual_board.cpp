#include "control/virtual_board.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/board.hpp"

namespace wattle::control {
namespace {

using namespace std::string_literals;

// Each text of the device tree ends in a NUL.
const std::string kModel =
    "NVIDIA Jetson AGX Orin Developer Kit " + std::string(kSimulatedBoard) + "\0"s;
const std::string kCompatible =
    "nvidia,p3737-0000+p3701-0005\0nvidia,p3701-0005\0nvidia,tegra234\0"s;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text + "\n";
}

template <class Numbers>
std::string joined_numbers(const Numbers& numbers) {
  std::vector<std::string> words;
  for (const auto number : numbers) words.push_back(fmt::format("{:.0f}", double(number)));
  return joined(words);
}

Status write_identity(VirtualTree& tree) {
  WATTLE_CHECK(tree.write("/sys/firmware/devicetree/base/model", kModel));
  WATTLE_CHECK(tree.write("/sys/firmware/devicetree/base/compatible", kCompatible));
  WATTLE_CHECK(tree.write("/sys/firmware/devicetree/base/bus@0/gpu@17000000/name", "gpu\0"s));
  WATTLE_CHECK(tree.link("/proc/device-tree", "/sys/firmware/devicetree/base"));
  std::string cores;
  for (int core = 0; core < board::kCores; ++core) {
    cores += fmt::format(
        "processor\t: {}\nmodel name\t: ARMv8 Processor rev 1 (v8l)\nBogoMIPS\t: 62.50\n"
        "Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid "
        "asimdrdm lrcpc dcpop asimddp uscat ilrcpc flagm paca pacg\n"
        "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd42\n"
        "CPU revision\t: 1\n\n",
        core);
  }
  WATTLE_CHECK(tree.write("/proc/cpuinfo", cores));
  return tree.write("/proc/meminfo",
                    "MemTotal:       64325228 kB\nMemFree:        40239616 kB\n"
                    "MemAvailable:   43187200 kB\nBuffers:          104448 kB\n"
                    "Cached:          2842624 kB\nSwapTotal:             0 kB\n"
                    "SwapFree:              0 kB\n");
}

Status write_channel(VirtualTree& tree, const std::string& folder, int number, const char* label,
                     double mv) {
  const std::string in = fmt::format("{}/in{}", folder, number);
  WATTLE_CHECK(tree.write(in + "_label", label + "\n"s));
  WATTLE_CHECK(tree.write(in + "_enable", mv > 0.0 ? "1\n" : "0\n"));
  if (mv <= 0.0) return {};
  return tree.write(in + "_input", fmt::format("{:.0f}\n", mv));
}

Status write_power(VirtualTree& tree) {
  for (const auto& [folder, address] :
       {std::pair{board::kIna40, "1-0040"}, {board::kIna41, "1-0041"}}) {
    const std::string base = folder;
    WATTLE_CHECK(tree.write(base + "/name", "ina3221\n"));
    WATTLE_CHECK(tree.write(base + "/in7_label", "sum of shunt voltages\n"));
    WATTLE_CHECK(tree.write(base + "/in7_input", "0\n"));
    const std::string device = base.substr(0, base.find("/hwmon/"));
    WATTLE_CHECK(tree.link(base + "/device", device));
    WATTLE_CHECK(tree.link(fmt::format("/sys/bus/i2c/drivers/ina3221/{}", address), device));
  }
  WATTLE_CHECK(write_channel(tree, board::kIna40, 1, "VDD_GPU_SOC", board::kSupplyMv));
  WATTLE_CHECK(write_channel(tree, board::kIna40, 2, "VDD_CPU_CV", board::kSupplyMv));
  WATTLE_CHECK(write_channel(tree, board::kIna40, 3, "VIN_SYS_5V0", board::kSys5v0Mv));
  WATTLE_CHECK(write_channel(tree, board::kIna41, 1, "NC", 0.0));
  WATTLE_CHECK(write_channel(tree, board::kIna41, 2, "VDDQ_VDD2_1V8AO", board::kSys5v0Mv));
  return write_channel(tree, board::kIna41, 3, "NC", 0.0);
}

Status write_hwmon(VirtualTree& tree) {
  WATTLE_CHECK(tree.write(board::kFan + "/name"s, "pwmfan\n"));
  WATTLE_CHECK(tree.write(board::kTachometer + "/name"s, "pwm_tach\n"));
  const std::string overcurrent = "/sys/devices/platform/soctherm-oc/hwmon/hwmon5";
  WATTLE_CHECK(tree.write(overcurrent + "/name", "soctherm_oc\n"));
  for (int line = 1; line <= 3; ++line) {
    WATTLE_CHECK(tree.write(fmt::format("{}/oc{}_event_cnt", overcurrent, line), "0\n"));
    WATTLE_CHECK(tree.write(fmt::format("{}/oc{}_throt_en", overcurrent, line), "1\n"));
  }
  for (const std::string& folder : {board::kIna40 + ""s, board::kIna41 + ""s, board::kFan + ""s,
                                    board::kTachometer + ""s, overcurrent}) {
    WATTLE_CHECK(tree.link("/sys/class/hwmon" + folder.substr(folder.rfind('/')), folder));
  }
  return {};
}

Status write_zone(VirtualTree& tree, const BoardTexts& texts, int number, const std::string& type) {
  const std::string zone = fmt::format("{}/thermal_zone{}", board::kThermal, number);
  WATTLE_CHECK(tree.write(zone + "/type", type + "\n"));
  WATTLE_CHECK(tree.write(zone + "/mode", "enabled\n"));
  WATTLE_CHECK(tree.write(zone + "/policy", "step_wise\n"));
  if (type.starts_with("cv")) WATTLE_CHECK(tree.write(zone + "/temp", "-256000\n"));
  const auto trip = [&](int index, const char* kind, double at_c, double hysteresis_c) -> Status {
    const std::string file = fmt::format("{}/trip_point_{}_", zone, index);
    WATTLE_CHECK(tree.write(file + "type", kind + "\n"s));
    WATTLE_CHECK(tree.write(file + "temp", fmt::format("{:.0f}\n", at_c * 1000.0)));
    return tree.write(file + "hyst", fmt::format("{:.0f}\n", hysteresis_c * 1000.0));
  };
  constexpr double kShutdownC = 104.5;
  WATTLE_CHECK(trip(0, "passive", texts.throttle_trip_c, texts.throttle_hysteresis_c));
  return trip(1, "critical", kShutdownC, 0.0);
}

Status write_thermal(VirtualTree& tree, const BoardTexts& texts) {
  int number = 0;
  for (const char* type :
       {"cpu-thermal", "gpu-thermal", "cv0-thermal", "cv1-thermal", "cv2-thermal", "soc0-thermal",
        "soc1-thermal", "soc2-thermal", "tj-thermal"}) {
    WATTLE_CHECK(write_zone(tree, texts, number++, type));
  }
  number = 0;
  for (const auto& [type, most] :
       {std::pair<const char*, std::size_t>{"cpufreq-cpu0", cpu_table_khz().size() - 1},
        {"cpufreq-cpu4", cpu_table_khz().size() - 1},
        {"cpufreq-cpu8", cpu_table_khz().size() - 1},
        {"devfreq-17000000.gpu", texts.gpu_bins_hz.size() - 1},
        {"cpu-throttle-alert", 1},
        {"gpu-throttle-alert", 1},
        {"hot-surface-alert", 1}}) {
    const std::string device = fmt::format("{}/cooling_device{}", board::kThermal, number++);
    WATTLE_CHECK(tree.write(device + "/type", type + "\n"s));
    WATTLE_CHECK(tree.write(device + "/max_state", fmt::format("{}\n", most)));
    WATTLE_CHECK(tree.write(device + "/cur_state", "0\n"));
  }
  return {};
}

Status write_gpu(VirtualTree& tree, const BoardTexts& texts) {
  const std::string clock = board::kGpuClock;
  WATTLE_CHECK(tree.write(clock + "/available_frequencies", joined_numbers(texts.gpu_bins_hz)));
  WATTLE_CHECK(tree.write(clock + "/available_governors", joined(gpu_governors())));
  WATTLE_CHECK(tree.link(clock + "/device", board::kGpu));
  WATTLE_CHECK(
      tree.link(board::kGpu + "/of_node"s, "/sys/firmware/devicetree/base/bus@0/gpu@17000000"));
  WATTLE_CHECK(tree.link("/sys/class/devfreq/17000000.gpu", clock));
  const std::string memory = board::kMemoryClock;
  const auto& rates = memory_table_hz();
  WATTLE_CHECK(tree.write(memory + "/min_rate", fmt::format("{}\n", rates.front())));
  return tree.write(memory + "/mrq_rate_locked", "0\n");
}

Status write_cpus(VirtualTree& tree) {
  const std::string cpus = board::kCpus;
  WATTLE_CHECK(tree.write(cpus + "/present", fmt::format("0-{}\n", board::kCores - 1)));
  WATTLE_CHECK(tree.write(cpus + "/possible", fmt::format("0-{}\n", board::kCores - 1)));
  const auto& table = cpu_table_khz();
  for (int first = 0; first < board::kCores; first += board::kCoresEach) {
    const std::string policy = cpu_policy(first);
    std::vector<std::string> cores;
    for (int core = first; core < first + board::kCoresEach; ++core) {
      cores.push_back(std::to_string(core));
    }
    for (const auto& [file, text] :
         {std::pair<const char*, std::string>{"/related_cpus", joined(cores)},
          {"/affected_cpus", joined(cores)},
          {"/cpuinfo_min_freq", fmt::format("{:.0f}\n", table.front())},
          {"/cpuinfo_max_freq", fmt::format("{:.0f}\n", table.back())},
          {"/scaling_available_frequencies", joined_numbers(table)},
          {"/scaling_available_governors", joined(cpu_governors())},
          {"/scaling_driver", "tegra194\n"}}) {
      WATTLE_CHECK(tree.write(policy + file, text));
    }
    for (const std::string& core : cores) {
      WATTLE_CHECK(tree.link(cpus + "/cpu" + core + "/cpufreq", policy));
    }
  }
  return {};
}

}  // namespace

std::string cpu_policy(int first_core) {
  return fmt::format("{}/cpufreq/policy{}", board::kCpus, first_core);
}

const std::vector<double>& cpu_table_khz() {
  static const std::vector<double> kTable = [] {
    std::vector<double> table;
    for (double khz = 115'200.0; khz < 2'200'000.0; khz += 76'800.0) table.push_back(khz);
    table.push_back(2'201'600.0);
    return table;
  }();
  return kTable;
}

const std::vector<std::uint64_t>& memory_table_hz() {
  static const std::vector<std::uint64_t> kTable{204'000'000, 665'600'000, 2'133'000'000,
                                                 3'199'000'000};
  return kTable;
}

const std::vector<std::string>& gpu_governors() {
  static const std::vector<std::string> kNames{"nvhost_podgov", "simple_ondemand", "performance",
                                               "powersave"};
  return kNames;
}

const std::vector<std::string>& cpu_governors() {
  static const std::vector<std::string> kNames{"schedutil", "ondemand", "performance", "powersave"};
  return kNames;
}

Status write_board(VirtualTree& tree, const BoardTexts& texts) {
  WATTLE_CHECK(write_identity(tree));
  WATTLE_CHECK(write_power(tree));
  WATTLE_CHECK(write_hwmon(tree));
  WATTLE_CHECK(write_thermal(tree, texts));
  WATTLE_CHECK(write_gpu(tree, texts));
  WATTLE_CHECK(write_cpus(tree));
  WATTLE_CHECK(tree.write("/var/lib/nvpmodel/status", "pmode:0000 fmode:none\n"));
  WATTLE_CHECK(tree.write_program("/usr/sbin/nvpmodel", nvpmodel_script()));
  return tree.write_program("/usr/bin/tegrastats", tegrastats_script());
}

}  // namespace wattle::control
