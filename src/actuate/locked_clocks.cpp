// Locked clocks of an NVIDIA GPU by NVML (nvmlDeviceSetGpuLockedClocks, MHz; needs root). NVML
// cannot say whether clocks are locked, nor where: what is put back is "unlocked", the driver's
// default. Setting: "LOW..HIGH" or "unlocked".
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "actuate/knobs.hpp"
#include "actuate/setting.hpp"
#include "base/platform/nvml/nvml.hpp"

namespace wattle::actuate {
namespace {

constexpr const char* kUnlocked = "unlocked";
constexpr const char* kRemedy =
    "Run with sudo: the driver lets only root lock clocks, and no udev rule changes that "
    "(docs/permissions.md).";

class LockedClocks final : public Actuator {
 public:
  LockedClocks(nvml::Device device, KnobInfo info)
      : device_(std::move(device)), info_(std::move(info)) {}
  [[nodiscard]] const KnobInfo& info() const override { return info_; }

  [[nodiscard]] Result<std::string> parse(std::string_view asked) const override {
    if (trim(asked) == kUnlocked) return std::string(kUnlocked);
    WATTLE_TRY(const Limits limits, parse_asked_limits(asked, info_));
    return limits_text(limits);
  }

  [[nodiscard]] Result<std::string> read() override {
    return fail(ErrorCode::unsupported, "NVML cannot say whether clocks are locked");
  }

  [[nodiscard]] Result<std::vector<Step>> plan(const std::string& /*from*/,
                                               const std::string& to) const override {
    if (to == kUnlocked) {
      return std::vector<Step>{
          {Step::Kind::library, "nvmlDeviceResetGpuLockedClocks", std::to_string(device_.index())}};
    }
    WATTLE_TRY(const Limits limits, parse_limits_text(to));
    return std::vector<Step>{{Step::Kind::library, "nvmlDeviceSetGpuLockedClocks",
                              fmt::format("{}, {}, {}", device_.index(), limits.low, limits.high)}};
  }

  [[nodiscard]] Status perform(const Step& step) override {
    Status done;
    if (step.target == "nvmlDeviceResetGpuLockedClocks") {
      done = device_.reset_graphics_clocks();
    } else {
      WATTLE_TRY(const Limits limits, limits_of(step.value));
      done = device_.lock_graphics_clocks(static_cast<std::uint32_t>(limits.low),
                                          static_cast<std::uint32_t>(limits.high));
    }
    if (!done && done.error().code == ErrorCode::permission_denied) done.error().remedy = kRemedy;
    return done;
  }

  [[nodiscard]] std::string describe(const std::string& setting) const override {
    return describe_limits(setting, Unit::mhz);
  }

  [[nodiscard]] std::string observe() override {
    const auto mhz = device_.clock_mhz(nvml::ClockDomain::graphics);
    return mhz ? format_quantity(*mhz, Unit::mhz) : "";
  }

 private:
  // "0, 816, 1300" as plan() writes it.
  static Result<Limits> limits_of(const std::string& arguments) {
    const auto first = arguments.find(", ");
    const auto second = arguments.find(", ", first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      return fail(ErrorCode::internal, "no clocks in '" + arguments + "'");
    }
    return parse_limits_text(arguments.substr(first + 2, second - first - 2) + ".." +
                             arguments.substr(second + 2));
  }

  nvml::Device device_;
  KnobInfo info_;
};

Result<std::vector<std::int64_t>> clocks_of(const nvml::Device& device) {
  WATTLE_TRY(const std::vector<std::uint32_t> memory, device.supported_memory_clocks_mhz());
  if (memory.empty()) return fail(ErrorCode::unsupported, "NVML names no memory clocks");
  const auto fastest = *std::max_element(memory.begin(), memory.end());
  WATTLE_TRY(const std::vector<std::uint32_t> clocks,
             device.supported_graphics_clocks_mhz(fastest));
  std::vector<std::int64_t> table(clocks.begin(), clocks.end());
  std::sort(table.begin(), table.end());
  table.erase(std::unique(table.begin(), table.end()), table.end());
  if (table.empty()) return fail(ErrorCode::unsupported, "NVML names no graphics clocks");
  return table;
}

}  // namespace

void add_locked_clocks(const FsRoot& root, const DiscoverOptions& options, Inventory& inventory) {
  if (options.nvml_library.empty() && root.root() != "/")
    return;  // the host's GPU is not the tree's
  const auto library =
      nvml::load(options.nvml_library.empty() ? nvml::kDefaultLibrary : options.nvml_library);
  if (!library) {
    inventory.unavailable.push_back(
        {"nvml", nvml::kDefaultLibrary, {library.error().what, library.error().remedy}});
    return;
  }
  for (const nvml::Device& device : library->devices) {
    KnobInfo info;
    info.id = fmt::format("nvml{}.clocks", device.index());
    info.group = "nvml.clocks";
    info.scope = device.name().value_or("NVIDIA GPU");
    info.source = "NVML";
    info.unit = Unit::mhz;
    info.limits = true;
    info.readable = false;
    info.default_setting = kUnlocked;
    info.order = kOrderClock;
    auto table = clocks_of(device);
    if (!table) {
      inventory.unavailable.push_back(
          {info.id, info.source, {table.error().what, table.error().remedy}});
      continue;
    }
    info.table = *std::move(table);
    inventory.actuators.push_back(std::make_unique<LockedClocks>(device, std::move(info)));
  }
}

}  // namespace wattle::actuate
