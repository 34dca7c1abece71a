// Which cores are online: cpuN/online, 0 or 1. A core without that file (cpu0 on most machines)
// cannot be switched off. Setting: a list such as "0-3,8".
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "actuate/knobs.hpp"
#include "actuate/setting.hpp"

namespace wattle::actuate {
namespace {

constexpr const char* kCpus = "/sys/devices/system/cpu";

struct Core {
  int number = 0;
  bool fixed = false;  // always on
};

std::string online_file(int cpu) {
  return fmt::format("{}/cpu{}/online", kCpus, cpu);
}

class Cores final : public FileActuator {
 public:
  Cores(const FsRoot& root, KnobInfo info, std::vector<Core> cores)
      : FileActuator(root, std::move(info)), cores_(std::move(cores)) {
    std::vector<std::string> files;
    for (const Core& core : cores_) {
      if (!core.fixed) files.push_back(online_file(core.number));
    }
    check_writable(files);
  }

  // "4": the first four; "0-3,8" or "2,": just these; "min": those that cannot be off.
  [[nodiscard]] Result<std::string> parse(std::string_view asked) const override {
    asked = trim(asked);
    std::vector<int> wanted;
    if (asked == "max" || asked == "all") {
      wanted = first(cores_.size());
    } else if (asked == "min") {
      wanted = first(1);
    } else if (asked.find_first_of(",-") == std::string_view::npos) {
      WATTLE_TRY(const std::int64_t n, parse_quantity(asked, Unit::none));
      if (n < 1 || n > std::ssize(cores_)) {
        return refuse(asked, fmt::format("there are {} cores", cores_.size()));
      }
      wanted = first(static_cast<std::size_t>(n));
    } else {
      auto list = parse_cpu_list(asked);
      if (!list) {
        list.error().code = ErrorCode::invalid_argument;
        list.error().remedy = "Write 4 for the first four cores, or 0-3,8 for just these.";
        return std::unexpected(list.error());
      }
      wanted = *std::move(list);
    }
    for (const int cpu : wanted) {
      if (std::none_of(cores_.begin(), cores_.end(),
                       [&](const Core& core) { return core.number == cpu; })) {
        return refuse(asked, fmt::format("there is no core {}", cpu));
      }
    }
    for (const Core& core : cores_) {
      if (core.fixed && !std::binary_search(wanted.begin(), wanted.end(), core.number)) {
        return refuse(asked, fmt::format("core {} cannot be switched off", core.number));
      }
    }
    return cpu_list_text(wanted);
  }

  [[nodiscard]] Result<std::string> read() override {
    std::vector<int> online;
    for (const Core& core : cores_) {
      std::int64_t on = 1;
      if (!core.fixed) {
        WATTLE_TRY(on, root().read_int(online_file(core.number)));
      }
      if (on != 0 && on != 1) {
        return fail(ErrorCode::invalid_format,
                    fmt::format("expected 0 or 1 in {}, found {}",
                                root().resolve(online_file(core.number)).string(), on));
      }
      if (on == 1) online.push_back(core.number);
    }
    return cpu_list_text(online);
  }

  // On before off, so that there is a core at every moment.
  [[nodiscard]] Result<std::vector<Step>> plan(const std::string& from,
                                               const std::string& to) const override {
    WATTLE_TRY(const std::vector<int> before, parse_cpu_list(from));
    WATTLE_TRY(const std::vector<int> after, parse_cpu_list(to));
    std::vector<Step> steps;
    for (const int cpu : after) {
      if (!std::binary_search(before.begin(), before.end(), cpu)) {
        steps.push_back({Step::Kind::file, online_file(cpu), "1"});
      }
    }
    for (auto cpu = before.rbegin(); cpu != before.rend(); ++cpu) {
      if (!std::binary_search(after.begin(), after.end(), *cpu)) {
        steps.push_back({Step::Kind::file, online_file(*cpu), "0"});
      }
    }
    return steps;
  }

  [[nodiscard]] std::string describe(const std::string& setting) const override {
    const auto cpus = parse_cpu_list(setting);
    return cpus ? fmt::format("{} ({})", cpus->size(), setting) : setting;
  }

 private:
  [[nodiscard]] std::vector<int> first(std::size_t n) const {
    std::vector<int> numbers;
    for (std::size_t i = 0; i < n; ++i) numbers.push_back(cores_[i].number);
    return numbers;
  }

  [[nodiscard]] std::unexpected<Error> refuse(std::string_view asked,
                                              const std::string& why) const {
    return fail(ErrorCode::out_of_range,
                fmt::format("{} cannot be set to '{}': {}", info().id, asked.substr(0, 40), why),
                fmt::format("Cores here: {}.", fmt::join(info().words, ", ")));
  }

  std::vector<Core> cores_;
};

std::vector<Core> find_cores(const FsRoot& root) {
  std::vector<Core> cores;
  for (const auto& name : root.list(kCpus).value_or(std::vector<std::string>{})) {
    int number = 0;
    if (!name.starts_with("cpu")) continue;
    const char* const end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + 3, end, number);
    if (error != std::errc{} || rest != end || number < 0) continue;
    cores.push_back({number, !root.exists(online_file(number))});
  }
  return cores;
}

}  // namespace

void add_cpu_cores(const FsRoot& root, Inventory& inventory) {
  std::vector<Core> cores = find_cores(root);
  if (std::all_of(cores.begin(), cores.end(), [](const Core& core) { return core.fixed; })) {
    inventory.unavailable.push_back(
        {"cpu.cores", kCpus, {"no core here can be switched off (no cpuN/online)", ""}});
    return;
  }
  KnobInfo info;
  info.id = "cpu.cores";
  info.source = std::string(kCpus) + "/cpu*/online";
  info.order = kOrderCores;
  std::vector<int> numbers;
  std::vector<int> always;
  for (const Core& core : cores) {
    numbers.push_back(core.number);
    if (core.fixed) always.push_back(core.number);
  }
  info.scope = fmt::format("{} cores", numbers.size());
  info.words = {cpu_list_text(numbers)};
  if (!always.empty()) info.words.push_back(cpu_list_text(always) + " always on");
  auto actuator = std::make_unique<Cores>(root, std::move(info), std::move(cores));
  if (auto now = actuator->read(); !now) {
    inventory.unavailable.push_back({"cpu.cores", kCpus, {now.error().what, now.error().remedy}});
    return;
  }
  inventory.actuators.push_back(std::move(actuator));
}

}  // namespace wattle::actuate
