#pragma once
// One knob of a device: what it may be set to, what it is set to, and the writes that change it.
// A knob's setting is a short text in its own unit ("816000", "306000000..816000000",
// "performance", "0-3"); what it looks like is said by each actuator's header.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fs_root.hpp"
#include "base/result.hpp"

namespace wattle::actuate {

enum class Unit { none, khz, hz, mhz, pwm };     // pwm: 0–255
[[nodiscard]] const char* unit_name(Unit unit);  // "kHz", "Hz", "MHz", "of 255", ""

struct Range {
  std::int64_t min = 0;
  std::int64_t max = 0;
};

// Why a knob cannot be driven here, and what to do about it.
struct Problem {
  std::string reason;
  std::string remedy;  // may be empty
};

struct KnobInfo {
  std::string id;      // "cpu0.freq", stable over boots
  std::string group;   // "cpu.freq": all knobs of a group can be set at once; may be empty
  std::string scope;   // for people: "cores 0-3", "17000000.gpu"
  std::string source;  // path or program below the root
  Unit unit = Unit::none;
  bool limits = false;              // takes LOW..HIGH; one value sets both
  std::vector<std::int64_t> table;  // the device's own values, rising
  std::optional<Range> range;       // where it has none: anything between
  std::vector<std::string> words;   // governors, power modes
  bool readable = true;             // false: the device does not say what it is set to, and
  std::string default_setting;      // this is put back
  int order = 0;                    // knobs of a lower order are set first
  std::optional<Problem> problem;   // it can be seen, but not set
};

// A knob that ought to be here, or is on other machines, and is not.
struct Unavailable {
  std::string id;
  std::string source;
  Problem problem;
};

// One thing done to the device.
struct Step {
  enum class Kind { file, command, library };
  Kind kind = Kind::file;
  std::string target;  // path below the root; program with arguments; function
  std::string value;   // what is written; arguments of the function
};
[[nodiscard]] std::string step_text(const Step& step);  // "write 816000 to /sys/…"

// Not thread safe: one caller at a time.
class Actuator {
 public:
  virtual ~Actuator() = default;
  [[nodiscard]] virtual const KnobInfo& info() const = 0;

  // What a person asked for ("1.2GHz", "max", "50%") as a setting. Not in the device's own table:
  // `out_of_range`, naming the table or the nearest values. Not understood: `invalid_argument`.
  [[nodiscard]] virtual Result<std::string> parse(std::string_view asked) const = 0;

  // The present setting. `unsupported` if the device does not say (info().readable is false).
  [[nodiscard]] virtual Result<std::string> read() = 0;

  // What leads from one setting to another, in the order in which it must be done. Also for a
  // setting found on the device that parse() would refuse.
  [[nodiscard]] virtual Result<std::vector<Step>> plan(const std::string& from,
                                                       const std::string& to) const = 0;

  // Does one step of plan().
  [[nodiscard]] virtual Status perform(const Step& step) = 0;

  // Whether `got` is `wanted` up to the rounding that drivers of this kind are known for.
  [[nodiscard]] virtual bool accepts(const std::string& wanted, const std::string& got) const {
    return wanted == got;
  }

  // A setting for people: "816 MHz".
  [[nodiscard]] virtual std::string describe(const std::string& setting) const { return setting; }

  // What the device does just now, for people ("at 1113.6 MHz"); empty if there is no such thing.
  [[nodiscard]] virtual std::string observe() { return {}; }
};

// An actuator whose steps are writes to files below a root.
class FileActuator : public Actuator {
 public:
  FileActuator(FsRoot root, KnobInfo info) : root_(std::move(root)), info_(std::move(info)) {}
  [[nodiscard]] const KnobInfo& info() const override { return info_; }
  [[nodiscard]] Status perform(const Step& step) override;

 protected:
  [[nodiscard]] const FsRoot& root() const { return root_; }
  // Sets info().problem if one of these files may not be written.
  void check_writable(const std::vector<std::string>& paths);
  KnobInfo& mutable_info() { return info_; }

 private:
  FsRoot root_;
  KnobInfo info_;
};

}  // namespace wattle::actuate
