#pragma once
// Driving knobs: takes each at its first set(), and puts all back when it goes.

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "actuate/actuate.hpp"
#include "actuate/knob_lock.hpp"
#include "actuate/restore.hpp"
#include "actuate/state_file.hpp"

namespace wattle::actuate {

struct SessionOptions {
  std::filesystem::path folder;  // of locks and state files; empty: default_state_folder(root)
  Perform perform;
  // What the destructor could not put back.
  std::function<void(const RestoreOutcome&)> on_trouble;
};

struct SetOutcome {
  std::string knob;
  std::string asked;     // "1.2GHz"
  std::string setting;   // what was to be: "1200000..1200000"
  std::string got;       // read back; where the device says nothing, what was written
  bool rounded = false;  // got differs from setting by the driver's own rounding
};

// Not thread safe. Holding a knob writes its state file and locks it; every set() after that is two
// notes in memory, the writes, and the read-back.
class Session {
 public:
  Session(FsRoot root, Inventory inventory, SessionOptions options = {});
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  [[nodiscard]] const Inventory& inventory() const { return inventory_; }

  // Locks the knob, records what it is, writes nothing to the device. What an earlier driver that
  // died has recorded stays the original. `unavailable` if another process drives it.
  [[nodiscard]] Status hold(Actuator& actuator);

  // Writes in the right order and reads back. Not what was asked for: `io`, naming both. Whatever
  // fails, the knob stays held and is put back in the end.
  [[nodiscard]] Result<SetOutcome> set(const Target& target);
  // By id or group, value as a person writes it. All are checked and held before the first write.
  [[nodiscard]] Result<std::vector<SetOutcome>> set(std::string_view knob, std::string_view value);

  // Lets go of every knob without putting it back; the records stay for restore_all().
  [[nodiscard]] Status keep();

  // Puts back and lets go of all, the last one held first. A knob whose value is not ours any more
  // is left, and its record with it.
  std::vector<RestoreOutcome> restore();

 private:
  struct Held {
    Actuator* actuator;
    KnobLock lock;
    State state;
    bool found_kept;   // an earlier driver left it set on purpose: so it stays
    std::string back;  // what restore() puts back
    std::string last;  // the setting as far as we know
    Journal journal;
  };
  Held* find(const Actuator& actuator);
  Status drive(Held& held, const std::string& setting);

  FsRoot root_;
  Inventory inventory_;
  SessionOptions options_;
  std::filesystem::path folder_;
  std::string boot_id_;
  std::deque<Held> held_;
};

}  // namespace wattle::actuate
