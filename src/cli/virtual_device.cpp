// wattle virtual-device: a simulated board below a folder, for the other commands' --root.
#include "control/virtual_device.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"

namespace wattle::cli {
namespace {

constexpr double kNanosecondsPerS = 1e9;

struct Options {
  std::string folder;
  std::string board = "agx-orin";
  std::string load = "host";
  std::string fan = "on";
  control::VirtualDeviceOptions device;
  std::optional<double> temperature_c;
  double rate_hz = 50.0;
  double every_s = 1.0;
  double for_s = 0.0;  // 0: until it is interrupted
  bool json = false;
  bool quiet = false;
  bool remove = false;
};

Result<double> parse_fan(const std::string& text) {
  constexpr double kFull = 255.0;
  if (text == "on") return 1.0;
  if (text == "off") return 0.0;
  const auto duty = control::accept_number(text, 0, static_cast<std::uint64_t>(kFull), false);
  if (!duty) {
    return fail(ErrorCode::invalid_argument, "--fan is '" + text.substr(0, 40) + "'",
                "Give on, off, or a duty from 0 to 255.");
  }
  return std::stod(*duty) / kFull;
}

Json to_json(const control::VirtualState& state) {
  return {{"simulated", true},
          {"t_s", state.seconds},
          {"power_w", state.power_w},
          {"energy_j", state.energy_j},
          {"temperature_c", state.temperature_c},
          {"gpu_hz", state.gpu_hz},
          {"gpu_busy", state.gpu_busy},
          {"step_s", state.step_s ? Json(*state.step_s) : Json()},
          {"memory_hz", state.memory_hz},
          {"fan_duty", state.fan_duty},
          {"throttled_bins", state.throttled_bins}};
}

std::string status_line(const control::VirtualState& state) {
  return fmt::format("{:6.2f} W  {:5.1f} °C  GPU {:6.1f} MHz {:3.0f} % busy  fan {:3.0f} %{}",
                     state.power_w, state.temperature_c, state.gpu_hz * 1e-6,
                     state.gpu_busy * 100.0, state.fan_duty * 100.0,
                     state.throttled_bins > 0 ? "  throttled" : "");
}

// What to do with it, on standard output; with --json one object.
void announce(const Options& options) {
  const std::string folder = std::filesystem::absolute(options.folder).lexically_normal().string();
  if (options.json) {
    fmt::print("{}\n", dump_json({{"event", "ready"},
                                  {"simulated", true},
                                  {"root", folder},
                                  {"board", options.board},
                                  {"load", options.load}}));
  } else if (!options.quiet) {
    fmt::print(
        "A simulated Jetson AGX Orin is in {0}. Nothing in it is measured.\nIn another terminal:\n"
        "  wattle sense list --root {0}\n"
        "  {0}/usr/sbin/nvpmodel -q\n"
        "  {0}/usr/bin/tegrastats\n"
        "  echo 612000000 > {0}/sys/class/devfreq/17000000.gpu/max_freq\n"
        "Ctrl-C ends it{1}.\n",
        folder, options.remove ? " and removes the folder" : "; the folder stays as it is then");
  }
  std::fflush(stdout);
}

class StatusPrinter {
 public:
  explicit StatusPrinter(const Options& options)
      : options_(options), live_(!options.json && !options.quiet && ::isatty(STDERR_FILENO) == 1) {}
  ~StatusPrinter() {
    if (printed_) fmt::print(stderr, "\n");
  }
  StatusPrinter(const StatusPrinter&) = delete;
  StatusPrinter& operator=(const StatusPrinter&) = delete;

  void print(const control::VirtualState& state) {
    if (options_.json) {
      fmt::print("{}\n", dump_json(to_json(state)));
      std::fflush(stdout);
    } else if (live_) {
      fmt::print(stderr, "\r\033[K{}", status_line(state));
      std::fflush(stderr);
      printed_ = true;
    }
  }

 private:
  const Options& options_;
  bool live_;
  bool printed_ = false;
};

Status drive(control::VirtualDevice& device, const Options& options, Clock& clock) {
  const auto in_ns = [](double seconds) {
    return static_cast<std::int64_t>(seconds * kNanosecondsPerS);
  };
  const std::int64_t start_ns = clock.monotonic_ns();
  std::int64_t print_ns = start_ns;
  StatusPrinter printer(options);
  while (!interrupted()) {
    WATTLE_CHECK(device.step());
    const std::int64_t now_ns = clock.monotonic_ns();
    if (now_ns >= print_ns) {
      printer.print(device.state());
      print_ns = std::max(print_ns + in_ns(options.every_s), now_ns);
    }
    if (options.for_s > 0.0 && now_ns - start_ns >= in_ns(options.for_s)) return {};
    clock.sleep_ns(in_ns(1.0 / options.rate_hz));
  }
  return {};
}

int run(Options options) {
  const auto load = control::parse_load(options.load);
  if (!load) return report(load.error());
  const auto fan = parse_fan(options.fan);
  if (!fan) return report(fan.error());
  options.device.load = *load;
  options.device.fan_duty = *fan;
  options.device.temperature_c = options.temperature_c;
  SystemClock clock;
  auto device = control::VirtualDevice::create(options.folder, options.device, clock);
  if (!device) return report(device.error());
  announce(options);
  const Status driven = drive(**device, options, clock);
  if (options.remove) {
    if (const Status removed = (*device)->remove(); driven && !removed) {
      return report(removed.error());
    }
  }
  if (!driven) return report(driven.error());
  return interrupted() && options.for_s > 0.0 ? kInterrupted : kOk;
}

}  // namespace

void add_virtual_device(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  auto& model = options->device.model;
  CLI::App* device = app.add_subcommand(
      "virtual-device", "A simulated Jetson AGX Orin in a folder, for --root of other commands");
  device->add_option("folder", options->folder, "New or empty folder, or one of an earlier device")
      ->required();
  device->add_option("--board", options->board, "Which board")
      ->capture_default_str()
      ->check(CLI::IsMember({"agx-orin"}));
  device
      ->add_option("--load", options->load,
                   "idle, busy, prefill[:TOKENS], decode:BATCH, a share from 0 to 1 of the highest "
                   "clock, or host: the busy share of this machine's processors")
      ->capture_default_str();
  device->add_option("--fan", options->fan, "Duty at the start: on, off, or 0 to 255")
      ->capture_default_str();
  device->add_option("--ambient", model.ambient_c, "Temperature of the air, °C")
      ->capture_default_str()
      ->check(CLI::Range(-40.0, 80.0));
  device->add_option("--temperature", options->temperature_c, "At the start, °C (else ambient)")
      ->check(CLI::Range(-40.0, 120.0));
  device->add_option("--trip", model.throttle_trip_c, "Throttles from this temperature on, °C")
      ->capture_default_str()
      ->check(CLI::Range(30.0, 120.0));
  device->add_option("--speed", options->device.speed, "Heats and cools so many times faster")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 10000.0));
  device->add_option("--rate", options->rate_hz, "Updates a second")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1000.0));
  device->add_option("--for", options->for_s, "End after so many seconds (else at Ctrl-C)")
      ->check(CLI::Range(0.0, 1e7));
  device->add_option("--every", options->every_s, "Seconds between two lines of status")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0));
  device->add_flag("--json", options->json, "Print the status as a line of JSON each");
  device->add_flag("--quiet", options->quiet, "Print errors only");
  device->add_flag("--remove", options->remove, "Remove the folder at the end");
  device->footer(
      "Example: wattle virtual-device /dev/shm/orin --load decode:32 --speed 20\n"
      "         wattle sense list --root /dev/shm/orin\n"
      "Computed by formulas, never measured: docs/virtual-device.md.\n"
      "Exit code 2 if the folder holds something else, 4 if it cannot be written (the tree stays "
      "whole).");
  device->callback(
      [options, &invocation] { invocation.run = [options] { return run(*options); }; });
}

}  // namespace wattle::cli
