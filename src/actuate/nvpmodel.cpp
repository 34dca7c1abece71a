#include "actuate/nvpmodel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <optional>

#include "actuate/knobs.hpp"
#include "base/subprocess.hpp"

namespace wattle::actuate {
namespace {

constexpr std::size_t kMostModes = 256;
constexpr double kChangeTimeout_s = 30.0;

std::optional<int> whole(std::string_view digits) {
  int value = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc{} || rest != digits.data() + digits.size()) return {};
  if (value < 0) return {};
  return value;
}

// The word after `key` in the line: "ID=" of "… ID=3 NAME=50W" is "3".
std::string_view word_after(std::string_view line, std::string_view key) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + key.size());
  return line.substr(0, line.find_first_of(" \t\r>"));
}

std::string_view next_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool asks_for_reboot(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text.find("reboot") != std::string::npos;
}

std::string last_words(const CommandOutput& output) {
  std::string_view text = trim(output.err.empty() ? output.out : output.err);
  if (const auto line = text.rfind('\n'); line != std::string_view::npos) {
    text.remove_prefix(line + 1);
  }
  return std::string(text.substr(0, 200));
}

class PowerModes final : public Actuator {
 public:
  PowerModes(FsRoot root, KnobInfo info, std::vector<PowerMode> modes)
      : root_(std::move(root)), info_(std::move(info)), modes_(std::move(modes)) {}
  [[nodiscard]] const KnobInfo& info() const override { return info_; }

  [[nodiscard]] Result<std::string> parse(std::string_view asked) const override {
    asked = trim(asked);
    for (const PowerMode& mode : modes_) {
      if (asked == mode.name || asked == std::to_string(mode.id)) return std::to_string(mode.id);
    }
    return fail(ErrorCode::out_of_range,
                fmt::format("nvpmodel cannot be set to '{}': the device does not have it",
                            asked.substr(0, 40)),
                fmt::format("Allowed: {}.", fmt::join(info_.words, ", ")));
  }

  [[nodiscard]] Result<std::string> read() override {
    WATTLE_TRY(const CommandOutput output, run_command(root_, {"nvpmodel", "-q"}));
    if (output.exit_code != 0) {
      return fail(ErrorCode::unavailable, "nvpmodel -q failed: " + last_words(output));
    }
    WATTLE_TRY(const int id, parse_power_mode_query(output.out));
    return std::to_string(id);
  }

  [[nodiscard]] Result<std::vector<Step>> plan(const std::string& from,
                                               const std::string& to) const override {
    if (from == to) return std::vector<Step>{};
    return std::vector<Step>{{Step::Kind::command, "nvpmodel -m " + to, to}};
  }

  // Without standard input nvpmodel cannot take its question for a reboot as answered with yes.
  [[nodiscard]] Status perform(const Step& step) override {
    CommandOptions options;
    options.timeout_s = kChangeTimeout_s;
    WATTLE_TRY(const CommandOutput output,
               run_command(root_, {"nvpmodel", "-m", step.value}, options));
    if (asks_for_reboot(output.out + output.err)) {
      return fail(ErrorCode::unsupported,
                  fmt::format("nvpmodel says that mode {} needs a reboot; it was not confirmed",
                              describe(step.value)),
                  fmt::format("If the machine may restart, run: sudo nvpmodel -m {}", step.value));
    }
    if (output.exit_code != 0) {
      return fail(ErrorCode::permission_denied,
                  fmt::format("nvpmodel -m {} failed: {}", step.value, last_words(output)),
                  "nvpmodel must be run as root: use sudo (docs/permissions.md).");
    }
    return {};
  }

  [[nodiscard]] std::string describe(const std::string& setting) const override {
    for (const PowerMode& mode : modes_) {
      if (setting == std::to_string(mode.id)) return fmt::format("{} ({})", setting, mode.name);
    }
    return setting;
  }

 private:
  FsRoot root_;
  KnobInfo info_;
  std::vector<PowerMode> modes_;
};

Result<std::unique_ptr<Actuator>> make(const FsRoot& root) {
  WATTLE_TRY(const CommandOutput output, run_command(root, {"nvpmodel", "-p", "--verbose"}));
  if (output.exit_code != 0) {
    return fail(ErrorCode::unavailable, "nvpmodel -p --verbose failed: " + last_words(output));
  }
  WATTLE_TRY(std::vector<PowerMode> modes, parse_power_modes(output.out));
  KnobInfo info;
  info.id = "nvpmodel";
  info.scope = "power mode: clocks and cores of the board";
  info.source = "nvpmodel";
  info.order = kOrderMode;
  for (const PowerMode& mode : modes)
    info.words.push_back(fmt::format("{} {}", mode.id, mode.name));
  auto actuator = std::make_unique<PowerModes>(root, std::move(info), std::move(modes));
  WATTLE_CHECK(actuator->read());
  return actuator;
}

}  // namespace

Result<std::vector<PowerMode>> parse_power_modes(std::string_view text) {
  std::vector<PowerMode> modes;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    const auto at = line.find("POWER_MODEL");
    if (at == std::string_view::npos) continue;
    const std::string_view rest = line.substr(at);
    const std::string_view name = word_after(rest, " NAME=");
    const std::string_view digits = word_after(rest, " ID=");
    if (name.empty() && digits.empty()) continue;
    const auto id = whole(digits);
    const bool repeated = std::any_of(modes.begin(), modes.end(), [&](const PowerMode& mode) {
      return mode.name == name || mode.id == id;
    });
    if (!id || name.empty() || repeated || modes.size() == kMostModes) {
      return fail(ErrorCode::invalid_format,
                  fmt::format("no power mode in nvpmodel's line '{}'", line.substr(0, 80)));
    }
    modes.push_back({*id, std::string(name)});
  }
  if (modes.empty()) {
    return fail(ErrorCode::invalid_format, "nvpmodel -p --verbose named no power mode");
  }
  return modes;
}

Result<int> parse_power_mode_query(std::string_view text) {
  bool named = false;
  while (!text.empty()) {
    const std::string_view line = trim(next_line(text));
    if (line.find("NV Power Mode") != std::string_view::npos) {
      named = true;
    } else if (named) {
      if (const auto id = whole(line)) return *id;
    }
  }
  return fail(ErrorCode::invalid_format, "nvpmodel -q did not say which power mode is set");
}

void add_nvpmodel(const FsRoot& root, Inventory& inventory) {
  if (auto program = find_program(root, "nvpmodel"); !program) {
    inventory.unavailable.push_back(
        {"nvpmodel", "nvpmodel", {program.error().what + ": only Jetsons have it", ""}});
    return;
  }
  if (auto actuator = make(root)) {
    inventory.actuators.push_back(*std::move(actuator));
  } else {
    inventory.unavailable.push_back(
        {"nvpmodel", "nvpmodel", {actuator.error().what, actuator.error().remedy}});
  }
}

}  // namespace wattle::actuate
