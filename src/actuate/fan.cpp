// Fan duty, 0–255: pwm1 of a hwmon chip named pwmfan (Jetson since JetPack 5, Raspberry Pi), or the
// older /sys/devices/pwm-fan/target_pwm. Other chips' pwm files are left alone: a wrong one stops a
// server's cooling. Setting: "128", or "128 enable=1" where pwm1_enable says who drives it
// (1: whoever writes pwm1; Documentation/hwmon/pwm-fan.rst).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "actuate/knobs.hpp"
#include "actuate/setting.hpp"

namespace wattle::actuate {
namespace {

constexpr const char* kHwmon = "/sys/class/hwmon";
constexpr const char* kJetsonFan = "/sys/devices/platform/pwm-fan/hwmon";
constexpr const char* kLegacyFile = "/sys/devices/pwm-fan/target_pwm";
constexpr std::string_view kEnable = " enable=";
constexpr const char* kManual = "1";

struct Duty {
  std::string pwm;
  std::string enable;  // empty where there is no such file
};

Duty split(const std::string& setting) {
  const auto at = setting.find(kEnable);
  if (at == std::string::npos) return {setting, ""};
  return {setting.substr(0, at), setting.substr(at + kEnable.size())};
}

class Fan final : public FileActuator {
 public:
  Fan(const FsRoot& root, KnobInfo info, std::string enable_file)
      : FileActuator(root, std::move(info)), enable_file_(std::move(enable_file)) {
    std::vector<std::string> files{this->info().source};
    if (!enable_file_.empty()) files.push_back(enable_file_);
    check_writable(files);
  }

  [[nodiscard]] Result<std::string> parse(std::string_view asked) const override {
    WATTLE_TRY(const std::int64_t pwm, parse_allowed(asked, info()));
    std::string setting = std::to_string(pwm);
    if (!enable_file_.empty()) setting.append(kEnable).append(kManual);
    return setting;
  }

  [[nodiscard]] Result<std::string> read() override {
    WATTLE_TRY(const std::uint64_t pwm, root().read_uint(info().source));
    if (pwm > 255) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("expected 0 to 255 in {}, found {}",
                              root().resolve(info().source).string(), pwm));
    }
    std::string setting = std::to_string(pwm);
    if (!enable_file_.empty()) {
      WATTLE_TRY(const std::uint64_t enable, root().read_uint(enable_file_));
      setting.append(kEnable).append(std::to_string(enable));
    }
    return setting;
  }

  // The duty is written while it is ours to write, and automatic control goes back on last.
  [[nodiscard]] Result<std::vector<Step>> plan(const std::string& from,
                                               const std::string& to) const override {
    const Duty before = split(from);
    const Duty after = split(to);
    std::vector<Step> steps;
    std::string enable = before.enable;
    const auto set_enable = [&](const std::string& value) {
      if (value.empty() || value == enable) return;
      steps.push_back({Step::Kind::file, enable_file_, value});
      enable = value;
    };
    if (after.pwm != before.pwm || before.enable != after.enable) {
      if (!after.enable.empty()) set_enable(kManual);
      steps.push_back({Step::Kind::file, info().source, after.pwm});
    }
    set_enable(after.enable);
    return steps;
  }

  // Once control is automatic again, the duty is not ours to compare.
  [[nodiscard]] bool accepts(const std::string& wanted, const std::string& got) const override {
    const Duty w = split(wanted);
    const Duty g = split(got);
    return w.enable == g.enable && (w.pwm == g.pwm || (!w.enable.empty() && w.enable != kManual));
  }

  [[nodiscard]] std::string describe(const std::string& setting) const override {
    const Duty duty = split(setting);
    int pwm = 0;
    std::from_chars(duty.pwm.data(), duty.pwm.data() + duty.pwm.size(), pwm);
    return fmt::format("{} ({:.0f} %){}", duty.pwm, pwm * 100.0 / 255.0,
                       duty.enable.empty() || duty.enable == kManual ? "" : ", automatic");
  }

 private:
  std::string enable_file_;
};

void add_one(const FsRoot& root, const std::string& pwm_file, const std::string& enable_file,
             int number, Inventory& inventory) {
  KnobInfo info;
  info.id = number == 1 ? "fan.pwm" : fmt::format("fan{}.pwm", number);
  info.scope = "duty of the fan";
  info.source = pwm_file;
  info.unit = Unit::pwm;
  info.range = Range{0, 255};
  info.order = kOrderFan;
  if (const auto pid = find_process(root, "nvfancontrol")) {
    info.problem = Problem{
        fmt::format("nvfancontrol (process {}) drives the fan and would overwrite it", *pid),
        "Stop it with: sudo systemctl stop nvfancontrol (and start it again afterwards)."};
  }
  const std::string id = info.id;
  auto fan = std::make_unique<Fan>(root, std::move(info), enable_file);
  if (auto now = fan->read(); !now) {
    inventory.unavailable.push_back({id, pwm_file, {now.error().what, now.error().remedy}});
    return;
  }
  inventory.actuators.push_back(std::move(fan));
}

// Every folder below which a fan's pwm1 lies, without naming one fan twice.
std::vector<std::string> fan_folders(const FsRoot& root) {
  std::vector<std::string> folders;
  std::vector<std::filesystem::path> real;
  const auto add = [&](const std::string& folder) {
    if (!root.exists(folder + "/pwm1")) return;
    std::error_code error;
    const auto path = std::filesystem::canonical(root.resolve(folder), error);
    if (error || std::find(real.begin(), real.end(), path) != real.end()) return;
    real.push_back(path);
    folders.push_back(folder);
  };
  for (const auto& name : root.list(kJetsonFan).value_or(std::vector<std::string>{})) {
    add(std::string(kJetsonFan) + "/" + name);
  }
  for (const auto& name : root.list(kHwmon).value_or(std::vector<std::string>{})) {
    const std::string folder = std::string(kHwmon) + "/" + name;
    const auto chip = root.read_text(folder + "/name", 4096);
    if (chip && trim(*chip) == "pwmfan") add(folder);
  }
  return folders;
}

}  // namespace

std::optional<int> find_process(const FsRoot& root, std::string_view name) {
  for (const auto& entry : root.list("/proc").value_or(std::vector<std::string>{})) {
    int pid = 0;
    const char* const end = entry.data() + entry.size();
    const auto [rest, error] = std::from_chars(entry.data(), end, pid);
    if (error != std::errc{} || rest != end) continue;
    const auto comm = root.read_text("/proc/" + entry + "/comm", 4096);
    if (comm && trim(*comm) == name) return pid;
  }
  return {};
}

void add_fan(const FsRoot& root, Inventory& inventory) {
  int number = 0;
  for (const std::string& folder : fan_folders(root)) {
    const std::string enable = folder + "/pwm1_enable";
    add_one(root, folder + "/pwm1", root.exists(enable) ? enable : "", ++number, inventory);
  }
  if (number == 0 && root.exists(kLegacyFile)) add_one(root, kLegacyFile, "", ++number, inventory);
  if (number == 0) {
    inventory.unavailable.push_back(
        {"fan.pwm", kHwmon, {"no fan that the kernel drives by pwm-fan", ""}});
  }
}

}  // namespace wattle::actuate
