#pragma once
// A pair of files with the lowest and the highest clock that a governor may choose. Setting:
// "LOW..HIGH" in the knob's unit.

#include <string>

#include "actuate/actuator.hpp"
#include "actuate/setting.hpp"

namespace wattle::actuate {

struct ClockFiles {
  std::string min;
  std::string max;
  std::string current;  // what it runs at; empty if there is none
};

class ClockLimits final : public FileActuator {
 public:
  // rounding: by how much what is read back may differ from what was written, in the knob's unit.
  ClockLimits(const FsRoot& root, KnobInfo info, ClockFiles files, std::int64_t rounding);
  [[nodiscard]] Result<std::string> parse(std::string_view asked) const override;
  [[nodiscard]] Result<std::string> read() override;
  [[nodiscard]] Result<std::vector<Step>> plan(const std::string& from,
                                               const std::string& to) const override;
  [[nodiscard]] bool accepts(const std::string& wanted, const std::string& got) const override;
  [[nodiscard]] std::string describe(const std::string& setting) const override;
  [[nodiscard]] std::string observe() override;

 private:
  ClockFiles files_;
  std::int64_t rounding_;
};

}  // namespace wattle::actuate
