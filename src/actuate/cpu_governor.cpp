// The cpufreq governor of a policy: scaling_governor, one of scaling_available_governors.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "actuate/knobs.hpp"

namespace wattle::actuate {
namespace {

class Governor final : public FileActuator {
 public:
  Governor(const FsRoot& root, KnobInfo info) : FileActuator(root, std::move(info)) {
    check_writable({this->info().source});
  }

  [[nodiscard]] Result<std::string> parse(std::string_view asked) const override {
    const auto& words = info().words;
    if (std::find(words.begin(), words.end(), asked) != words.end()) return std::string(asked);
    return fail(ErrorCode::out_of_range,
                fmt::format("{} cannot be set to '{}': the device does not have it", info().id,
                            asked.substr(0, 40)),
                fmt::format("Allowed: {}.", fmt::join(words, ", ")));
  }

  [[nodiscard]] Result<std::string> read() override {
    WATTLE_TRY(const std::string text, root().read_text(info().source, 4096));
    const std::string_view word = trim(text);
    if (word.empty() || word.find_first_of(" \n") != std::string_view::npos) {
      return fail(ErrorCode::invalid_format,
                  "expected a governor's name in " + root().resolve(info().source).string());
    }
    return std::string(word);
  }

  [[nodiscard]] Result<std::vector<Step>> plan(const std::string& from,
                                               const std::string& to) const override {
    if (from == to) return std::vector<Step>{};
    return std::vector<Step>{{Step::Kind::file, info().source, to}};
  }
};

Result<std::unique_ptr<Actuator>> make(const FsRoot& root, const CpuPolicy& policy) {
  KnobInfo info;
  info.id = "cpu" + std::to_string(policy.first_cpu) + ".governor";
  info.group = "cpu.governor";
  info.scope = "cores " + policy.cpus;
  info.source = policy.folder + "/scaling_governor";
  info.order = kOrderGovernor;
  const std::string table = policy.folder + "/scaling_available_governors";
  WATTLE_TRY(const std::string text, root.read_text(table, 4096));
  std::istringstream words(text);
  for (std::string word; words >> word;) info.words.push_back(word);
  if (info.words.empty()) {
    return fail(ErrorCode::invalid_format,
                "the table in " + root.resolve(table).string() + " is empty");
  }
  auto actuator = std::make_unique<Governor>(root, std::move(info));
  WATTLE_CHECK(actuator->read());
  return actuator;
}

}  // namespace

void add_cpu_governor(const FsRoot& root, Inventory& inventory) {
  for (const CpuPolicy& policy : find_cpu_policies(root)) {
    if (auto actuator = make(root, policy)) {
      inventory.actuators.push_back(*std::move(actuator));
    } else {
      inventory.unavailable.push_back({"cpu" + std::to_string(policy.first_cpu) + ".governor",
                                       policy.folder,
                                       {actuator.error().what, actuator.error().remedy}});
    }
  }
}

}  // namespace wattle::actuate
